//! Sealing an object that is written part by part.

use async_trait::async_trait;
use bytes::BytesMut;
use futures::FutureExt;
use futures::future::try_join_all;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::segments::{SEGMENT, Sealer};

/// How many plain bytes go into a part: whole segments, and more than the 5 MiB that S3 wants. All parts but the last have
/// the same size, which other stores want.
const PART: usize = 128 * SEGMENT as usize;

/// An upload whose parts are sealed.
#[derive(Debug)]
pub(super) struct SealedUpload {
    inner: Box<dyn MultipartUpload>,
    sealer: Sealer,
    /// What has not been sealed yet. Something is always kept back, since what comes last is sealed as the last.
    plain: BytesMut,
}

impl SealedUpload {
    /// An upload that has not begun.
    pub(super) fn new(inner: Box<dyn MultipartUpload>, sealer: Sealer) -> Self {
        Self { inner, sealer, plain: BytesMut::new() }
    }

    fn put_whole_parts(&mut self) -> Result<Vec<UploadPart>> {
        let mut parts = Vec::new();
        while self.plain.len() > PART {
            let sealed = self.sealer.seal(&self.plain.split_to(PART))?;
            parts.push(self.inner.put_part(sealed.into()));
        }
        Ok(parts)
    }
}

#[async_trait]
impl MultipartUpload for SealedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        data.iter().for_each(|bytes| self.plain.extend_from_slice(bytes));
        let parts = self.put_whole_parts();
        async move { try_join_all(parts?).await.map(drop) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let sealed = self.sealer.seal_last(&self.plain.split())?;
        self.inner.put_part(sealed.into()).await?;
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
