//! Encryption at rest: an object store over another one, in which every object is sealed.
//!
//! Nothing above it knows: sizes and ranges are those of the plain bytes. What an object is sealed with, and how, is said in
//! `segments`. A store is sealed wholly or not at all, so an object that is not sealed is refused.
//!
//! **What it holds against.** Who can read and write the store, but has no key, learns how many objects there are, their
//! names, sizes and times. They cannot read one, change a bit of one, cut it short, or put it under another name or another
//! place in the log without being found out. They can delete objects, and put back an earlier object of the same name; of
//! what is ever written twice that is the sign of life of a training and the pointer to a checkpoint, which decide nothing.
//! Whoever deletes the newest commits takes the catalog back to what it was: a session that has seen them finds a gap when
//! it commits, a new one cannot know.

mod anew;
mod keys;
mod segments;
mod upload;

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use datafusion_ml_core::Error;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

pub(super) use self::anew::Sealing;
pub use self::anew::Unsealed;
pub use self::keys::SealingKeys;
pub(crate) use self::segments::key_id_of;
use self::segments::{Opener, SEALED_SEGMENT, SEGMENT, Sealer, Segments};
use self::upload::SealedUpload;

/// A store whose objects are sealed in the store `inner`.
#[derive(Debug)]
pub(super) struct SealedStore<T> {
    inner: T,
    keys: SealingKeys,
}

impl<T: ObjectStore> SealedStore<T> {
    /// Seals with the first of the keys, and opens with any.
    pub(super) fn new(inner: T, keys: SealingKeys) -> Self {
        Self { inner, keys }
    }
}

impl<T: ObjectStore> fmt::Display for SealedStore<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.inner)
    }
}

#[async_trait]
impl<T: ObjectStore> ObjectStore for SealedStore<T> {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let sealed = Sealer::new(&self.keys, location)?.seal_last(&Bytes::from(payload))?;
        self.inner.put_opts(location, sealed.into(), options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let sealer = Sealer::new(&self.keys, location)?;
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(SealedUpload::new(inner, sealer)))
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        let asked = match options.range.take() {
            Some(GetRange::Bounded(range)) => Some(range),
            // These are counted from the end.
            Some(range) => Some(bounded(&range, self.head(location).await?.size)),
            None => None,
        };
        if let Some(range) = &asked {
            check(location, range.start < range.end)?;
            options.range = Some(GetRange::Bounded(sealed_range(range)));
        }
        let is_head = options.head;
        let object = self.inner.get_opts(location, options).await?;
        let segments = Segments::of_sealed(object.meta.size);
        // The store within may have a longer name for it.
        let meta = ObjectMeta { location: location.clone(), size: segments.plain_size(), ..object.meta.clone() };
        let attributes = object.attributes.clone();
        let range = asked.clone().map_or(0..meta.size, |range| range.start..range.end.min(meta.size));
        let payload = match is_head {
            true => stream::empty().boxed(),
            false => {
                check(location, asked.is_none() || range.start < range.end)?;
                let opener = Opener::new(self.keys.clone(), location.clone(), segments);
                opened(object.into_stream(), opener, range.clone())
            }
        };
        Ok(GetResult { payload: GetResultPayload::Stream(payload), meta, range, attributes })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix).map_ok(with_plain_size).boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset).map_ok(with_plain_size).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut found = self.inner.list_with_delimiter(prefix).await?;
        found.objects = found.objects.into_iter().map(with_plain_size).collect();
        Ok(found)
    }

    /// Opens and seals anew, since an object is bound to its name.
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let bytes = self.get(from).await?.bytes().await?;
        let mode = match options.mode {
            CopyMode::Create => PutMode::Create,
            CopyMode::Overwrite => PutMode::Overwrite,
        };
        self.put_opts(to, bytes.into(), mode.into()).await.map(drop)
    }
}

/// The plain bytes of `range`, of a stream of sealed ones that begins with the segment in which the range does.
fn opened(
    sealed: BoxStream<'static, Result<Bytes>>,
    opener: Opener,
    range: Range<u64>,
) -> BoxStream<'static, Result<Bytes>> {
    let index = range.start / SEGMENT;
    let start = (sealed, BytesMut::new(), opener, index);
    let plain = stream::try_unfold(start, move |(mut sealed, mut buffer, mut opener, index)| {
        let range = range.clone();
        async move {
            let begin = index * SEGMENT;
            // Of an object without bytes there is a segment, too.
            if begin >= range.end && index > 0 {
                return Ok(None);
            }
            let size = opener.segments().sealed_size_of(index);
            while buffer.len() < size {
                match sealed.try_next().await? {
                    Some(bytes) => buffer.extend_from_slice(&bytes),
                    None => break,
                }
            }
            let segment = buffer.split_to(size.min(buffer.len()));
            let plain = opener.open(segment, index)?;
            let within = |position: u64| (position.saturating_sub(begin) as usize).min(plain.len());
            let plain = plain.slice(within(range.start)..within(range.end));
            Ok(Some((plain, (sealed, buffer, opener, index + 1))))
        }
    });
    plain.boxed()
}

/// The sealed bytes of the segments that a range touches.
fn sealed_range(range: &Range<u64>) -> Range<u64> {
    let begin = range.start / SEGMENT * SEALED_SEGMENT;
    begin..range.end.div_ceil(SEGMENT).saturating_mul(SEALED_SEGMENT)
}

/// A range of an object of that size.
fn bounded(range: &GetRange, size: u64) -> Range<u64> {
    match range {
        GetRange::Bounded(range) => range.clone(),
        GetRange::Offset(start) => *start..size,
        GetRange::Suffix(length) => size.saturating_sub(*length)..size,
    }
}

fn check(location: &Path, is_inside: bool) -> Result<()> {
    match is_inside {
        true => Ok(()),
        false => Err(failed(format!("a range of {location} was asked for that it does not have"))),
    }
}

fn with_plain_size(mut meta: ObjectMeta) -> ObjectMeta {
    meta.size = Segments::of_sealed(meta.size).plain_size();
    meta
}

/// The error of this store; [`reason`] finds it in what it is wrapped in.
fn failed(message: String) -> object_store::Error {
    object_store::Error::Generic { store: "sealed store", source: Box::new(Error::storage(message)) }
}

/// What a person should read of an error of a store.
pub(crate) fn reason(error: &object_store::Error) -> String {
    match error {
        object_store::Error::Generic { source, .. } => match source.downcast_ref::<Error>() {
            Some(ours) => ours.message().to_owned(),
            None => error.to_string(),
        },
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
