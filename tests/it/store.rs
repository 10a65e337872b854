//! The store suite: what catalog and artifacts promise, in memory, on local disk and on a real S3-compatible server.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::error::Result;
use datafusion_ml::catalog::{Action, ArtifactLocation, Catalog, ModelEntry, ModelName, SourceText, StatementReport};
use datafusion_ml::core::ErrorKind;
use datafusion_ml::find_error;
use datafusion_ml::store::{ObjectStores, StoreOptions, StoreRoot, parse_store_url};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;
use url::Url;

use crate::s3_server::{BUCKET, S3Server};

/// One store for every URL.
#[derive(Debug)]
pub(crate) struct Fixed(pub(crate) Arc<dyn ObjectStore>);

#[async_trait]
impl ObjectStores for Fixed {
    async fn open(&self, _: &Url, _: &StoreOptions) -> Result<Arc<dyn ObjectStore>> {
        Ok(Arc::clone(&self.0))
    }
}

/// The root of a store.
pub(crate) async fn root(url: &str, store: &Arc<dyn ObjectStore>) -> StoreRoot {
    StoreRoot::open(&parse_store_url(url).unwrap(), &Fixed(Arc::clone(store)), &StoreOptions::default()).await.unwrap()
}

/// The entry of a model, which need not have an artifact.
pub(crate) fn entry(name: &str) -> ModelEntry {
    ModelEntry {
        name: ModelName::new("public", name),
        version: 1,
        owner: "admin".into(),
        created_at: 0,
        function: ModelName::new("public", format!("predict_{name}")),
        has_probabilities: true,
        has_contributions: true,
        artifact: ArtifactLocation { root: None, digest: "0".repeat(64) },
        training_log: None,
        report: StatementReport {
            model_type: "xgboost".into(),
            problem_type: "Regression".into(),
            objective: None,
            metrics: vec![("train:rmse".into(), 1.0)],
            source: SourceText::Table("t".into()),
            target: Some("y".into()),
            parameters: vec![("x".into(), "float8".into())],
            returns: "float8".into(),
            hyperparameters: Vec::new(),
            rows_read: 1,
            rows_without_target: 0,
            rows_used: 1,
            seconds: 0.0,
            stopped_early: false,
            iam_role: None,
            s3_bucket: None,
            kms_key_id: None,
            tags: None,
            max_cells: None,
            max_runtime: None,
            auto: false,
            notes: Vec::new(),
        },
    }
}

/// The action that makes that entry.
pub(crate) fn put(name: &str) -> Action {
    Action::PutModel(Box::new(entry(name)))
}

/// Every promise, on a fresh store.
async fn check(url: &str, store: Arc<dyn ObjectStore>) {
    artifacts_are_named_by_their_bytes(&root(&format!("{url}artifacts-suite"), &store).await, &store).await;
    commits_are_seen_by_every_reader(&root(&format!("{url}commits"), &store).await).await;
    everyone_in_a_race_gets_a_turn(&root(&format!("{url}race"), &store).await).await;
    a_decision_is_taken_on_the_newest_state(&root(&format!("{url}decision"), &store).await).await;
    checkpoints_save_reading_from_the_start(&root(&format!("{url}checkpoint"), &store).await, &store).await;
    damage_is_refused(&root(&format!("{url}damage"), &store).await, &store).await;
}

async fn artifacts_are_named_by_their_bytes(root: &StoreRoot, store: &Arc<dyn ObjectStore>) {
    let digest = root.put_artifact(b"forest".to_vec()).await.unwrap();
    assert_eq!(root.put_artifact(b"forest".to_vec()).await.unwrap(), digest);
    assert_eq!(root.get_artifact(&digest).await.unwrap().as_ref(), b"forest");
    let path = root.path(&["artifacts", &format!("{digest}.arrow")]);
    store.put(&path, "fores".into()).await.unwrap();
    let error = root.get_artifact(&digest).await.unwrap_err();
    assert!(find_error(&error).unwrap().message().contains("altered or truncated"), "{error}");
    store.delete(&path).await.unwrap();
    assert_eq!(find_error(&root.get_artifact(&digest).await.unwrap_err()).unwrap().kind(), ErrorKind::Storage);
}

