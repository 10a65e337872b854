//! `dfml`: the SQL shell of datafusion-ml.

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    datafusion_ml_cli::main()
}
