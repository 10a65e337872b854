//! The shell, as the tests start it.

fn main() -> std::process::ExitCode {
    datafusion_ml_cli::main()
}
