//! The format of a sealed object.
//!
//! An object is cut into segments of 64 KiB, the last of which may be shorter, and each is sealed by itself, so that a range
//! can be read without the rest. A sealed segment is a header (format, name of the key, object id), the bytes under
//! AES-256-GCM, and the tag. The construction is that of age's payloads (STREAM, Hoang et al. 2015): the key of an object is
//! derived by HKDF-SHA-256 from the store's key, a random object id and the object's path, so no nonce is ever used twice,
//! and the nonce is the segment's number and whether it is the last, so that segments cannot be moved, left out or cut off.

use bytes::{Bytes, BytesMut};
use object_store::Result;
use object_store::path::Path;
use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};

use super::failed;
use super::keys::{KeyId, ObjectId, SealingKeys};
use crate::store::hex;

/// How many plain bytes a segment has that is not the last.
pub(super) const SEGMENT: u64 = 64 * 1024;

/// How many bytes it has when it is sealed.
pub(super) const SEALED_SEGMENT: u64 = SEGMENT + OVERHEAD;

/// What a sealed object begins with: its kind, and the number of the format. No text does.
const FORMAT: [u8; 8] = *b"\xd3dfml\0s1";

const HEADER: usize = 32;
const TAG: usize = 16;
const OVERHEAD: u64 = (HEADER + TAG) as u64;

type Header = [u8; HEADER];

/// The name of the key that an object was sealed with, if it is sealed.
pub(crate) fn key_id_of(object: &[u8]) -> Option<String> {
    let header = object.get(..HEADER)?;
    header.starts_with(&FORMAT).then(|| hex(&header[8..16]))
}

/// The segments of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segments {
    sealed_size: u64,
}

impl Segments {
    /// Those of an object of that size in the store, be it one that can be opened or not.
    pub(super) fn of_sealed(size: u64) -> Self {
        Self { sealed_size: size }
    }

    /// The size of the plain object.
    pub(super) fn plain_size(self) -> u64 {
        self.sealed_size.saturating_sub((self.last() + 1) * OVERHEAD)
    }

    /// The number of the last segment, from 0.
    fn last(self) -> u64 {
        self.sealed_size.div_ceil(SEALED_SEGMENT).saturating_sub(1)
    }

    /// Whether the last segment can be one: only that of an empty object has no bytes.
    fn are_whole(self) -> bool {
        let last = self.sealed_size_of(self.last()) as u64;
        last > OVERHEAD || last == OVERHEAD && self.last() == 0
    }

    /// How many bytes of the store are that segment's.
    pub(super) fn sealed_size_of(self, index: u64) -> usize {
        self.sealed_size.saturating_sub(index * SEALED_SEGMENT).min(SEALED_SEGMENT) as usize
    }
}

/// Seals one object, from its beginning to its end.
#[derive(Debug)]
pub(super) struct Sealer {
    header: Header,
    cipher: LessSafeKey,
    next: u64,
}

impl Sealer {
    /// Seals with the first key what will lie at `location`.
    pub(super) fn new(keys: &SealingKeys, location: &Path) -> Result<Self> {
        let (key, mut object) = (keys.first(), ObjectId::default());
        getrandom::fill(&mut object).map_err(|e| failed(format!("there are no random numbers: {e}")))?;
        let cipher = keys.cipher(key, object, location).ok_or_else(not_sealed)?;
        let mut header = Header::default();
        header[..8].copy_from_slice(&FORMAT);
        header[8..16].copy_from_slice(&key);
        header[16..].copy_from_slice(&object);
        Ok(Self { header, cipher, next: 0 })
    }

    /// Seals bytes after which there are more: whole segments.
    pub(super) fn seal(&mut self, plain: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(plain.len() / SEGMENT as usize * SEALED_SEGMENT as usize);
        plain.chunks(SEGMENT as usize).try_for_each(|segment| self.seal_segment(segment, false, &mut sealed))?;
        Ok(sealed)
    }

    /// Seals what is left, which may be nothing.
    pub(super) fn seal_last(&mut self, plain: &[u8]) -> Result<Vec<u8>> {
        let last = plain.len().saturating_sub(1) / SEGMENT as usize * SEGMENT as usize;
        let mut sealed = self.seal(&plain[..last])?;
        self.seal_segment(&plain[last..], true, &mut sealed)?;
        Ok(sealed)
    }

    fn seal_segment(&mut self, plain: &[u8], is_last: bool, sealed: &mut Vec<u8>) -> Result<()> {
        sealed.extend_from_slice(&self.header);
        let begin = sealed.len();
        sealed.extend_from_slice(plain);
        let nonce = nonce(self.next, is_last);
        let tag = self.cipher.seal_in_place_separate_tag(nonce, Aad::from(self.header), &mut sealed[begin..]);
        sealed.extend_from_slice(tag.map_err(|_| not_sealed())?.as_ref());
        self.next += 1;
        Ok(())
    }
}

fn not_sealed() -> object_store::Error {
    failed("an object could not be sealed, which is a fault of datafusion-ml; report it".to_owned())
}

/// Opens the segments of one object.
pub(super) struct Opener {
    keys: SealingKeys,
    location: Path,
    segments: Segments,
    /// From the first segment on.
    object: Option<(Header, LessSafeKey)>,
}

impl Opener {
    /// Opens what lies at `location`.
    pub(super) fn new(keys: SealingKeys, location: Path, segments: Segments) -> Self {
        Self { keys, location, segments, object: None }
    }

    /// The object's segments.
    pub(super) fn segments(&self) -> Segments {
        self.segments
    }

    /// The plain bytes of a segment. Fails unless it is the segment of that number, as it was written, of this very object.
    pub(super) fn open(&mut self, mut segment: BytesMut, index: u64) -> Result<Bytes> {
        let location = &self.location;
        if !segment.starts_with(&FORMAT) && segment.len() >= FORMAT.len() {
            return Err(failed(format!(
                "{location} is not sealed, but the store was opened with a key, and a store is sealed wholly or not at all; \
                 open it without a key, or seal all of it with it first (dfml --seal)"
            )));
        }
        let altered = || {
            failed(format!(
                "{location} was sealed and has been altered, cut off, or put in the place of another object; restore it"
            ))
        };
        if segment.len() < OVERHEAD as usize || !self.segments.are_whole() {
            return Err(altered());
        }
        let mut header = Header::default();
        header.copy_from_slice(&segment.split_to(HEADER));
        let (first, cipher) = match &self.object {
            Some(object) => object,
            None => {
                let (mut key, mut object) = (KeyId::default(), ObjectId::default());
                key.copy_from_slice(&header[8..16]);
                object.copy_from_slice(&header[16..]);
                let cipher = self.keys.cipher(key, object, location).ok_or_else(|| {
                    failed(format!(
                        "{location} is sealed with key {}, but the store was opened with key {}; give that key, too: the \
                         first of several seals, and all of them open",
                        hex(&key),
                        self.keys.ids().join(", ")
                    ))
                })?;
                self.object.insert((header, cipher))
            }
        };
        let nonce = nonce(index, index == self.segments.last());
        let plain_size = segment.len() - TAG;
        let opened = cipher.open_in_place(nonce, Aad::from(header), &mut segment).is_ok();
        match opened && header == *first {
            true => Ok(segment.split_to(plain_size).freeze()),
            false => Err(altered()),
        }
    }
}

/// Eleven bytes of the segment's number, and one of whether it is the last.
fn nonce(index: u64, is_last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[3..11].copy_from_slice(&index.to_be_bytes());
    bytes[11] = is_last.into();
    Nonce::assume_unique_for_key(bytes)
}
