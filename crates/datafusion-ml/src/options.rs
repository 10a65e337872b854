//! `SET ml....`: the options of this extension.

use datafusion::common::extensions_options;
use datafusion::config::{ConfigExtension, ConfigOptions};

extensions_options! {
    /// The options of datafusion-ml, set by `SET ml.<name> = <value>` and shown by `SHOW ALL`.
    pub struct MlOptions {
        /// The seed of everything random in training: hold-out, sampling, initial centroids.
        pub seed: u64, default = 0

        /// How many threads training may use; 0 means datafusion.execution.target_partitions.
        pub threads: usize, default = 0

        /// The share of rows held out to compute SHOW MODEL's validation metric, from 0 (none) to 0.9. The model itself
        /// is then fitted again on all rows, unless there are more than ml.refit_max_rows of them.
        pub validation_fraction: f64, default = 0.2

        /// With more rows than this, the model that was validated is kept and not fitted again on all rows.
        pub refit_max_rows: usize, default = 200_000

        /// How many bytes of training rows are held in memory; what is beyond is spilled to disk.
        pub training_buffer_bytes: usize, default = 64 * 1024 * 1024

        /// Where a plain bucket name in SETTINGS (S3_BUCKET 'name') is looked for: '<bucket_root><name>'. Set it to
        /// 's3://' to mean S3 buckets; empty means the folder 'buckets/<name>' of the model store.
        pub bucket_root: String, default = String::new()
    }
}

impl ConfigExtension for MlOptions {
    const PREFIX: &'static str = "ml";
}

impl MlOptions {
    /// The options of a session, defaults if the extension is not registered.
    pub(crate) fn from_config(config: &ConfigOptions) -> Self {
        config.extensions.get::<Self>().cloned().unwrap_or_default()
    }
}
