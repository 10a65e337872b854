//! Statements that may hold a password: they are not kept in the history, and errors do not show what is quoted in them.

/// Whether the text speaks of a password, or makes or changes a user.
pub(crate) fn may_hold_password(text: &str) -> bool {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let is_user = |pair: &[String]| matches!(pair[0].as_str(), "create" | "alter" | "replace") && pair[1] == "user";
    words.iter().any(|word| word.contains("password")) || words.windows(2).any(is_user)
}

/// A line of such a text, every character in single quotes a star.
pub(crate) fn masked(line: &str) -> String {
    let mut is_quoted = false;
    let shown = |c: char| {
        is_quoted ^= c == '\'';
        if is_quoted && c != '\'' { '*' } else { c }
    };
    line.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_users_may_hold_a_password() {
        for text in
            ["CREATE USER a PASS WORD 'x'", "alter\n  user a", "SET db_password = 'x'", "create or replace user a"]
        {
            assert!(may_hold_password(text), "{text}");
        }
        for text in ["SELECT user FROM t", "CREATE TABLE user (a int)", "DROP USER a", "GRANT SELECT ON t TO u"] {
            assert!(!may_hold_password(text), "{text}");
        }
        assert_eq!(masked("CREATE USER a PASSWORD 'é1' x 'yy'"), "CREATE USER a PASSWORD '**' x '**'");
    }
}
