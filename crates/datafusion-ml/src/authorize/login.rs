//! Who may open a session.

use datafusion::error::Result;

use super::{denied, is_password};
use crate::catalog::CatalogState;

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
        // The same words whatever is wrong.
        _ => match user.and_then(|user| user.verifier.as_ref()) {
            Some(verifier) if password.is_some_and(|password| is_password(password, verifier)) => Ok(()),
            _ => Err(denied(format!("password authentication failed for user {name}"))),
        },
    }
}
