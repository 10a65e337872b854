//! Backslash commands of the shell and of scripts.

use std::path::Path;

use datafusion::error::{DataFusionError, Result};
use datafusion_cli::command::OutputFormat;

use crate::execute::Shell;
use crate::script;

/// What `\?` prints.
const HELP: &str = r"\d, \dt          list tables
\d NAME          describe a table
\dm              list models
\dm NAME         describe a model
\df              list functions, those of models too
\df NAME         describe a function
\i FILE          run the statements of a file
\pset format F   print results as table, csv, tsv, json or nd-json
\quiet [on|off]  print results only
\?               this help
\q               leave

A statement ends at a semicolon. Ctrl-C cancels it, and clears what is typed; Tab completes.";

/// The list of `\df`.
const FUNCTIONS: &str = "SELECT DISTINCT routine_name AS function, function_type AS kind, syntax_example AS syntax \
                         FROM information_schema.routines ORDER BY function, kind";

/// Whether the shell goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask for more.
    Continue,
    /// Leave.
    Quit,
}

/// A parsed command.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Sql(String),
    Functions,
    Include(String),
    ShowFormat,
    Format(String),
    Quiet(Option<bool>),
    Help,
    Quit,
}

/// Runs the command of a line that begins with a backslash.
pub(crate) async fn run(shell: &mut Shell, line: &str) -> Result<Next> {
    match parse(line)? {
        Command::Sql(sql) => script::run(&mut shell.with_all_rows(), &sql).await?,
        Command::Functions => {
            shell.session.resolve_all().await?;
            script::run(&mut shell.with_all_rows(), FUNCTIONS).await?;
        }
        Command::Include(file) => script::run_file(shell, Path::new(&file)).await?,
        Command::ShowFormat => println!("Output format is {:?}.", shell.print.format),
        Command::Format(format) => OutputFormat::ChangeFormat(format).execute(&mut shell.print)?,
        Command::Quiet(quiet) => {
            shell.print.quiet = quiet.unwrap_or(!shell.print.quiet);
            println!("Quiet mode is {}.", if shell.print.quiet { "on" } else { "off" });
        }
        Command::Help => println!("{HELP}"),
        Command::Quit => return Ok(Next::Quit),
    }
    Ok(Next::Continue)
}

fn parse(line: &str) -> Result<Command> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    Ok(match (command, argument.trim()) {
        ("\\d" | "\\dt", "") => Command::Sql("SHOW TABLES".to_owned()),
        ("\\d", table) => Command::Sql(format!("DESCRIBE {table}")),
        ("\\dm", "") => Command::Sql("SHOW MODEL ALL".to_owned()),
        ("\\dm", model) => Command::Sql(format!("SHOW MODEL {model}")),
        ("\\df" | "\\h", "") => Command::Functions,
        ("\\df" | "\\h", name) => Command::Sql(format!("SHOW FUNCTIONS LIKE '{}'", name.replace('\'', "''"))),
        ("\\i", file) if !file.is_empty() => Command::Include(file.trim_matches('\'').to_owned()),
        ("\\pset", "" | "format") => Command::ShowFormat,
        ("\\pset", option) if option.starts_with("format ") => {
            Command::Format(option["format ".len()..].trim().to_owned())
        }
        ("\\quiet", "") => Command::Quiet(None),
        ("\\quiet", "on" | "true") => Command::Quiet(Some(true)),
        ("\\quiet", "off" | "false") => Command::Quiet(Some(false)),
        ("\\?", "") => Command::Help,
        ("\\q", "") => Command::Quit,
        _ => return Err(DataFusionError::Execution(format!("there is no command {line}; \\? lists them"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_short_for_statements() {
        assert_eq!(parse("\\d").unwrap(), Command::Sql("SHOW TABLES".to_owned()));
        assert_eq!(parse("\\dt").unwrap(), Command::Sql("SHOW TABLES".to_owned()));
        assert_eq!(parse("\\dm churn;").unwrap(), Command::Sql("SHOW MODEL churn".to_owned()));
        assert_eq!(parse("\\df o'brien").unwrap(), Command::Sql("SHOW FUNCTIONS LIKE 'o''brien'".to_owned()));
    }

    #[test]
    fn commands_take_arguments() {
        assert_eq!(parse("\\quiet on").unwrap(), Command::Quiet(Some(true)));
        assert_eq!(parse("\\pset format csv").unwrap(), Command::Format("csv".to_owned()));
        assert_eq!(parse("\\pset").unwrap(), Command::ShowFormat);
        assert_eq!(parse("\\i my queries.sql").unwrap(), Command::Include("my queries.sql".to_owned()));
    }

    #[test]
    fn an_unknown_command_is_named() {
        assert!(parse("\\nonsense").unwrap_err().to_string().contains("there is no command \\nonsense"));
        assert!(parse("\\q now").is_err() && parse("\\i").is_err());
    }
}
