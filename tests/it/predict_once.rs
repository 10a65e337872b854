//! How many rows a model is asked about.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_ml::MlSession;
use datafusion_ml::core::algorithm::{FitRequest, Parameters};
use datafusion_ml::core::{
    Algorithm, Encoding, Features, FitContext, Metric, Model, OptionSpec, Prediction, Result, Task, TrainingData,
};

use crate::support::{data, try_answer, value};

/// The linear learner, whose models count the rows that they predict.
#[derive(Debug, Clone)]
struct Counting {
    inner: Arc<dyn Algorithm>,
    rows: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct CountingModel {
    inner: Arc<dyn Model>,
    rows: Arc<AtomicUsize>,
}

impl Counting {
    fn counting(&self, inner: Arc<dyn Model>) -> Arc<dyn Model> {
        Arc::new(CountingModel { inner, rows: Arc::clone(&self.rows) })
    }
}

impl Algorithm for Counting {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn tasks(&self) -> &[Task] {
        self.inner.tasks()
    }

    fn options(&self) -> &[OptionSpec] {
        self.inner.options()
    }

    fn encoding(&self) -> Encoding {
        self.inner.encoding()
    }

    fn metric(&self, request: &FitRequest) -> Result<Metric> {
        self.inner.metric(request)
    }

    fn fit(&self, data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<Arc<dyn Model>> {
        Ok(self.counting(self.inner.fit(data, request, context)?))
    }

    fn load(&self, parameters: Parameters) -> Result<Arc<dyn Model>> {
        Ok(self.counting(self.inner.load(parameters)?))
    }
}

impl Model for CountingModel {
    fn predict(&self, features: &Features) -> Result<Prediction> {
        self.rows.fetch_add(features.num_rows(), Ordering::Relaxed);
        self.inner.predict(features)
    }

    fn parameters(&self) -> Result<Parameters> {
        self.inner.parameters()
    }
}

/// How many rows the model is asked about by a query over banknote's 1,372 rows, of which 764 have a variance above 0.
async fn rows_asked(sql: &str) -> usize {
    let store = tempfile::tempdir().unwrap();
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    context.register_parquet("banknote", data("banknote.parquet"), Default::default()).await.unwrap();
    let rows = Arc::new(AtomicUsize::new(0));
    let inner = datafusion_ml_algorithms::all().into_iter().find(|a| a.name() == "linear_learner").unwrap();
    let counting: Arc<dyn Algorithm> = Arc::new(Counting { inner, rows: Arc::clone(&rows) });
    let builder = MlSession::builder(context).with_algorithms([counting]);
    let session = builder.with_store(store.path().to_string_lossy()).build().await.unwrap();
    let create = "CREATE MODEL m FROM banknote TARGET class FUNCTION f AUTO OFF MODEL_TYPE LINEAR_LEARNER \
                  HYPERPARAMETERS DEFAULT";
    session.sql(create).await.unwrap();
    rows.store(0, Ordering::Relaxed);
    session.sql(sql).await.unwrap().collect().await.unwrap();
    rows.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_row_is_predicted_once() {
    const F: &str = "f(variance, skewness, curtosis, entropy)";
    let all = 1372;
    let positive = 764;
    let cases = [
        (format!("SELECT {F} FROM banknote"), all),
        (format!("SELECT variance, {F} AS p FROM banknote WHERE {F} = 1"), all),
        (format!("SELECT * FROM (SELECT variance, {F} AS p FROM banknote) WHERE p = 1"), all),
        (format!("SELECT * FROM (SELECT variance, {F} AS p FROM banknote) WHERE p = 1 AND variance > 0"), positive),
        (format!("SELECT {F} AS p, count(*) FROM banknote WHERE {F} = 1 AND variance > 0 GROUP BY 1"), positive),
        (
            format!("WITH t AS (SELECT *, {F} AS p FROM banknote) SELECT p + 1, p - 1 FROM t WHERE p = 1 ORDER BY p"),
            all,
        ),
        (format!("SELECT stddev({F}), avg({F}) FROM banknote"), all),
        (
            format!("SELECT {F} FROM (SELECT entropy, curtosis, skewness, variance FROM banknote) WHERE {F} = 1 LIMIT 2000"),
            all,
        ),
        (
            "SELECT f(a, b, c, d) AS p FROM (SELECT variance AS a, skewness AS b, curtosis AS c, entropy AS d FROM banknote) \
             WHERE p = 1 AND a > 0"
                .replace("p = 1", "f(a, b, c, d) = 1"),
            positive,
        ),
        ("SELECT variance FROM banknote WHERE variance > 0".to_owned(), 0),
    ];
    for (sql, rows) in cases {
        assert_eq!(rows_asked(&sql).await, rows, "{sql}");
    }
}

#[tokio::test]
async fn columns_that_no_model_reads_are_not_read() {
    let store = tempfile::tempdir().unwrap();
    let session = crate::support::session(&store.path().to_string_lossy()).await;
    session
        .sql(
            "CREATE MODEL m FROM (SELECT variance, class FROM banknote) TARGET class FUNCTION f AUTO OFF MODEL_TYPE \
                 LINEAR_LEARNER HYPERPARAMETERS DEFAULT",
        )
        .await
        .unwrap();
    let plan = try_answer(&session, "EXPLAIN FORMAT INDENT SELECT f(variance) FROM banknote").await.unwrap();
    assert!(plan.contains("banknote.parquet]]}, projection=[f(variance@0) as f(banknote.variance)]"), "{plan}");
}

#[tokio::test]
async fn the_table_has_as_many_rows_as_the_test_says() {
    let store = tempfile::tempdir().unwrap();
    let session = crate::support::session(&store.path().to_string_lossy()).await;
    assert_eq!(value(&session, "SELECT count(*) FROM banknote").await, "1372");
    assert_eq!(value(&session, "SELECT count(*) FROM banknote WHERE variance > 0").await, "764");
}
