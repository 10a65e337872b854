//! The keys that a store is sealed with.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use datafusion::error::Result;
use object_store::path::Path;
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, Salt};

use crate::error::invalid;
use crate::store::hex;

/// What tells keys apart, and is written beside what is sealed: the beginning of a digest of the key.
pub(super) type KeyId = [u8; 8];

/// What tells objects apart that are sealed under one name.
pub(super) type ObjectId = [u8; 16];

/// The keys of a store with encryption at rest. What is written is sealed with the first; what was sealed with any of them can
/// be read. So a key is changed by putting a new one before it; the old one is needed for as long as something is there
/// that it sealed, which [`reseal`](crate::store::reseal) ends. Every store should have a key of its own: what is sealed in one store opens in another with that key.
#[derive(Clone)]
pub struct SealingKeys {
    keys: Arc<[Key]>,
}

struct Key {
    id: KeyId,
    secret: [u8; 32],
}

impl SealingKeys {
    /// The keys in a text, separated by commas, blanks or line ends. Each is 32 random bytes in base64, such as
    /// `openssl rand -base64 32` prints. Fails if there is none, or if one is not that; the error does not repeat it.
    pub fn parse(text: &str) -> Result<Self> {
        let make = "make one with: openssl rand -base64 32";
        let words = text.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
        let keys: Vec<Key> = words
            .enumerate()
            .map(|(position, word)| {
                let secret = STANDARD.decode(word).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                let wrong = || invalid(format!("key {} of the store is not 32 bytes in base64; {make}", position + 1));
                secret.map(Key::new).ok_or_else(wrong)
            })
            .collect::<Result<_>>()?;
        match keys.is_empty() {
            true => Err(invalid(format!("there is no key where the keys of the store should be; {make}"))),
            false => Ok(Self { keys: keys.into() }),
        }
    }

    /// The names of the keys, which errors give, in order. A name tells nothing of its key.
    pub fn ids(&self) -> Vec<String> {
        self.keys.iter().map(|key| hex(&key.id)).collect()
    }

    /// The name of the key that seals.
    pub(super) fn first(&self) -> KeyId {
        self.keys[0].id
    }

    /// The cipher for one object; `None` if there is no key of that name.
    pub(super) fn cipher(&self, id: KeyId, object: ObjectId, location: &Path) -> Option<LessSafeKey> {
        let key = self.keys.iter().find(|key| key.id == id)?;
        let info = [b"datafusion-ml sealed object 1:".as_slice(), location.as_ref().as_bytes()];
        let secret = Salt::new(HKDF_SHA256, &object).extract(&key.secret);
        let derived = secret.expand(&info, &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(derived)))
    }
}

impl Key {
    fn new(secret: [u8; 32]) -> Self {
        let named = [b"datafusion-ml name of key:".as_slice(), &secret].concat();
        let mut id = KeyId::default();
        id.copy_from_slice(&digest(&SHA256, &named).as_ref()[..8]);
        Self { id, secret }
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SealingKeys").field(&self.ids()).finish()
    }
}
