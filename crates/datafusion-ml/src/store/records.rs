//! Records of predictions: one small object each, beside the catalog.

use datafusion::error::Result;
use datafusion_ml_core::Error;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt, PutPayload};

use super::{StoreRoot, hex, reason};
use crate::audit::PredictionRecord;
use crate::error::{external, storage};

/// So many records are read at once.
const READ_AHEAD: usize = 32;

impl StoreRoot {
    /// Writes a record of predictions.
    pub(crate) async fn put_prediction_record(&self, record: &PredictionRecord) -> Result<()> {
        let failed = |e: &dyn std::fmt::Display| {
            storage(format!("predictions cannot be recorded for ml_audit in {}: {e}", self.url))
        };
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|e| failed(&e))?;
        let bytes = serde_json::to_vec(record).map_err(|e| external(Error::internal(e.to_string())))?;
        let path = self.path(&["predictions", &format!("{:020}-{}.json", record.at, hex(&name))]);
        self.store.put(&path, PutPayload::from(bytes)).await.map(drop).map_err(|e| failed(&reason(&e)))
    }

    /// Every record of predictions.
    pub(crate) async fn prediction_records(&self) -> Result<Vec<PredictionRecord>> {
        let found: Vec<_> = match self.store.list(Some(&self.path(&["predictions"]))).try_collect().await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(e) => {
                let reason = reason(&e);
                return Err(storage(format!("predictions recorded in {} cannot be listed: {reason}", self.url)));
            }
        };
        let root = self.clone();
        let read = move |file: ObjectMeta| {
            let root = root.clone();
            async move { root.prediction_record(&file.location).await }
        };
        stream::iter(found).map(read).buffered(READ_AHEAD).try_collect().await
    }

    async fn prediction_record(&self, path: &Path) -> Result<PredictionRecord> {
        let failed = |e: &dyn std::fmt::Display| storage(format!("{path} in {} cannot be read: {e}", self.url));
        let bytes = match self.store.get(path).await {
            Ok(object) => object.bytes().await,
            Err(e) => Err(e),
        };
        serde_json::from_slice(&bytes.map_err(|e| failed(&reason(&e)))?).map_err(|e| failed(&e))
    }
}
