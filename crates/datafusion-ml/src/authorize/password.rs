//! Passwords are kept as SCRAM-SHA-256 verifiers (RFC 5802 and 7677) in PostgreSQL's form:
//! `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, in base 64. What is kept proves a password, but is none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use datafusion::error::Result;
use datafusion_ml_core::Error;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::error::external;

const ALGORITHM: &str = "SCRAM-SHA-256";

/// As PostgreSQL has it; a verifier says its own number, so this may grow.
const ITERATIONS: u32 = 4096;

const SALT_BYTES: usize = 16;

/// The verifier of a password, with a salt of its own.
pub(crate) fn verifier(password: &str) -> Result<String> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|e| external(Error::internal(format!("no random numbers: {e}"))))?;
    Ok(verifier_with(password, &salt, ITERATIONS))
}

fn verifier_with(password: &str, salt: &[u8], iterations: u32) -> String {
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations, &mut salted);
    let stored_key = Sha256::digest(mac(&salted, "Client Key").finalize().into_bytes());
    let server_key = mac(&salted, "Server Key").finalize().into_bytes();
    let text = |bytes: &[u8]| BASE64.encode(bytes);
    format!("{ALGORITHM}${iterations}:{}${}:{}", text(salt), text(&stored_key), text(&server_key))
}

/// Whether the verifier is of this password. Takes as long for a wrong one as for a right one.
pub(crate) fn is_password(password: &str, verifier: &str) -> bool {
    let parts = || {
        let (head, _) = verifier.strip_prefix(ALGORITHM)?.strip_prefix('$')?.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        Some((iterations.parse().ok()?, BASE64.decode(salt).ok()?))
    };
    let Some((iterations, salt)) = parts() else { return false };
    // Both are hashed with a key of the password, so that how long comparing takes tells nothing.
    let digest = |text: &str| mac(password.as_bytes(), text);
    digest(verifier).verify_slice(&digest(&verifier_with(password, &salt, iterations)).finalize().into_bytes()).is_ok()
}

fn mac(key: &[u8], message: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that RFC 7677's example follows from: user `user`, password `pencil`.
    #[test]
    fn the_verifier_of_rfc_7677() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        assert_eq!(
            verifier_with("pencil", &salt, 4096),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let kept = verifier("geheim").unwrap();
        assert!(!kept.contains("geheim") && kept != verifier("geheim").unwrap());
        assert!(is_password("geheim", &kept));
        assert!(!is_password("Geheim", &kept) && !is_password("", &kept) && !is_password("geheim", "md5abc"));
    }
}
