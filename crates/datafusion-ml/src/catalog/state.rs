//! The folded log: all models that there are after a commit.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::entry::{Action, FunctionName, ModelEntry, ModelName};

/// All models as of one version of the log. Immutable.
#[derive(Debug, Clone, Default)]
pub struct CatalogState {
    version: u64,
    models: BTreeMap<ModelName, Arc<ModelEntry>>,
    functions: HashMap<FunctionName, ModelName>,
}

impl CatalogState {
    /// The state at `version` with these models.
    pub(super) fn new(version: u64, models: Vec<ModelEntry>) -> Self {
        let mut state = Self { version, ..Self::default() };
        models.into_iter().for_each(|entry| state.put(entry));
        state
    }

    /// The number of the last commit; 0 before the first.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Every model, by schema and name.
    pub fn models(&self) -> impl Iterator<Item = &Arc<ModelEntry>> {
        self.models.values()
    }

    /// The model of that name.
    pub fn model(&self, name: &ModelName) -> Option<&Arc<ModelEntry>> {
        self.models.get(name)
    }

    /// The model that a function belongs to.
    pub fn model_of_function(&self, function: &FunctionName) -> Option<&Arc<ModelEntry>> {
        self.functions.get(function).and_then(|name| self.models.get(name))
    }

    /// The state after one more commit.
    pub(super) fn apply(&self, actions: Vec<Action>) -> Self {
        let mut next = self.clone();
        next.version += 1;
        for action in actions {
            match action {
                Action::PutModel(entry) => next.put(*entry),
                Action::DropModel(name) => next.remove(&name),
            }
        }
        next
    }

    fn put(&mut self, entry: ModelEntry) {
        self.remove(&entry.name);
        for function in entry.functions() {
            self.functions.insert(function, entry.name.clone());
        }
        self.models.insert(entry.name.clone(), Arc::new(entry));
    }

    fn remove(&mut self, name: &ModelName) {
        if let Some(entry) = self.models.remove(name) {
            for function in entry.functions() {
                self.functions.remove(&function);
            }
        }
    }
}
