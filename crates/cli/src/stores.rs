//! Object stores that a statement names, registered before it is planned, by datafusion-cli's own means: credentials and
//! endpoint come from the statement's OPTIONS or the environment.

use std::sync::Arc;

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{CopyToStatement, CreateExternalTable, Statement as DFStatement};
use datafusion::sql::sqlparser::ast::Value;
use datafusion_cli::cli_context::CliSessionContext;
use datafusion_cli::object_storage::{
    AwsOptions, GcpOptions, get_cos_object_store_builder, get_gcs_object_store_builder, get_oss_object_store_builder,
    get_s3_object_store_builder,
};
use datafusion_ml::sql::Statement;
use object_store::http::HttpBuilder;
use object_store::{ClientOptions, ObjectStore};

/// Registers the stores of CREATE EXTERNAL TABLE, COPY and UNLOAD.
pub(crate) async fn register_stores(context: &SessionContext, statement: &Statement) -> Result<()> {
    let (location, region) = match statement {
        Statement::Copy(copy) => (&copy.location, &copy.options.region),
        Statement::Unload(unload) => (&unload.location, &unload.region),
        Statement::DataFusion(statement) => return register_stores_of_datafusion(context, statement).await,
        _ => return Ok(()),
    };
    let region = region.iter().map(|region| ("aws.region".to_owned(), Value::SingleQuotedString(region.clone())));
    register(context, location, &region.collect::<Vec<_>>()).await
}

async fn register_stores_of_datafusion(context: &SessionContext, statement: &DFStatement) -> Result<()> {
    match statement {
        DFStatement::CreateExternalTable(CreateExternalTable { locations, options, .. }) => {
            for location in locations {
                register(context, location, options).await?;
            }
        }
        DFStatement::CopyTo(CopyToStatement { target, options, .. }) => register(context, target, options).await?,
        _ => {}
    }
    Ok(())
}

async fn register(context: &SessionContext, location: &str, options: &[(String, Value)]) -> Result<()> {
    let location = ListingTableUrl::parse(location)?;
    let scheme = location.scheme();
    if scheme == "file" {
        return Ok(());
    }
    CliSessionContext::register_table_options_extension_from_scheme(context, scheme);
    let mut table_options = context.state().default_table_options();
    for (key, value) in options {
        let is_of_a_store = ["aws.", "gcp."].iter().any(|prefix| key.to_lowercase().starts_with(prefix));
        if let (true, Value::SingleQuotedString(value) | Value::DoubleQuotedString(value)) = (is_of_a_store, value) {
            table_options.set(key, value)?;
        }
    }
    let url = location.as_ref();
    let store: Arc<dyn ObjectStore> = match scheme {
        "s3" => match table_options.extensions.get::<AwsOptions>() {
            Some(options) => Arc::new(get_s3_object_store_builder(url, options, false).await?.build()?),
            None => return Ok(()),
        },
        "gs" | "gcs" => match table_options.extensions.get::<GcpOptions>() {
            Some(options) => Arc::new(get_gcs_object_store_builder(url, options)?.build()?),
            None => return Ok(()),
        },
        "oss" | "cos" => match table_options.extensions.get::<AwsOptions>() {
            Some(options) if scheme == "oss" => Arc::new(get_oss_object_store_builder(url, options)?.build()?),
            Some(options) => Arc::new(get_cos_object_store_builder(url, options)?.build()?),
            None => return Ok(()),
        },
        "http" | "https" => {
            let client = ClientOptions::new().with_allow_http(true);
            let builder = HttpBuilder::new().with_url(url.origin().ascii_serialization());
            Arc::new(builder.with_client_options(client).build()?)
        }
        _ => return Ok(()),
    };
    context.register_object_store(url, store);
    Ok(())
}
