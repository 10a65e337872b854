//! `SET ml....`: the options of this extension.

use std::any::Any;
use std::fmt::Display;

use datafusion::common::config_namespace;
use datafusion::config::{ConfigEntry, ConfigExtension, ConfigField, ConfigOptions, ExtensionOptions, Visit};
use datafusion::error::Result;
use datafusion_ml_core::options::nearest;

use crate::error::invalid;

config_namespace! {
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

        /// How many candidates AUTO ON tries at most; MAX_RUNTIME may end the search before.
        pub auto_max_candidates: usize, default = 30

        /// How many bytes of training rows are held in memory; what is beyond is spilled to disk.
        pub training_buffer_bytes: usize, default = 8 * 1024 * 1024

        /// Whether CREATE MODEL returns as soon as its rows have been read, and trains in the background. SHOW MODEL then
        /// tells how far training is, and why it failed if it did; DROP MODEL cancels it.
        pub background_training: bool, default = false

        /// VACUUM deletes files that no table has any more when they are this old; younger ones may be of a statement that
        /// is still running.
        pub vacuum_keep_seconds: u64, default = 3600

        /// Where a plain bucket name in SETTINGS (S3_BUCKET 'name') is looked for: '<bucket_root><name>'. Set it to
        /// 's3://' to mean S3 buckets; empty means the folder 'buckets/<name>' of the model store.
        pub bucket_root: String, default = String::new()
    }
}

// By hand, since `extensions_options!` lists options without their prefix: SHOW ml.seed would not find its variable.
impl ExtensionOptions for MlOptions {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let known = self.entries();
        let names = || known.iter().map(|entry| entry.key.as_str());
        let name = format!("{}.{key}", Self::PREFIX);
        if !names().any(|known| known == name) {
            let remedy = match nearest(&name, names()) {
                Some(near) => format!("did you mean {near}?"),
                None => "SHOW ALL lists the settings".to_owned(),
            };
            return Err(invalid(format!("there is no setting {name}; {remedy}")));
        }
        ConfigField::set(self, key, value)
            .map_err(|_| invalid(format!("'{value}' is no value for {name}; SHOW {name} tells the present one")))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let mut entries = Entries::default();
        self.visit(&mut entries, Self::PREFIX, "");
        entries.0
    }
}

/// Collects what it visits.
#[derive(Default)]
struct Entries(Vec<ConfigEntry>);

impl Visit for Entries {
    fn some<V: Display>(&mut self, key: &str, value: V, description: &'static str) {
        self.0.push(ConfigEntry { key: key.to_owned(), value: Some(value.to_string()), description });
    }

    fn none(&mut self, key: &str, description: &'static str) {
        self.0.push(ConfigEntry { key: key.to_owned(), value: None, description });
    }
}

impl ConfigExtension for MlOptions {
    const PREFIX: &'static str = "ml";
}

impl MlOptions {
    /// Gives an option its default again, as RESET does.
    pub(crate) fn reset(&mut self, name: &str) -> Result<()> {
        let default = Self::default().entries().into_iter().find(|entry| entry.key == name);
        let key = name.strip_prefix("ml.").unwrap_or(name);
        ExtensionOptions::set(self, key, &default.and_then(|entry| entry.value).unwrap_or_default())
    }

    /// The options of a session, defaults if the extension is not registered.
    pub(crate) fn from_config(config: &ConfigOptions) -> Self {
        config.extensions.get::<Self>().cloned().unwrap_or_default()
    }
}
