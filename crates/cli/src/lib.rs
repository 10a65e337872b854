//! The shell `dfml`: datafusion-cli's flags, formats and feel, with `CREATE MODEL`.
//!
//! This is the one place where concrete parts are put together: DataFusion's session with datafusion-cli's catalogs and
//! printing, the built-in algorithms, and the model store.

mod args;
mod caret;
mod commands;
mod execute;
mod highlight;
mod input;
mod keywords;
mod notices;
mod progress;
mod script;
mod secrets;
mod shell;
mod stores;
mod url_tables;

use std::io::{IsTerminal, Read};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::ExplainFormat;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_cli::functions::{ListFilesCacheFunc, MetadataCacheFunc, ParquetMetadataFunc, StatisticsCacheFunc};
use datafusion_cli::object_storage::instrumented::InstrumentedObjectStoreRegistry;
use datafusion_cli::print_options::PrintOptions;
use datafusion_ml::aws::AwsStores;
use datafusion_ml::core::ErrorKind;
use datafusion_ml::store::{SealingKeys, Unsealed};
use datafusion_ml::{MlSession, Notices, TrainingProgress, find_error};

use args::Args;
use execute::{Shell, message};
use notices::CollectedNotices;
use progress::ProgressLine;
use url_tables::enable_url_tables;

/// Planning walks deep statements by recursion. What is not used of a stack costs nothing.
const STACK_BYTES: usize = 64 << 20;

