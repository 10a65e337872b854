//! The interactive loop.

use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use futures::FutureExt;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, Editor};
use tokio::sync::Notify;

use crate::args::HISTORY_FILE;
use crate::commands::{self, Next};
use crate::execute::{Shell, message};
use crate::input::InputHelper;
use crate::script;
use crate::secrets::may_hold_password;

/// Asks for statements and commands until the user leaves. Ctrl-C cancels a statement or clears the line.
pub(crate) async fn run(shell: &mut Shell) -> Result<()> {
    if !shell.print.quiet {
        println!("dfml {} on DataFusion {}; \\? for help", env!("CARGO_PKG_VERSION"), datafusion::DATAFUSION_VERSION);
    }
    let history = dirs::home_dir().map(|home| home.join(HISTORY_FILE));
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(false).build();
    let mut editor: Editor<InputHelper, DefaultHistory> = Editor::with_config(config).map_err(terminal)?;
    editor.set_helper(Some(InputHelper::new(shell.session.clone(), shell.print.color)));
    if let Some(history) = &history {
        // There is none at the first start.
        let _ = editor.load_history(history);
    }
    let interrupts = interrupts()?;
    loop {
        match editor.readline("dfml> ") {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                if !may_hold_password(&line) {
                    let _ = editor.add_history_entry(line.as_str());
                }
                if let Next::Quit = answer(shell, &line, &interrupts).await {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => {
                println!("\\q");
                break;
            }
            Err(e) => return Err(terminal(e)),
        }
    }
    if let Some(history) = &history
        && let Err(e) = editor.save_history(history)
    {
        eprintln!("The history cannot be written to {}: {e}", history.display());
    }
    if shell.session.training_names().is_empty() {
        return Ok(());
    }
    tokio::select! {
        outcome = shell.finish_training() => outcome,
        _ = interrupts.notified() => {
            eprintln!("Cancelled. SHOW MODEL will say that training was interrupted.");
            Ok(())
        }
    }
}

/// Runs a line; its error is printed and ends nothing.
async fn answer(shell: &mut Shell, line: &str, interrupts: &Notify) -> Next {
    let outcome = tokio::select! {
        outcome = statements_or_command(shell, line) => outcome,
        _ = interrupts.notified() => {
            eprintln!("Cancelled.");
            return Next::Continue;
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("Error: {}", message(&error));
        Next::Continue
    })
}

/// Tells of every Ctrl-C. It is heard on a thread of its own, for the threads of the engine may all be busy computing.
fn interrupts() -> Result<Arc<Notify>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The first call sets the handler of the process. It has to be there before a line is read: rustyline replaces it
    // while it reads and puts back what it found.
    {
        let _entered = runtime.enter();
        let _ = tokio::signal::ctrl_c().now_or_never();
    }
    let interrupts = Arc::new(Notify::new());
    let heard = Arc::clone(&interrupts);
    std::thread::Builder::new().name("interrupts".to_owned()).spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                heard.notify_waiters();
            }
        });
    })?;
    Ok(interrupts)
}

async fn statements_or_command(shell: &mut Shell, line: &str) -> Result<Next> {
    if line.trim_start().starts_with('\\') {
        return commands::run(shell, line).await;
    }
    script::run(shell, line).await?;
    Ok(Next::Continue)
}

fn terminal(error: ReadlineError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
