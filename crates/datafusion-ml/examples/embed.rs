//! Machine learning in your own DataFusion session: train, score by SQL, score by the DataFrame API.

use datafusion::execution::FunctionRegistry;
use datafusion::prelude::*;
use datafusion_ml::MlSession;

#[tokio::main]
pub(crate) async fn main() -> datafusion::error::Result<()> {
    let ctx = SessionContext::new();
    ctx.sql("CREATE TABLE t AS SELECT value AS x, 2 * value + 1 AS y FROM range(100)").await?.collect().await?;
    let ml = MlSession::builder(ctx.clone()).with_algorithms(datafusion_ml_algorithms::all()).with_store("memory:");
    let ml = ml.build().await?;
    ml.sql("CREATE MODEL line FROM t TARGET y FUNCTION predict_y AUTO OFF MODEL_TYPE LINEAR_LEARNER HYPERPARAMETERS DEFAULT")
        .await?;
    ml.sql("SELECT x, y, predict_y(x) FROM t WHERE x < 3").await?.show().await?;
    let predict_y = ctx.udf("predict_y")?;
    ctx.table("t").await?.select(vec![col("x"), predict_y.call(vec![col("x")])])?.limit(0, Some(3))?.show().await
}
