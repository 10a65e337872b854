//! The folded log: all models, trainings, tables, views and schemas that there are after a commit.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::access::{Access, Grantee, Object};
use super::entry::{Action, FUNCTION_SUFFIXES, FunctionName, ModelKey, ModelName};
use super::indexed::IndexedEntry;
use super::relation::{RelationEntry, RelationName, Relations, SchemaEntry};
use super::training::TrainingEntry;

/// All models, trainings, relations and schemas as of one version of the log.
#[derive(Debug, Clone, Default)]
pub struct CatalogState {
    version: u64,
    /// The digest of the last commit, if it is known.
    last_commit: Option<String>,
    /// In the order of their names.
    by_name: Vec<Arc<IndexedEntry>>,
    /// In the order of their prediction functions.
    by_function: Vec<Arc<IndexedEntry>>,
    /// In the order of their names. There are few.
    trainings: Vec<Arc<TrainingEntry>>,
    relations: Relations,
    /// Behind a pointer: it may be large, and changes seldom.
    access: Arc<Access>,
}

impl CatalogState {
    /// The state at `version` with these models, trainings and relations.
    pub(super) fn new(
        version: u64,
        last_commit: Option<String>,
        models: Vec<IndexedEntry>,
        trainings: Vec<TrainingEntry>,
        relations: Relations,
        access: Access,
    ) -> Self {
        let mut by_name: Vec<_> = models.into_iter().map(Arc::new).collect();
        let mut by_function = by_name.clone();
        by_name.sort_by(|a, b| a.key().name.cmp(&b.key().name));
        by_function.sort_by(|a, b| a.key().function.cmp(&b.key().function));
        let mut trainings: Vec<_> = trainings.into_iter().map(Arc::new).collect();
        trainings.sort_by(|a, b| a.name.cmp(&b.name));
        Self { version, last_commit, by_name, by_function, trainings, relations, access: Arc::new(access) }
    }

    /// The number of the last commit; 0 before the first.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The digest of the last commit; `None` before the first, and where a checkpoint of an earlier version stands for it.
    pub(super) fn last_commit(&self) -> Option<&str> {
        self.last_commit.as_deref()
    }

    /// Every model, by schema and name.
    pub fn models(&self) -> impl ExactSizeIterator<Item = &IndexedEntry> {
        self.by_name.iter().map(AsRef::as_ref)
    }

    /// The model of that name.
    pub fn model(&self, name: &ModelName) -> Option<&IndexedEntry> {
        let position = self.by_name.binary_search_by(|model| model.key().name.cmp(name)).ok()?;
        Some(&self.by_name[position])
    }

    /// The model that a function belongs to, whatever it answers.
    pub fn model_of_function(&self, function: &FunctionName) -> Option<&IndexedEntry> {
        FUNCTION_SUFFIXES.iter().find_map(|suffix| {
            let model = self.model_predicting_by(&function.schema, function.name.strip_suffix(suffix)?)?;
            model.key().has_function(suffix).then_some(model)
        })
    }

    /// The training that has begun or failed under that name.
    pub fn training(&self, name: &ModelName) -> Option<&Arc<TrainingEntry>> {
        self.trainings.iter().find(|training| training.name == *name)
    }

    /// The training whose model would have that function.
    pub fn training_of_function(&self, function: &FunctionName) -> Option<&Arc<TrainingEntry>> {
        self.trainings.iter().find(|training| training.functions().contains(function))
    }

    /// Every training, by schema and name.
    pub fn trainings(&self) -> impl ExactSizeIterator<Item = &Arc<TrainingEntry>> {
        self.trainings.iter()
    }

    /// The names of models and of those in training, in order.
    pub fn names(&self) -> BTreeSet<&ModelName> {
        self.models().map(IndexedEntry::name).chain(self.trainings().map(|training| &training.name)).collect()
    }

    /// The table or view of that name.
    pub fn relation(&self, name: &RelationName) -> Option<&Arc<RelationEntry>> {
        self.relations.by_name.get(name)
    }

    /// Every table and view, by schema and name.
    pub fn relations(&self) -> impl ExactSizeIterator<Item = &Arc<RelationEntry>> {
        self.relations.by_name.values()
    }

    /// Every schema that a statement created, by name. The schema of a model or table need not be among them.
    pub fn schemas(&self) -> impl ExactSizeIterator<Item = &Arc<SchemaEntry>> {
        self.relations.schemas.values()
    }

