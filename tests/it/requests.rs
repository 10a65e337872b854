//! What a statement of a user asks of the store, with 10 and with 10,000 models in it, and how long that takes.

use std::sync::Arc;
use std::time::Instant;

use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_ml::MlSession;
use datafusion_ml::catalog::{Action, Catalog, ModelEntry, ModelName};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use crate::counting_store::CountingStore;
use crate::s3_server::{BUCKET, S3Server};
use crate::store::{Fixed, root};
use crate::support::try_answer;

const CREATE: &str = "CREATE MODEL model_0 FROM (SELECT CAST(v AS DOUBLE) AS a, CAST(3 * v AS DOUBLE) AS y FROM range(600) AS r(v)) \
    TARGET y FUNCTION predict_0 AUTO OFF MODEL_TYPE XGBOOST OBJECTIVE 'reg:squarederror' PREPROCESSORS 'none' \
    HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '2')";
const PLAIN: &str = "SELECT abs(v) FROM range(3) AS r(v)";
const CALL: &str = "SELECT predict_0(CAST(v AS DOUBLE)) FROM range(3) AS r(v)";

async fn session(url: &str, store: &Arc<dyn ObjectStore>, user: Option<&str>) -> MlSession {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let builder = MlSession::builder(context)
        .with_algorithms(datafusion_ml_algorithms::all())
        .with_object_stores(Arc::new(Fixed(Arc::clone(store))))
        .with_store(url)
        .with_stored_tables();
    let builder = match user {
        Some(user) => builder.with_user(user),
        None => builder,
    };
    builder.build().await.unwrap()
}

/// A store of that many models, which share an artifact, and the session of a user who may call one of them.
async fn user_among(url: &str, store: &Arc<dyn ObjectStore>, models: usize) -> MlSession {
    let owner = session(url, store, None).await;
    try_answer(&owner, CREATE).await.unwrap();
    let catalog = Catalog::new(root(url, store).await);
    let entry = Arc::clone(catalog.refresh().await.unwrap().models().next().unwrap().entry().unwrap());
    let put = |number: usize| {
        let mut entry =
            ModelEntry { name: ModelName::new("public", format!("model_{number}")), ..entry.as_ref().clone() };
        entry.function.name = format!("predict_{number}");
        Action::PutModel(Box::new(entry))
    };
    catalog.commit(|_| Ok((1..models).map(put).collect())).await.unwrap();
    for sql in ["CREATE USER ann", "CREATE GROUP g WITH USER ann", "GRANT EXECUTE ON MODEL model_0 TO GROUP g"] {
        try_answer(&owner, sql).await.unwrap();
    }
    let user = session(url, store, Some("ann")).await;
    try_answer(&user, CALL).await.unwrap();
    user
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_statement_asks_once_for_the_next_commit_when_it_is_planned_and_once_when_it_is_run() {
    for models in [10, 10_000] {
        let counting = Arc::new(CountingStore::default());
        let user = user_among("memory:///", &(Arc::clone(&counting) as _), models).await;
        counting.take_counts();
        for sql in [PLAIN, CALL, "SHOW MODEL model_0", "SELECT * FROM svv_ml_model_info"] {
            let planned = user.sql(sql).await.unwrap();
            assert_eq!(counting.take_counts(), (1, 0), "{models} models, {sql}");
            planned.collect().await.unwrap();
            assert_eq!(counting.take_counts(), (1, 0), "{models} models, {sql}");
        }
        assert!(try_answer(&user, "SELECT predict_1(1)").await.is_err());
        assert_eq!(counting.take_counts(), (1, 0), "{models} models");
    }
}

/// For people: `cargo test --package datafusion-ml-tests -- --ignored --nocapture what_a_statement_costs`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and pins nothing"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
async fn what_a_statement_costs() {
    let folder = tempfile::tempdir().unwrap();
    let server = S3Server::start().await;
    let local = || Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap()) as Arc<dyn ObjectStore>;
    for models in [10, 10_000] {
        let stores: [(&str, String, Arc<dyn ObjectStore>); 3] = [
            ("memory", "memory:///".into(), Arc::new(CountingStore::default())),
            ("local disk", format!("file:///{models}/"), local()),
            ("S3", format!("s3://{BUCKET}/{models}/"), server.client()),
        ];
        for (name, url, store) in stores {
            let user = user_among(&url, &store, models).await;
            let owner = session(&url, &store, None).await;
            for (who, session) in [("owner", &owner), ("user", &user)] {
                for dialect in ["generic", "redshift"] {
                    session.sql(&format!("SET datafusion.sql_parser.dialect = '{dialect}'")).await.unwrap();
                    for sql in [PLAIN, CALL] {
                        session.sql(sql).await.unwrap();
                        let started = Instant::now();
                        for _ in 0..200 {
                            session.sql(sql).await.unwrap();
                        }
                        let each = started.elapsed() / 200;
                        eprintln!("{models:>6} models, {name:<10}, {who:<5}, {dialect:<8}: {each:>9.1?} to plan {sql}");
                    }
                }
            }
        }
    }
}
