//! The catalog of many models: checkpoints, the hint that leads to the newest, and what happens when files are gone.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion_ml::catalog::{
    Action, Catalog, CatalogState, GrantEntry, GrantKey, Grantee, GroupEntry, ModelEntry, ModelName, Object, Privilege,
    UserEntry,
};
use datafusion_ml::core::{Error, ErrorKind};
use datafusion_ml::find_error;
use datafusion_ml::store::StoreRoot;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::background::COMMIT_OF_FORMAT_2;
use crate::counting_store::CountingStore;
use crate::store::{entry, put, root};

const HINT: &str = "last_checkpoint.json";

/// A store in memory with a catalog.
struct Fixture {
    store: Arc<dyn ObjectStore>,
    root: StoreRoot,
}

impl Fixture {
    /// A catalog with this many commits, each of one model: `m0000`, `m0001`, ...
    async fn with_commits(count: usize) -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let root = root("memory:///", &store).await;
        let fixture = Self { store, root };
        fixture.commit(0..count).await;
        fixture
    }

    async fn commit(&self, numbers: std::ops::Range<usize>) {
        let catalog = self.open();
        for number in numbers {
            catalog.commit(|_| Ok(vec![put(&model(number))])).await.unwrap();
        }
    }

    /// The catalog as a process that has just started sees it.
    fn open(&self) -> Catalog {
        Catalog::new(self.root.clone())
    }

    fn path(&self, name: &str) -> Path {
        self.root.path(&["catalog", name])
    }

    async fn delete(&self, name: &str) {
        self.store.delete(&self.path(name)).await.unwrap();
    }

    async fn read(&self, name: &str) -> String {
        let bytes = self.store.get(&self.path(name)).await.unwrap().bytes().await.unwrap();
        String::from_utf8(bytes.into()).unwrap()
    }

    async fn write(&self, name: &str, content: &str) {
        self.store.put(&self.path(name), content.to_owned().into()).await.unwrap();
    }

    async fn checkpoints(&self) -> Vec<String> {
        let files = self.store.list_with_delimiter(Some(&self.root.path(&["catalog"]))).await.unwrap().objects;
        let names = files.iter().map(|file| file.location.filename().unwrap().to_owned());
        names.filter(|name| name.contains(".checkpoint")).collect()
    }

    /// The error of opening the catalog.
    async fn refusal(&self) -> Error {
        error(self.open().refresh().await.unwrap_err())
    }
}

fn model(number: usize) -> String {
    format!("m{number:04}")
}

fn commit(version: u64) -> String {
    format!("{version:020}.json")
}

fn checkpoint(version: u64) -> String {
    format!("{version:020}.checkpoint.jsonl")
}

fn error(error: DataFusionError) -> Error {
    find_error(&error).unwrap().clone()
}

fn names(state: &CatalogState) -> Vec<&str> {
    state.models().map(|model| model.name().name.as_str()).collect()
}

