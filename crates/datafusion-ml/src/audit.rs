//! `ml_audit`: who created, replaced, dropped, granted and revoked what, and when; and who predicted with which model.
//!
//! What was changed stands in the log of commits, from which the rows are made. Predictions change nothing, and are recorded beside
//! it if the program wants that ([`predictions`]). The log grows by what is committed and is never shortened, so the
//! table goes back to the first commit; a commit of an earlier version does not say whose it is, unless what it made does.

mod predictions;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampSecondArray};
use datafusion::error::Result;

pub(crate) use self::predictions::{
    COUNT_PREDICTIONS, CountPredictions, PredictionRecord, Recorder, Tally, uncomputed,
};
use crate::authorize::Rights;
use crate::catalog::{Action, CommitEntry, GrantKey, Grantee, ModelName, Object, RelationName};
use crate::session::MlSession;

/// One thing that somebody did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Row {
    commit: Option<u64>,
    at: Option<i64>,
    user: Option<String>,
    action: String,
    object: Named,
    version: Option<u64>,
    detail: Option<String>,
    rows: Option<u64>,
    /// Whose the model was that it is about, if it is about one.
    owner: Option<String>,
}

/// The kind and the name of what something was done to.
type Named = (&'static str, String);

/// The rows that the principal may know: superusers all, others those about their own models. The newest come first.
pub(crate) async fn audit_table(session: &MlSession, rights: &Rights) -> Result<RecordBatch> {
    let shared = &session.shared;
    let mut replay = Replay::default();
    let mut rows: Vec<Row> =
        shared.catalog.history().await?.into_iter().flat_map(|commit| replay.rows(commit)).collect();
    session.flush_audit().await?;
    rows.extend(shared.root.prediction_records().await?.into_iter().map(|record| replay.prediction(record)));
    rows.retain(|row| rights.is_superuser() || row.owner.as_ref().is_some_and(|owner| rights.owns(owner)));
    rows.sort_by_key(|row| Reverse((row.at, row.commit)));
    table(&rows)
}

/// What a relation is called, and its number.
type Relation = (&'static str, u64);

/// What is known of models and relations after some commits.
#[derive(Debug, Default)]
struct Replay {
    /// Owner and version.
    models: BTreeMap<ModelName, (String, u64)>,
    relations: BTreeMap<RelationName, Relation>,
    /// What may be granted on.
    options: BTreeSet<GrantKey>,
}

impl Replay {
    /// The rows of the next commit.
    fn rows(&mut self, commit: CommitEntry) -> Vec<Row> {
        let CommitEntry { version, by, at, statement, mut actions } = commit;
        let renaming = self.renaming(version, &mut actions);
        let row = |action| {
            let mut row = self.row(version, action);
            if let Some(statement) = statement.as_ref().filter(|_| row.action.starts_with("ALTER")) {
                row.action.clone_from(statement);
            }
            row
        };
        let named = |row: Row| Row { at: at.or(row.at), user: by.clone().or_else(|| row.user.clone()), ..row };
        let rows: Vec<Row> = actions.into_iter().map(row).collect();
        renaming.into_iter().chain(rows).map(named).collect()
    }

    /// The row of a commit that gives a relation another name, with its grants; else none. What has been told is taken from the
    /// actions.
    fn renaming(&mut self, commit: u64, actions: &mut Vec<Action>) -> Option<Row> {
        let (old, new) = match actions.as_slice() {
            [Action::DropRelation(old), Action::PutRelation(new), ..] => (old.clone(), new.as_ref()),
            _ => return None,
        };
        let (kind, id) = *self.relations.get(&old)?;
        if id != new.id {
            return None;
        }
        let detail = Some(format!("TO {}", new.name));
        self.relations.remove(&old);
        self.relations.insert(new.name.clone(), (kind, id));
        actions.clear();
        let (action, object) = (format!("RENAME {}", kind.to_uppercase()), (kind, old.to_string()));
        Some(Row { commit: Some(commit), action, object, detail, ..Row::default() })
    }

    fn row(&mut self, commit: u64, action: Action) -> Row {
        let mut row = Row { commit: Some(commit), ..Row::default() };
        let mut set = |verb: &str, kind: &'static str, name: String| {
            row.action = format!("{verb} {}", kind.to_uppercase());
            row.object = (kind, name);
        };
        let made = |is_new: bool| if is_new { "CREATE" } else { "ALTER" };
        match action {
            Action::PutModel(entry) => {
                set(if entry.version == 1 { "CREATE" } else { "REPLACE" }, "model", entry.name.to_string());
                row.version = Some(entry.version);
                (row.at, row.user) = (Some(entry.created_at), Some(entry.owner.clone()));
                row.owner = Some(entry.owner.clone());
                self.models.insert(entry.name.clone(), (entry.owner.clone(), entry.version));
            }
            Action::DropModel(name) => {
                set("DROP", "model", name.to_string());
                (row.owner, row.version) = self.models.remove(&name).unzip();
                self.forget(&Object::Model(name));
            }
            Action::PutTraining(entry) => {
                set(if entry.failure.is_some() { "FAIL TO TRAIN" } else { "TRAIN" }, "model", entry.name.to_string());
                row.detail = entry.failure;
                row.owner = Some(entry.owner);
            }
            Action::PutRelation(entry) => {
                set(made(entry.id == entry.version), entry.noun(), entry.name.to_string());
                self.relations.insert(entry.name.clone(), (entry.noun(), entry.id));
            }
            Action::DropRelation(name) => {
                set("DROP", self.relations.remove(&name).map_or("table", |(kind, _)| kind), name.to_string());
                self.forget(&Object::Relation(name));
            }
            Action::PutSchema(entry) => set("CREATE", "schema", entry.name),
            Action::DropSchema(name) => {
                set("DROP", "schema", name.clone());
                self.forget(&Object::Schema(name));
            }
            Action::PutUser(entry) => set(made(entry.id == commit), "user", entry.name),
            Action::DropUser(name) => set("DROP", "user", name),
            Action::PutGroup(entry) => set(made(entry.id == commit), "group", entry.name),
            Action::DropGroup(name) => set("DROP", "group", name),
            Action::PutRole(entry) => set(made(entry.id == commit), "role", entry.name),
            Action::DropRole(name) => set("DROP", "role", name),
            Action::Grant(grant) => {
                let key = grant.key;
                let had_option = self.options.remove(&key);
                (row.action, row.detail) = match grant.grant_option {
                    true => ("GRANT".to_owned(), Some(format!("{} WITH GRANT OPTION", privilege(&key, "TO")))),
                    false if had_option => {
                        ("REVOKE".to_owned(), Some(format!("GRANT OPTION FOR {}", privilege(&key, "FROM"))))
                    }
                    false => ("GRANT".to_owned(), Some(privilege(&key, "TO"))),
                };
                row.user = Some(grant.grantor);
                row.owner = self.owner(&key.object);
                row.object = named(key.object.clone());
                if grant.grant_option {
                    self.options.insert(key);
                }
            }
            Action::Revoke(key) => {
                self.options.remove(&key);
                row.detail = Some(privilege(&key, "FROM"));
                row.action = "REVOKE".to_owned();
                row.owner = self.owner(&key.object);
                row.object = named(key.object);
            }
        }
        row
    }

    /// Forgets what may be granted on what is gone.
    fn forget(&mut self, object: &Object) {
        self.options.retain(|key| key.object != *object);
    }

    /// The row of predictions by a model, which belong to whom the model did.
    fn prediction(&self, record: PredictionRecord) -> Row {
        Row {
            commit: None,
            at: Some(record.at),
            user: Some(record.user),
            action: "PREDICT".to_owned(),
            owner: record.owner.or_else(|| self.models.get(&record.model).map(|(owner, _)| owner.clone())),
            object: ("model", record.model.to_string()),
            version: Some(record.version),
            detail: Some(record.function),
            rows: Some(record.rows),
        }
    }

    fn owner(&self, object: &Object) -> Option<String> {
        match object {
            Object::Model(name) => self.models.get(name).map(|(owner, _)| owner.clone()),
            _ => None,
        }
    }
}

/// `EXECUTE TO user ann`
fn privilege(key: &GrantKey, word: &str) -> String {
    let (kind, name) = match &key.grantee {
        Grantee::User(name) => ("user ", name.as_str()),
        Grantee::Group(name) => ("group ", name.as_str()),
        Grantee::Role(name) => ("role ", name.as_str()),
        Grantee::Public => ("", "public"),
    };
    format!("{} {word} {kind}{name}", key.privilege)
}

fn named(object: Object) -> Named {
    match object {
        Object::Database => ("database", String::new()),
        Object::Model(name) => ("model", name.to_string()),
        Object::Schema(name) => ("schema", name),
        Object::Relation(name) => ("table", name.to_string()),
        Object::IamRole(name) => ("iam role", name),
        Object::Role(name) => ("role", name),
    }
}

fn table(rows: &[Row]) -> Result<RecordBatch> {
    let number = |value: fn(&Row) -> Option<u64>| {
        Arc::new(rows.iter().map(|row| value(row).map(|number| number as i64)).collect::<Int64Array>()) as ArrayRef
    };
    let text = |value: fn(&Row) -> Option<&str>| Arc::new(rows.iter().map(value).collect::<StringArray>()) as ArrayRef;
    let at: TimestampSecondArray = rows.iter().map(|row| row.at).collect();
    let columns = [
        ("commit_number", number(|row| row.commit)),
        ("at", Arc::new(at) as ArrayRef),
        ("user_name", text(|row| row.user.as_deref())),
        ("action", text(|row| Some(&row.action))),
        ("object_type", text(|row| Some(row.object.0))),
        ("object_name", text(|row| Some(&row.object.1).filter(|name| !name.is_empty()).map(String::as_str))),
        ("model_version", number(|row| row.version)),
        ("detail", text(|row| row.detail.as_deref())),
        ("rows_predicted", number(|row| row.rows)),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
}
