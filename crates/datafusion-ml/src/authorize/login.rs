//! Who may open a session.

use chrono::DateTime;
use datafusion::error::Result;

use super::{Rights, denied, is_password};
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

/// A user who has opened a session: another one who is given the name later is somebody else.
#[derive(Debug)]
pub(crate) struct Login {
    pub(super) name: String,
    id: u64,
}

impl Login {
    /// What the user may do.
    pub(super) fn rights(&self, state: &CatalogState) -> Rights {
        match self.is_there(state) {
            true => Rights::of_user(state, &self.name),
            false => Rights::none(&self.name),
        }
    }

    /// Whether there is the user still.
    pub(super) fn is_there(&self, state: &CatalogState) -> bool {
        state.access().users.get(&self.name).is_some_and(|user| user.id == self.id)
    }
}

/// Who opens a session so; `None` is the owner of the process. Fails unless it may be opened.
pub(crate) fn log_in(
    state: &CatalogState,
    user: Option<&str>,
    password: Option<&str>,
    logins: Logins,
) -> Result<Option<Login>> {
    let users = &state.access().users;
    let Some(name) = user else {
        return match logins == Logins::Required && users.values().any(|user| user.verifier.is_some()) {
            true => Err(denied("users of this store have passwords; say who you are")),
            false => Ok(None),
        };
    };
    let user = users.get(name);
    let user = match (password, logins) {
        (None, Logins::Optional) => {
            user.ok_or_else(|| denied(format!("there is no user {name}; a superuser can CREATE USER {name}")))?
        }
        _ => {
            let is_right = |user: &&UserEntry| {
                password.zip(user.verifier.as_ref()).is_some_and(|(password, verifier)| is_password(password, verifier))
            };
            // The same words whatever is wrong, but for who knows the password.
            let failed = || denied(format!("password authentication failed for user {name}"));
            let user = user.filter(is_right).ok_or_else(failed)?;
            check_not_ended(user)?;
            user
        }
    };
    Ok(Some(Login { name: user.name.clone(), id: user.id }))
}

fn check_not_ended(user: &UserEntry) -> Result<()> {
    let Some(end) = user.valid_until.filter(|end| *end <= unix_seconds()) else { return Ok(()) };
    let time = DateTime::from_timestamp(end, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S");
    Err(denied(format!(
        "the password of user {0} was valid until {time} UTC; a superuser can ALTER USER {0} VALID UNTIL a later time",
        user.name
    )))
}