async fn commits_are_seen_by_every_reader(root: &StoreRoot) {
    let (writer, reader) = (Catalog::new(root.clone()), Catalog::new(root.clone()));
    assert_eq!(reader.refresh().await.unwrap().version(), 0);
    writer.commit(|_| Ok(vec![put("a"), put("b")])).await.unwrap();
    assert_eq!(reader.cached().version(), 0);
    assert_eq!(reader.refresh().await.unwrap().models().count(), 2);
    reader.commit(|_| Ok(vec![Action::DropModel(ModelName::new("public", "a"))])).await.unwrap();
    let state = writer.refresh().await.unwrap();
    assert_eq!(state.version(), 2);
    assert!(state.model(&ModelName::new("public", "a")).is_none());
    assert!(state.model_of_function(&ModelName::new("public", "predict_a_prob")).is_none());
    assert!(state.model_of_function(&ModelName::new("public", "predict_b_probabilities")).is_some());
}

async fn everyone_in_a_race_gets_a_turn(root: &StoreRoot) {
    let racers = (0..8).map(|racer| {
        let catalog = Catalog::new(root.clone());
        tokio::spawn(async move {
            for turn in 0..3 {
                catalog.commit(|_| Ok(vec![put(&format!("m{racer}_{turn}"))])).await.unwrap();
            }
        })
    });
    for racer in racers.collect::<Vec<_>>() {
        racer.await.unwrap();
    }
    let state = Catalog::new(root.clone()).refresh().await.unwrap();
    assert_eq!((state.version(), state.models().count()), (24, 24));
}

async fn a_decision_is_taken_on_the_newest_state(root: &StoreRoot) {
    let (late, early) = (Catalog::new(root.clone()), Catalog::new(root.clone()));
    late.refresh().await.unwrap();
    early.commit(|_| Ok(vec![put("m")])).await.unwrap();
    let mut seen = Vec::new();
    late.commit(|state| {
        seen.push(state.models().count());
        Ok(vec![put("n")])
    })
    .await
    .unwrap();
    assert_eq!(seen, [1]);
}

async fn checkpoints_save_reading_from_the_start(root: &StoreRoot, store: &Arc<dyn ObjectStore>) {
    let catalog = Catalog::new(root.clone());
    for number in 0..70 {
        catalog.commit(|_| Ok(vec![put(&format!("m{number}"))])).await.unwrap();
    }
    for version in 1..=64 {
        store.delete(&root.path(&["catalog", &format!("{version:020}.json")])).await.unwrap();
    }
    let state = Catalog::new(root.clone()).refresh().await.unwrap();
    assert_eq!((state.version(), state.models().count()), (70, 70));
    store.delete(&root.path(&["catalog", &format!("{:020}.json", 66)])).await.unwrap();
    let error = Catalog::new(root.clone()).refresh().await.unwrap_err();
    assert!(error.to_string().contains("commit 66 is missing"), "{error}");
}

async fn damage_is_refused(root: &StoreRoot, store: &Arc<dyn ObjectStore>) {
    let commit = |version: u64| root.path(&["catalog", &format!("{version:020}.json")]);
    store.put(&commit(1), r#"{"format_version": 1, "actions": []}"#.into()).await.unwrap();
    store.put(&root.path(&["catalog", "notes.txt"]), "not of the log".into()).await.unwrap();
    assert_eq!(Catalog::new(root.clone()).refresh().await.unwrap().version(), 1);
    let refused = async |content: &str| {
        store.put(&commit(2), content.to_owned().into()).await.unwrap();
        let error = Catalog::new(root.clone()).refresh().await.unwrap_err();
        let error = find_error(&error).unwrap();
        (error.kind(), error.message().to_owned())
    };
    let (kind, message) = refused(r#"{"format_version": 6, "new_shape": true}"#).await;
    assert_eq!(kind, ErrorKind::Incompatible);
    assert!(message.contains("has format 6") && message.contains("upgrade datafusion-ml"), "{message}");
    let (kind, message) = refused("{").await;
    assert_eq!(kind, ErrorKind::Storage);
    assert!(message.contains("00000000000000000002.json"), "{message}");
}

#[tokio::test]
async fn the_store_keeps_its_promises_in_memory() {
    check("memory:///", Arc::new(InMemory::new())).await;
}

#[tokio::test]
async fn the_store_keeps_its_promises_on_local_disk() {
    let folder = TempDir::new().unwrap();
    let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    check("file:///", Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_its_promises_on_s3() {
    let server = S3Server::start().await;
    check(&format!("s3://{BUCKET}/"), server.client()).await;
}

#[tokio::test]
async fn a_kill_between_artifact_and_commit_leaves_an_orphan_that_nobody_sees() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let root = root("memory:///", &store).await;
    root.put_artifact(b"never committed".to_vec()).await.unwrap();
    assert_eq!(Catalog::new(root).refresh().await.unwrap().models().count(), 0);
    assert!(store.get(&Path::from("catalog")).await.is_err());
}
