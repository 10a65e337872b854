//! Backslash commands of the interactive shell.

use std::path::Path;

use datafusion::error::{DataFusionError, Result};
use datafusion_cli::command::OutputFormat;

use crate::execute::Shell;
use crate::script;

/// What `\?` prints.
const HELP: &str = r"\d              list tables
\d NAME         describe a table
\dm             list models
\dm NAME        describe a model
\df             list functions
\df NAME        describe a function
\i FILE         run the statements of a file
\pset format F  print results as table, csv, tsv, json or nd-json
\quiet [on|off] print results only
\?              this help
\q              leave";

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
    Include(String),
    Format(String),
    Quiet(Option<bool>),
    Help,
    Quit,
}

/// Runs the command of a line that begins with a backslash.
pub(crate) async fn run(shell: &mut Shell, line: &str) -> Result<Next> {
    match parse(line)? {
        Command::Sql(sql) => script::run(shell, &sql).await?,
        Command::Include(file) => script::run_file(shell, Path::new(&file)).await?,
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
    let words: Vec<&str> = line.trim().trim_end_matches(';').split_whitespace().collect();
    let quoted = |name: &str| name.replace('\'', "''");
    Ok(match words.as_slice() {
        ["\\d"] => Command::Sql("SHOW TABLES".to_owned()),
        ["\\d", table] => Command::Sql(format!("DESCRIBE {table}")),
        ["\\dm"] => Command::Sql("SHOW MODEL ALL".to_owned()),
        ["\\dm", model] => Command::Sql(format!("SHOW MODEL {model}")),
        ["\\df" | "\\h"] => Command::Sql("SHOW FUNCTIONS".to_owned()),
        ["\\df" | "\\h", name] => Command::Sql(format!("SHOW FUNCTIONS LIKE '{}'", quoted(name))),
        ["\\i", file] => Command::Include((*file).to_owned()),
        ["\\pset", "format", format] => Command::Format((*format).to_owned()),
        ["\\quiet"] => Command::Quiet(None),
        ["\\quiet", "on" | "true"] => Command::Quiet(Some(true)),
        ["\\quiet", "off" | "false"] => Command::Quiet(Some(false)),
        ["\\?"] => Command::Help,
        ["\\q"] => Command::Quit,
        _ => return Err(DataFusionError::Execution(format!("there is no command {}; \\? lists them", line.trim()))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_short_for_statements() {
        assert_eq!(parse("\\d").unwrap(), Command::Sql("SHOW TABLES".to_owned()));
        assert_eq!(parse("\\dm churn;").unwrap(), Command::Sql("SHOW MODEL churn".to_owned()));
        assert_eq!(parse("\\quiet on").unwrap(), Command::Quiet(Some(true)));
        assert!(parse("\\nonsense").unwrap_err().to_string().contains("there is no command \\nonsense"));
    }
}
