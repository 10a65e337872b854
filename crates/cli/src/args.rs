//! The command line.

use std::path::PathBuf;

use clap::Parser;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::MaxRows;

/// SQL with CREATE MODEL, over files, tables and object stores.
///
/// Without -c and -f, statements are read from the terminal, or from standard input if it is piped. A script ends at its
/// first error, with exit code 1.
#[derive(Debug, Parser)]
#[command(name = "dfml", version, about)]
pub(crate) struct Args {
    /// Run these statements, separated by semicolons, then exit; may be repeated
    #[arg(short, long, value_name = "SQL", num_args = 1..)]
    pub(crate) command: Vec<String>,

    /// Run the statements of this file, then exit; may be repeated
    #[arg(short, long, num_args = 1..)]
    pub(crate) file: Vec<PathBuf>,

    /// Run this file first instead of ~/.dfmlrc; may be repeated
    #[arg(short, long, value_name = "FILE", num_args = 1.., conflicts_with = "file")]
    pub(crate) rc: Option<Vec<PathBuf>>,

    /// Where models and tables are kept: a folder, or a URL such as s3://bucket/prefix (see the AWS_* variables) or memory:
    #[arg(long, value_name = "URL", default_value = ".dfml", env = "DFML_STORE")]
    pub(crate) store: String,

    /// The user of the store that the session is of. The password is asked for on a terminal, otherwise it is taken from
    /// DFML_PASSWORD. Without this the session is that of the store's owner, who may do everything, until a user has a
    /// password
    #[arg(long, value_name = "NAME", env = "DFML_USER")]
    pub(crate) user: Option<String>,

    /// Seal all that is kept in the store with the key in this file, 32 random bytes in base64. Of several keys the first
    /// seals, and all of them open. Without this the keys are taken from DFML_KEY; without that, too, nothing is sealed
    #[arg(long, value_name = "FILE", env = "DFML_KEY_FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Seal everything in the store anew with the first key, say how many objects that were, and end. Others may work on
    /// meanwhile with both keys; afterwards the first one is enough
    #[arg(long, conflicts_with_all = ["command", "file", "rc", "user"])]
    pub(crate) reseal: bool,

    /// The same for a store that was begun without a key: what is not sealed is sealed, too. Nobody can work with it meanwhile
    #[arg(long, conflicts_with_all = ["reseal", "command", "file", "rc", "user"])]
    pub(crate) seal: bool,

    /// Record who predicts with which version of which model, and how many rows; SELECT * FROM ml_audit shows it
    #[arg(long, env = "DFML_AUDIT_PREDICTIONS")]
    pub(crate) audit_predictions: bool,

    /// Ask for no password: for those who may read and write the store's files anyhow
    #[arg(long)]
    pub(crate) trust_local: bool,

    /// How SQL is read: as Redshift does, or in plain DataFusion's words with generic; or postgresql, mysql, duckdb and others
    #[arg(long, value_name = "NAME", default_value = "redshift", env = "DATAFUSION_SQL_PARSER_DIALECT")]
    pub(crate) dialect: String,

    /// The working directory, in which relative paths of files and of the store are looked for
    #[arg(short = 'p', long, value_name = "FOLDER")]
    pub(crate) data_path: Option<PathBuf>,

    /// How results are printed
    #[arg(long, value_enum, default_value_t = PrintFormat::Automatic)]
    pub(crate) format: PrintFormat,

    /// Print results only: no banner, no row counts and times, no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// The most rows to print of a result in table format: a number, or inf
    #[arg(long, default_value = "40")]
    pub(crate) maxrows: MaxRows,

    /// Highlight syntax even where the output is not a terminal
    #[arg(long)]
    pub(crate) color: bool,

    /// How many rows a batch has
    #[arg(short, long, value_name = "ROWS", value_parser = at_least_one)]
    pub(crate) batch_size: Option<usize>,

    /// How many threads queries and training use
    #[arg(short, long, value_parser = at_least_one)]
    pub(crate) threads: Option<usize>,

    /// How much memory queries and training may use, such as 500m or 2g
    #[arg(short, long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory_limit: Option<usize>,

    /// How much disk spilled data may use, such as 10g
    #[arg(short, long, value_name = "SIZE", value_parser = size)]
    pub(crate) disk_limit: Option<usize>,
}

/// What runs first, in the user's home.
const RC_FILE: &str = ".dfmlrc";

/// What was typed, in the user's home.
pub(crate) const HISTORY_FILE: &str = ".dfml_history";

impl Args {
    /// The files of the shell, which users who are no superusers are to leave alone: what runs at the start, the history, keys.
    pub(crate) fn own_files(&self) -> Vec<PathBuf> {
        let at_home = dirs::home_dir().into_iter().flat_map(|home| [RC_FILE, HISTORY_FILE].map(|file| home.join(file)));
        at_home.chain(self.rc.iter().flatten().cloned()).chain(self.key_file.clone()).collect()
    }

    /// The files to run before anything else.
    pub(crate) fn rc_files(&self) -> Vec<PathBuf> {
        match &self.rc {
            Some(files) => files.clone(),
            None => dirs::home_dir().map(|home| home.join(RC_FILE)).filter(|file| file.exists()).into_iter().collect(),
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "it takes a whole number from 1".to_owned())
}

/// Bytes, from a number with a unit: k, m, g or t, of 1024 each.
fn size(text: &str) -> Result<usize, String> {
    let lower = text.trim().to_ascii_lowercase();
    let number = lower.trim_end_matches("ib").trim_end_matches('b');
    let (digits, power) = match number.chars().last() {
        Some('k') => (&number[..number.len() - 1], 1),
        Some('m') => (&number[..number.len() - 1], 2),
        Some('g') => (&number[..number.len() - 1], 3),
        Some('t') => (&number[..number.len() - 1], 4),
        _ => (number, 0),
    };
    let bytes = digits.trim().parse::<usize>().ok().and_then(|n| n.checked_mul(1024usize.checked_pow(power)?));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "it takes a size such as 500m or 2g".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("512"), Ok(512));
        assert_eq!(size("2g"), Ok(2 << 30));
        assert_eq!(size("10 MB"), Ok(10 << 20));
        assert!(size("many").is_err() && size("0").is_err() && size("99999999999999t").is_err());
    }
}
