//! Who may open a session.

use chrono::DateTime;
use datafusion::error::Result;

use super::{denied, is_password};
use crate::background::unix_seconds;
use crate::catalog::{CatalogState, UserEntry};

/// Who may open a session without naming a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logins {
    /// The program, which decides itself whom it lets in.
    Optional,
    /// Nobody, once a user has a password.
    Required,
}

/// Fails unless a session may be opened so.
pub(crate) fn log_in(state: &CatalogState, user: Option<&str>, password: Option<&str>, logins: Logins) -> Result<()> {
    let users = &state.access().users;
    let Some(name) = user else {
        return match logins == Logins::Required && users.values().any(|user| user.verifier.is_some()) {
            true => Err(denied("users of this store have passwords; say who you are")),
            false => Ok(()),
        };
    };
    let user = users.get(name);
    match (password, logins) {
        (None, Logins::Optional) if user.is_some() => Ok(()),
        (None, Logins::Optional) => Err(denied(format!("there is no user {name}; a superuser can CREATE USER {name}"))),
        // The same words whatever is wrong, but for who knows the password.
        _ => match user.and_then(|user| Some((user, user.verifier.as_ref()?))) {
            Some((user, verifier)) if password.is_some_and(|password| is_password(password, verifier)) => {
                check_not_ended(user)
            }
            _ => Err(denied(format!("password authentication failed for user {name}"))),
        },
    }
}

fn check_not_ended(user: &UserEntry) -> Result<()> {
    let Some(end) = user.valid_until.filter(|end| *end <= unix_seconds()) else { return Ok(()) };
    let time = DateTime::from_timestamp(end, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S");
    Err(denied(format!(
        "the password of user {0} was valid until {time} UTC; a superuser can ALTER USER {0} VALID UNTIL a later time",
        user.name
    )))
}
