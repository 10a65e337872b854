//! The interactive loop.

use datafusion::error::{DataFusionError, Result};
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, Editor};

use crate::commands::{self, Next};
use crate::execute::{Shell, message};
use crate::input::InputHelper;
use crate::script;

/// Asks for statements and commands until the user leaves. Ctrl-C cancels a statement or clears the line.
pub(crate) async fn run(shell: &mut Shell) -> Result<()> {
    if !shell.print.quiet {
        println!("dfml {} on DataFusion {}; \\? for help", env!("CARGO_PKG_VERSION"), datafusion::DATAFUSION_VERSION);
    }
    let history = dirs::home_dir().map(|home| home.join(".dfml_history"));
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    let mut editor: Editor<InputHelper, DefaultHistory> = Editor::with_config(config).map_err(terminal)?;
    editor.set_helper(Some(InputHelper::new(shell.session.clone(), shell.print.color)));
    if let Some(history) = &history {
        // There is none at the first start.
        let _ = editor.load_history(history);
    }
    loop {
        match editor.readline("dfml> ") {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                if let Next::Quit = answer(shell, &line).await {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(e) => return Err(terminal(e)),
        }
    }
    if let Some(history) = &history {
        editor.save_history(history).map_err(terminal)?;
    }
    Ok(())
}

/// Runs a line; its error is printed and ends nothing.
async fn answer(shell: &mut Shell, line: &str) -> Next {
    let outcome = tokio::select! {
        outcome = statements_or_command(shell, line) => outcome,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("Cancelled.");
            return Next::Continue;
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("Error: {}", message(&error));
        Next::Continue
    })
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