    /// The schema of that name, if a statement created it.
    pub fn schema(&self, name: &str) -> Option<&Arc<SchemaEntry>> {
        self.relations.schemas.get(name)
    }

    /// The users, groups and roles, and what they may do.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Whether there is a schema of that name, created by a statement or by something that lies in it.
    pub fn has_schema(&self, name: &str) -> bool {
        self.relations.schemas.contains_key(name)
            || self.relations().any(|entry| entry.name.schema == name)
            || self.names().into_iter().any(|model| model.schema == name)
    }

    /// Takes one more commit in, which has that digest.
    pub(super) fn apply(&mut self, actions: Vec<Action>, digest: String) {
        self.version += 1;
        self.last_commit = Some(digest);
        for action in actions {
            match action {
                Action::PutModel(entry) => {
                    self.remove_training(&entry.name);
                    self.put(IndexedEntry::from(*entry));
                }
                Action::DropModel(name) => {
                    self.remove_training(&name);
                    self.remove(&name);
                    self.forget(Object::Model(name));
                }
                Action::PutTraining(entry) => {
                    self.remove_training(&entry.name);
                    let position = self.trainings.partition_point(|other| other.name < entry.name);
                    self.trainings.insert(position, Arc::new(*entry));
                }
                Action::PutRelation(entry) => {
                    self.relations.by_name.insert(entry.name.clone(), Arc::new(*entry));
                }
                Action::DropRelation(name) => {
                    self.relations.by_name.remove(&name);
                    self.forget(Object::Relation(name));
                }
                Action::PutSchema(entry) => {
                    self.relations.schemas.insert(entry.name.clone(), Arc::new(entry));
                }
                Action::DropSchema(name) => {
                    self.relations.schemas.remove(&name);
                    self.forget(Object::Schema(name));
                }
                action => self.apply_access(action),
            }
        }
    }

    fn apply_access(&mut self, action: Action) {
        let access = Arc::make_mut(&mut self.access);
        match action {
            Action::PutUser(user) => drop(access.users.insert(user.name.clone(), user)),
            Action::DropUser(name) => {
                access.users.remove(&name);
                access.forget_member(&Grantee::User(name));
            }
            Action::PutGroup(group) => drop(access.groups.insert(group.name.clone(), group)),
            Action::DropGroup(name) => {
                access.groups.remove(&name);
                access.forget_member(&Grantee::Group(name));
            }
            Action::PutRole(role) => drop(access.roles.insert(role.name.clone(), role)),
            Action::DropRole(name) => {
                access.roles.remove(&name);
                access.forget_member(&Grantee::Role(name.clone()));
                access.forget_object(&Object::Role(name));
            }
            Action::Grant(grant) => drop(access.grants.insert(grant.key.clone(), grant)),
            Action::Revoke(key) => drop(access.grants.remove(&key)),
            _ => {}
        }
    }

    /// Forgets the grants on what is gone.
    fn forget(&mut self, object: Object) {
        if !self.access.grants.is_empty() {
            Arc::make_mut(&mut self.access).forget_object(&object);
        }
    }

    fn model_predicting_by(&self, schema: &str, name: &str) -> Option<&IndexedEntry> {
        let position = self.by_function.binary_search_by(|model| function_order(model.key(), schema, name)).ok()?;
        Some(&self.by_function[position])
    }

    fn put(&mut self, model: IndexedEntry) {
        self.remove(model.name());
        let key = model.key();
        let by_name = self.by_name.partition_point(|other| other.key().name < key.name);
        let by_function = self.by_function.partition_point(|other| other.key().function < key.function);
        let model = Arc::new(model);
        self.by_name.insert(by_name, Arc::clone(&model));
        self.by_function.insert(by_function, model);
    }

    fn remove_training(&mut self, name: &ModelName) {
        self.trainings.retain(|training| training.name != *name);
    }

    fn remove(&mut self, name: &ModelName) {
        if let Ok(position) = self.by_name.binary_search_by(|model| model.key().name.cmp(name)) {
            let removed = self.by_name.remove(position);
            self.by_function.retain(|model| !Arc::ptr_eq(model, &removed));
        }
    }
}

fn function_order(key: &ModelKey, schema: &str, name: &str) -> Ordering {
    (key.function.schema.as_str(), key.function.name.as_str()).cmp(&(schema, name))
}