/// Runs the shell with the process's arguments.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.thread_stack_size(STACK_BYTES);
    if let Some(threads) = args.threads {
        builder.worker_threads(threads);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("Error: the runtime cannot be started: {e}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let running = thread.spawn_scoped(scope, || runtime.block_on(run(args)));
        running.map_err(DataFusionError::from)?.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    // What was cancelled and has not noticed yet is not waited for.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let text = message(&e);
            // Whoever read the output has seen enough. (The CSV writer keeps of an I/O error only its text.)
            if text.contains("Broken pipe") {
                return ExitCode::SUCCESS;
            }
            eprintln!("Error: {text}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<()> {
    if let Some(folder) = &args.data_path {
        std::env::set_current_dir(folder)
            .map_err(|e| DataFusionError::Configuration(format!("--data-path {}: {e}", folder.display())))?;
    }
    if args.reseal || args.seal {
        return reseal(&args).await;
    }
    let interactive = args.command.is_empty() && args.file.is_empty() && std::io::stdin().is_terminal();
    let mut shell = start(&args).await?;
    if interactive {
        for file in args.rc_files() {
            if let Err(e) = script::run_file(&mut shell, &file).await {
                eprintln!("Error: {}: {}", file.display(), message(&e));
            }
        }
        return shell::run(&mut shell).await;
    }
    let outcome = scripts(&mut shell, &args).await;
    // Models that a script began to train in the background are there when it has ended, even by an error.
    match (outcome, shell.finish_training().await) {
        (Err(error), Err(failure)) => Err(DataFusionError::Collection(vec![error, failure])),
        (outcome, trained) => outcome.and(trained),
    }
}

/// Runs what the arguments name, or standard input.
async fn scripts(shell: &mut Shell, args: &Args) -> Result<()> {
    if args.command.is_empty() && args.file.is_empty() {
        for file in args.rc_files() {
            script::run_file(shell, &file).await?;
        }
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return script::run(shell, &text).await;
    }
    for file in &args.file {
        script::run_file(shell, file).await?;
    }
    for command in &args.command {
        script::run(shell, command).await?;
    }
    Ok(())
}

/// Puts the session together.
async fn start(args: &Args) -> Result<Shell> {
    let registry = Arc::new(InstrumentedObjectStoreRegistry::new());
    let context = SessionContext::new_with_config_rt(config(args)?, runtime(args, Arc::clone(&registry))?);
    let context = enable_url_tables(context);
    context.refresh_catalogs().await?;
    let caches = Arc::clone(&context.runtime_env().cache_manager);
    // They tell of files whosoever they are: names and statistics of those of the store, too.
    if args.user.is_none() {
        context.register_udtf("parquet_metadata", Arc::new(ParquetMetadataFunc {}));
        context.register_udtf("metadata_cache", Arc::new(MetadataCacheFunc::new(Arc::clone(&caches))));
        context.register_udtf("statistics_cache", Arc::new(StatisticsCacheFunc::new(Arc::clone(&caches))));
        context.register_udtf("list_files_cache", Arc::new(ListFilesCacheFunc::new(caches)));
    }

    let notices = Arc::new(CollectedNotices::default());
    let mut builder = MlSession::builder(context.clone())
        .with_algorithms(datafusion_ml_algorithms::all())
        .with_object_stores(Arc::new(AwsStores::new(context.runtime_env())))
        .with_stored_tables()
        .with_notices(Arc::clone(&notices) as Arc<dyn Notices>)
        .with_private_files(args.own_files())
        .with_store(&args.store);
    if let Some(keys) = sealing_keys(args)? {
        builder = builder.with_sealing_keys(keys);
    }
    if args.audit_predictions {
        builder = builder.with_prediction_audit();
    }
    if let Ok(user) = std::env::var("USER") {
        builder = builder.with_owner(user);
    }
    if !args.trust_local {
        builder = builder.with_logins();
    }
    if let Some(user) = &args.user {
        builder = builder.with_user(user);
        if !args.trust_local {
            builder = builder.with_password(password(user)?);
        }
    }
    let progress = Arc::new(ProgressLine::default());
    if std::io::stderr().is_terminal() {
        builder = builder.with_progress(Arc::clone(&progress) as Arc<dyn TrainingProgress>);
    }
    let print = PrintOptions {
        format: args.format,
        quiet: args.quiet,
        maxrows: args.maxrows,
        color: args.color || std::io::stdout().is_terminal(),
        instrumented_registry: registry,
    };
    let session = builder.build().await.map_err(|error| match find_error(&error) {
        // The words are those of the library, which has no flags.
        Some(denied) if args.user.is_none() && !args.trust_local && denied.kind() == ErrorKind::Denied => {
            DataFusionError::Configuration(format!(
                "{denied}: start with --user NAME, or with --trust-local where you own the store"
            ))
        }
        _ => error,
    })?;
    Ok(Shell { session, print, progress, notices })
}

/// Seals everything in the store anew.
async fn reseal(args: &Args) -> Result<()> {
    let wanted = "--reseal and --seal need the keys of the store: --key-file FILE, or DFML_KEY";
    let keys = sealing_keys(args)?.ok_or_else(|| DataFusionError::Configuration(wanted.to_owned()))?;
    let unsealed = if args.seal { Unsealed::Seal } else { Unsealed::Refuse };
    let stores = AwsStores::new(Arc::new(RuntimeEnv::default()));
    let count = datafusion_ml::store::reseal(&args.store, &stores, &keys, unsealed).await?;
    if !args.quiet {
        println!("Objects sealed with key {}: {count}. Everything in the store is sealed with it now.", keys.ids()[0]);
    }
    Ok(())
}

/// The keys of the store: of a file, or of the environment.
fn sealing_keys(args: &Args) -> Result<Option<SealingKeys>> {
    let text = match &args.key_file {
        Some(file) => std::fs::read_to_string(file).map_err(|e| {
            DataFusionError::Configuration(format!("the keys of the store cannot be read: {}: {e}", file.display()))
        })?,
        None => match std::env::var("DFML_KEY") {
            Ok(text) => text,
            Err(_) => return Ok(None),
        },
    };
    SealingKeys::parse(&text).map(Some)
}

/// The password of the user: typed where there is somebody to ask, and not shown.
fn password(user: &str) -> Result<String> {
    match std::env::var("DFML_PASSWORD") {
        Ok(password) => Ok(password),
        Err(_) if std::io::stdin().is_terminal() => Ok(rpassword::prompt_password(format!("Password of {user}: "))?),
        Err(_) => Err(DataFusionError::Configuration(format!(
            "user {user} has to say a password: set DFML_PASSWORD, or start with --trust-local where you own the store"
        ))),
    }
}

/// Options from `DATAFUSION_*` variables and flags.
fn config(args: &Args) -> Result<SessionConfig> {
    let mut config = SessionConfig::from_env()?.with_information_schema(true);
    config.options_mut().set("datafusion.sql_parser.dialect", &args.dialect)?;
    if let Some(rows) = args.batch_size {
        config = config.with_batch_size(rows);
    }
    if let Some(threads) = args.threads {
        config = config.with_target_partitions(threads);
    }
    if std::env::var_os("DATAFUSION_FORMAT_NULL").is_none() {
        config.options_mut().format.null = "NULL".to_owned();
    }
    if std::env::var_os("DATAFUSION_EXPLAIN_FORMAT").is_none() {
        config.options_mut().explain.format = ExplainFormat::Tree;
    }
    Ok(config)
}

fn runtime(args: &Args, registry: Arc<InstrumentedObjectStoreRegistry>) -> Result<Arc<RuntimeEnv>> {
    let mut builder = RuntimeEnvBuilder::new().with_object_store_registry(registry);
    if let Some(bytes) = args.memory_limit {
        let named = std::num::NonZeroUsize::MIN.saturating_add(2);
        builder = builder.with_memory_pool(Arc::new(TrackConsumersPool::new(GreedyMemoryPool::new(bytes), named)));
    }
    if let Some(bytes) = args.disk_limit {
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory);
        builder = builder.with_disk_manager_builder(disk.with_max_temp_directory_size(bytes as u64));
    }
    builder.build_arc()
}
