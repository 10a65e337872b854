//! What a model costs a statement that calls it, before the first row: planning, with 10 and with 10,000 models in the
//! store, for the owner of the store and for a user with grants, and what opening such a store costs.

use std::path::Path;
use std::sync::Arc;

use criterion::Criterion;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_ml::MlSession;
use datafusion_ml::catalog::{Action, Catalog, ModelEntry, ModelName};
use datafusion_ml::store::{RegisteredStores, StoreOptions, StoreRoot, parse_store_url};
use tokio::runtime::Runtime;

const CREATE: &str = "CREATE MODEL model_0 FROM (SELECT CAST(v AS DOUBLE) AS a, CAST(v * v AS DOUBLE) AS b, \
    CAST(3 * v AS DOUBLE) AS y FROM t) TARGET y FUNCTION predict_0 AUTO OFF MODEL_TYPE XGBOOST \
    OBJECTIVE 'reg:squarederror' PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '10')";
const PLAIN: &str = "SELECT abs(CAST(v AS DOUBLE) + 1) FROM t";
const CALL: &str = "SELECT predict_0(CAST(v AS DOUBLE), 1) FROM t";

async fn session(store: &Path) -> MlSession {
    session_of(store, None).await
}

async fn session_of(store: &Path, user: Option<&str>) -> MlSession {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    context
        .sql("CREATE TABLE t AS SELECT * FROM range(100) AS r(v)")
        .await
        .expect("a table")
        .collect()
        .await
        .expect("rows");
    let session = MlSession::builder(context).with_algorithms(datafusion_ml_algorithms::all());
    let session = match user {
        Some(user) => session.with_user(user),
        None => session,
    };
    session.with_store(store.to_string_lossy()).build().await.expect("a session")
}

/// A store of that many models, which share an artifact.
async fn fill(store: &Path, models: usize) {
    let filled = session(store).await;
    filled.sql(CREATE).await.expect("a model");
    let stores = RegisteredStores::new(filled.context().runtime_env());
    let url = parse_store_url(&store.to_string_lossy()).expect("a folder");
    let catalog = Catalog::new(StoreRoot::open(&url, &stores, &StoreOptions::default()).await.expect("a store"));
    let state = catalog.refresh().await.expect("a catalog");
    let entry = Arc::clone(state.models().next().expect("a model").entry().expect("an entry"));
    // The 64th commit writes a checkpoint, and one more follows it.
    for chunk in 0..64 {
        let names = (1..models).filter(|number| number % 64 == chunk);
        let put = |number: usize| {
            let mut entry =
                ModelEntry { name: ModelName::new("public", format!("model_{number}")), ..entry.as_ref().clone() };
            entry.function.name = format!("predict_{number}");
            Action::PutModel(Box::new(entry))
        };
        let actions: Vec<Action> = names.map(put).collect();
        catalog.commit(|_| Ok(actions.clone())).await.expect("a commit");
    }
}

/// Somebody who may call one of the models, as a member of a group.
async fn user(store: &Path) -> MlSession {
    let owner = session(store).await;
    for sql in ["CREATE USER ann", "CREATE GROUP g WITH USER ann", "GRANT EXECUTE ON MODEL model_0 TO GROUP g"] {
        owner.sql(sql).await.expect(sql);
    }
    session_of(store, Some("ann")).await
}

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let mut criterion = Criterion::default().configure_from_args();
    for models in [10, 10_000] {
        let mut group = criterion.benchmark_group(format!("{models} models"));
        let folder = tempfile::tempdir().expect("a folder");
        runtime.block_on(fill(folder.path(), models));
        let warm = runtime.block_on(session(folder.path()));
        for dialect in ["generic", "redshift"] {
            let set = format!("SET datafusion.sql_parser.dialect = '{dialect}'");
            runtime.block_on(warm.sql(&set)).expect("a dialect");
            for (name, sql) in [("plan without a model", PLAIN), ("plan a call of a model", CALL)] {
                group.bench_function(format!("{name}, {dialect}"), |bencher| {
                    bencher.iter(|| runtime.block_on(warm.sql(sql)).expect("a plan"));
                });
            }
        }
        let granted = runtime.block_on(user(folder.path()));
        for (name, sql) in [("plan without a model", PLAIN), ("plan a call of a model", CALL)] {
            group.bench_function(format!("{name}, as a user"), |bencher| {
                bencher.iter(|| runtime.block_on(granted.sql(sql)).expect("a plan"));
            });
        }
        group.bench_function("open the store", |bencher| {
            bencher.iter(|| runtime.block_on(session(folder.path())));
        });
        group.bench_function("open the store, load a model and plan its first call", |bencher| {
            bencher.iter(|| runtime.block_on(async { session(folder.path()).await.sql(CALL).await.expect("a plan") }));
        });
    }
}