#[tokio::test]
async fn a_thousand_commits_are_found_again() {
    let fixture = Fixture::with_commits(1000).await;
    let state = fixture.open().refresh().await.unwrap();
    let expected: Vec<String> = (0..1000).map(model).collect();
    assert_eq!((state.version(), names(&state)), (1000, expected.iter().map(String::as_str).collect()));
    for number in [0, 500, 959, 960, 999] {
        let name = model(number);
        let found = state.model_of_function(&ModelName::new("public", format!("predict_{name}_prob"))).unwrap();
        assert_eq!(**found.entry().unwrap(), entry(&name));
    }
    assert_eq!(fixture.checkpoints().await, [checkpoint(896), checkpoint(960)]);
    assert_eq!(fixture.read(HINT).await, r#"{"version":960}"#);
}

#[tokio::test]
async fn models_are_put_replaced_and_dropped_the_same_in_the_log_and_in_a_checkpoint() {
    let fixture = Fixture::with_commits(60).await;
    let catalog = fixture.open();
    let replaced = ModelEntry {
        version: 2,
        function: ModelName::new("other", "guess"),
        has_probabilities: false,
        ..entry("m0007")
    };
    catalog.commit(|_| Ok(vec![Action::DropModel(ModelName::new("public", "m0003"))])).await.unwrap();
    catalog.commit(|_| Ok(vec![Action::PutModel(Box::new(replaced.clone()))])).await.unwrap();
    for number in [60, 61, 62] {
        let state = catalog.commit(|_| Ok(vec![put(&model(number))])).await.unwrap();
        let reopened = fixture.open().refresh().await.unwrap();
        for state in [&state, &reopened] {
            assert_eq!(state.models().len(), number);
            assert!(state.model(&ModelName::new("public", "m0003")).is_none());
            for gone in ["predict_m0003", "predict_m0007", "predict_m0007_prob"] {
                assert!(state.model_of_function(&ModelName::new("public", gone)).is_none(), "{gone}");
            }
            let found = state.model_of_function(&ModelName::new("other", "guess")).unwrap();
            assert_eq!(**found.entry().unwrap(), replaced);
            assert!(state.model_of_function(&ModelName::new("other", "guess_prob")).is_none());
        }
    }
    assert_eq!(fixture.checkpoints().await, [checkpoint(64)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_race_across_checkpoints() {
    let fixture = Fixture::with_commits(0).await;
    let racers = (0..4).map(|racer| {
        let catalog = fixture.open();
        tokio::spawn(async move {
            for turn in 0..50 {
                catalog.commit(|_| Ok(vec![put(&model(50 * racer + turn))])).await.unwrap();
            }
        })
    });
    for racer in racers.collect::<Vec<_>>() {
        racer.await.unwrap();
    }
    let state = fixture.open().refresh().await.unwrap();
    assert_eq!((state.version(), state.models().len()), (200, 200));
    assert!(!fixture.checkpoints().await.is_empty());
}

#[tokio::test]
async fn a_reader_asks_for_the_next_commit_only_and_opens_without_a_list() {
    let store = Arc::new(CountingStore::default());
    let as_store = Arc::clone(&store) as Arc<dyn ObjectStore>;
    let root = root("memory:///", &as_store).await;
    let writer = Catalog::new(root.clone());
    for number in 0..70 {
        writer.commit(|_| Ok(vec![put(&model(number))])).await.unwrap();
    }
    store.take_counts();
    let reader = Catalog::new(root.clone());
    reader.refresh().await.unwrap();
    assert_eq!(store.take_counts(), (2 + 32, 0), "hint, checkpoint, and commits read ahead");
    reader.refresh().await.unwrap();
    assert_eq!(store.take_counts(), (1, 0));
}

#[tokio::test]
async fn without_a_hint_the_newest_checkpoint_is_listed() {
    let fixture = Fixture::with_commits(130).await;
    fixture.delete(HINT).await;
    assert_eq!(fixture.open().refresh().await.unwrap().models().len(), 130);
    fixture.write(HINT, "{").await;
    assert_eq!(fixture.open().refresh().await.unwrap().models().len(), 130);
}

#[tokio::test]
async fn a_hint_to_a_deleted_checkpoint_is_no_more_than_a_hint() {
    let fixture = Fixture::with_commits(130).await;
    fixture.write(HINT, r#"{"version": 640}"#).await;
    assert_eq!(fixture.open().refresh().await.unwrap().version(), 130);
    for version in [64, 128] {
        fixture.delete(&checkpoint(version)).await;
    }
    assert_eq!(fixture.open().refresh().await.unwrap().models().len(), 130, "commits tell everything");
    fixture.commit(130..192).await;
    assert_eq!(fixture.read(HINT).await, r#"{"version":192}"#);
}

#[tokio::test]
async fn a_checkpoint_of_format_1_is_read_and_followed_by_one_of_the_present_format() {
    let fixture = Fixture::with_commits(63).await;
    let models: Vec<ModelEntry> = (0..63).map(|number| entry(&model(number))).collect();
    let content = serde_json::json!({ "format_version": 1, "models": models });
    fixture.write(&format!("{:020}.checkpoint.json", 63), &serde_json::to_string_pretty(&content).unwrap()).await;
    for version in 1..=62 {
        fixture.delete(&commit(version)).await;
    }
    assert_eq!(fixture.open().refresh().await.unwrap().models().len(), 63);
    fixture.commit(63..64).await;
    assert_eq!(fixture.open().refresh().await.unwrap().models().len(), 64);
    assert_eq!(fixture.checkpoints().await.last(), Some(&checkpoint(64)));
}

#[tokio::test]
async fn a_training_is_in_the_log_and_in_a_checkpoint_until_it_has_ended() {
    let fixture = Fixture::with_commits(61).await;
    // As a later version must read it, too.
    fixture.write(&commit(62), COMMIT_OF_FORMAT_2).await;
    let name = ModelName::new("public", "m");
    for number in 62..66 {
        fixture.commit(number..number + 1).await;
        let state = fixture.open().refresh().await.unwrap();
        let training = state.training(&name).unwrap();
        assert_eq!((training.report.rows_read, &training.failure), (100, &None));
        assert!(state.training_of_function(&ModelName::new("public", "f_prob")).is_some());
        assert!(state.model(&name).is_none());
        assert_eq!((state.models().len(), state.names().len()), (number, number + 1));
    }
    let format =
        async |name: &str| fixture.read(name).await.chars().filter(|c| c.is_numeric()).take(1).collect::<String>();
    assert_eq!(format(&checkpoint(64)).await, "3");
    assert_eq!(format(&commit(65)).await, "1");
    fixture.open().commit(|_| Ok(vec![Action::DropModel(name.clone())])).await.unwrap();
    fixture.commit(66..128).await;
    let state = fixture.open().refresh().await.unwrap();
    assert_eq!((state.version(), state.trainings().len()), (129, 0));
    assert_eq!(format(&checkpoint(128)).await, "2", "earlier versions read what has no trainings");
}

#[tokio::test]
async fn a_checkpoint_of_format_3_is_read() {
    let fixture = Fixture::with_commits(0).await;
    let commit: serde_json::Value = serde_json::from_str(COMMIT_OF_FORMAT_2).unwrap();
    let header = serde_json::json!({ "format_version": 3, "trainings": [commit["actions"][0]["put_training"]] });
    fixture.write(&checkpoint(7), &format!("{header}\n[]\n")).await;
    let state = fixture.open().refresh().await.unwrap();
    let training = state.training(&ModelName::new("public", "m")).unwrap();
    assert_eq!((state.version(), training.id), (7, 1));
}

#[tokio::test]
async fn identities_and_grants_are_the_same_in_the_log_and_in_a_checkpoint() {
    let fixture = Fixture::with_commits(60).await;
    let name = |number| ModelName::new("public", model(number));
    let grant = |number, grantee: Grantee| {
        let key = GrantKey { object: Object::Model(name(number)), privilege: Privilege::Execute, grantee };
        Action::Grant(GrantEntry { key, grantor: "admin".to_owned(), grant_option: false })
    };
    let user =
        |name: &str| UserEntry { name: name.to_owned(), id: 61, superuser: false, verifier: None, valid_until: None };
    let members = ["ann".to_owned(), "bob".to_owned()].into();
    let group = GroupEntry { name: "g".to_owned(), id: 61, members };
    let actions = [
        Action::PutUser(user("ann")),
        Action::PutUser(user("bob")),
        Action::PutGroup(group),
        grant(1, Grantee::User("ann".to_owned())),
        grant(1, Grantee::Public),
        grant(2, Grantee::Group("g".to_owned())),
        grant(2, Grantee::Public),
        grant(3, Grantee::Public),
    ];
    let catalog = fixture.open();
    catalog.commit(|_| Ok(actions.to_vec())).await.unwrap();
    // Grants end with what they are on and with whom they are to.
    catalog.commit(|_| Ok(vec![Action::DropModel(name(2)), Action::DropUser("ann".to_owned())])).await.unwrap();
    assert!(fixture.read(&commit(61)).await.contains("\"format_version\": 4"));
    for number in 62..66 {
        let state = fixture.open().refresh().await.unwrap();
        let access = state.access();
        assert_eq!(access.users.keys().collect::<Vec<_>>(), ["bob"]);
        assert_eq!(access.groups["g"].members.iter().collect::<Vec<_>>(), ["bob"]);
        let kept: Vec<_> = access.grants.keys().map(|key| (&key.object, &key.grantee)).collect();
        assert_eq!(kept, [(&Object::Model(name(1)), &Grantee::Public), (&Object::Model(name(3)), &Grantee::Public)]);
        fixture.commit(number..number + 1).await;
    }
    assert!(fixture.read(&checkpoint(64)).await.starts_with("{\"format_version\":5"));
}

#[tokio::test]
async fn the_end_of_a_password_is_of_the_newest_format() {
    let fixture = Fixture::with_commits(62).await;
    let user = UserEntry { name: "ann".to_owned(), id: 63, superuser: false, verifier: None, valid_until: Some(7) };
    fixture.open().commit(|_| Ok(vec![Action::PutUser(user.clone())])).await.unwrap();
    fixture.commit(63..64).await;
    assert!(fixture.read(&commit(63)).await.contains("\"format_version\": 5"));
    assert!(fixture.read(&checkpoint(64)).await.starts_with("{\"format_version\":6"));
    assert_eq!(fixture.open().refresh().await.unwrap().access().users["ann"], user);
}

#[tokio::test]
async fn a_damaged_entry_is_refused_when_it_is_used() {
    let fixture = Fixture::with_commits(64).await;
    let intact = fixture.read(&checkpoint(64)).await;
    fixture.write(&checkpoint(64), &intact.replacen("\"rows_used\":1", "\"rows_used\":x", 1)).await;
    let state = fixture.open().refresh().await.unwrap();
    assert!(state.model(&ModelName::new("public", "m0001")).unwrap().entry().is_ok());
    let refused = error(state.model(&ModelName::new("public", "m0000")).unwrap().entry().unwrap_err());
    assert_eq!(refused.kind(), ErrorKind::Storage);
    let file = format!("catalog file catalog/{} at memory:/// is damaged", checkpoint(64));
    assert!(refused.message().starts_with(&file), "{refused}");

    let swapped = intact.replacen(r#"{"name":{"schema":"public","name":"m0000"},"version":1,"owner""#, "", 1);
    assert_ne!(swapped, intact);
    fixture.write(&checkpoint(64), &swapped).await;
    let refused = fixture.refusal().await;
    assert!(refused.message().contains("shorter or longer than its index says"), "{refused}");
}

#[tokio::test]
async fn a_damaged_checkpoint_is_refused_at_once() {
    let fixture = Fixture::with_commits(64).await;
    let intact = fixture.read(&checkpoint(64)).await;
    for (content, reason) in [
        (String::new(), "it is empty"),
        ("{".to_owned(), "EOF while parsing"),
        (r#"{"format_version":2}"#.to_owned(), "it has no index"),
        (intact[..intact.len() - 1].to_owned(), "shorter or longer than its index says"),
        (format!("{intact}{{}}\n"), "longer than its index says"),
    ] {
        fixture.write(&checkpoint(64), &content).await;
        let refused = fixture.refusal().await;
        assert_eq!(refused.kind(), ErrorKind::Storage);
        assert!(refused.message().contains(reason) && refused.message().contains(&checkpoint(64)), "{refused}");
    }
    fixture.write(&checkpoint(64), "{\"format_version\":7}\nsomething new").await;
    let refused = fixture.refusal().await;
    assert_eq!(refused.kind(), ErrorKind::Incompatible);
    assert!(refused.message().contains("has format 7") && refused.message().contains("formats up to 6"), "{refused}");
}

#[tokio::test]
async fn nothing_is_committed_into_a_gap() {
    let fixture = Fixture::with_commits(5).await;
    let catalog = fixture.open();
    catalog.refresh().await.unwrap();
    // Far beyond what is read ahead, so that only a list can find it.
    fixture.write(&commit(80), r#"{"format_version": 1, "actions": []}"#).await;
    assert_eq!(catalog.refresh().await.unwrap().version(), 5);
    let refused = error(catalog.commit(|_| Ok(vec![put("forged")])).await.unwrap_err());
    assert!(refused.message().contains("commit 6 is missing before catalog/00000000000000000080.json"), "{refused}");
    assert!(fixture.store.get(&fixture.path(&commit(6))).await.is_err());
}

#[tokio::test]
async fn a_log_without_its_beginning_is_refused() {
    let fixture = Fixture::with_commits(40).await;
    for version in 1..=35 {
        fixture.delete(&commit(version)).await;
    }
    let refused = fixture.refusal().await;
    assert!(refused.message().contains("commit 1 is missing before catalog/00000000000000000036.json"), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_read_back_is_not_committed() {
    let fixture = Fixture::with_commits(1).await;
    let mut unwritable = entry("n");
    unwritable.report.seconds = f64::NAN;
    let refused = fixture.open().commit(|_| Ok(vec![Action::PutModel(Box::new(unwritable.clone()))])).await;
    assert_eq!(error(refused.unwrap_err()).kind(), ErrorKind::Internal);
    assert_eq!(fixture.open().refresh().await.unwrap().version(), 1);
}
