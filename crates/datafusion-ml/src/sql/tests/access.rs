//! Statements about who may do what.

use ::datafusion::sql::sqlparser::dialect::GenericDialect;

use super::{MlParser, parse};

#[test]
fn statements_print_as_text_that_says_the_same() {
    for (sql, expected) in [
        ("create user Ann createuser", "CREATE USER Ann CREATEUSER"),
        ("CREATE USER \"a b\" WITH PASSWORD DISABLE NOCREATEUSER", "CREATE USER \"a b\" PASSWORD DISABLE NOCREATEUSER"),
        (
            "CREATE USER a CREATEDB IN GROUP g, h CONNECTION LIMIT unlimited",
            "CREATE USER a CREATEDB CONNECTION LIMIT UNLIMITED IN GROUP g, h",
        ),
        (
            "ALTER USER a SYSLOG ACCESS unrestricted SESSION TIMEOUT 60",
            "ALTER USER a SYSLOG ACCESS UNRESTRICTED SESSION TIMEOUT 60",
        ),
        ("ALTER USER a VALID UNTIL Infinity CREATEUSER", "ALTER USER a CREATEUSER VALID UNTIL 'infinity'"),
        ("CREATE USER a VALID UNTIL '2030-12-31'", "CREATE USER a VALID UNTIL '2030-12-31'"),
        ("CREATE GROUP g WITH USER a, b", "CREATE GROUP g WITH USER a, b"),
        ("ALTER GROUP g DROP USER a", "ALTER GROUP g DROP USER a"),
        ("DROP ROLE IF EXISTS r, s", "DROP ROLE IF EXISTS r, s"),
        ("GRANT CREATE MODEL, DROP MODEL TO ROLE r", "GRANT CREATE MODEL, DROP MODEL TO ROLE r"),
        (
            "GRANT ALL PRIVILEGES ON MODEL m, s.n TO a WITH GRANT OPTION, GROUP g, ROLE r, PUBLIC",
            "GRANT ALL ON MODEL m, s.n TO a WITH GRANT OPTION, GROUP g, ROLE r, PUBLIC",
        ),
        (
            "REVOKE GRANT OPTION FOR EXECUTE ON MODEL m FROM a RESTRICT",
            "REVOKE GRANT OPTION FOR EXECUTE ON MODEL m FROM a",
        ),
        ("GRANT SELECT, INSERT ON t TO a", "GRANT SELECT, INSERT ON TABLE t TO a"),
        ("GRANT CREATE, USAGE ON SCHEMA s TO GROUP g", "GRANT CREATE, USAGE ON SCHEMA s TO GROUP g"),
        ("REVOKE ALL ON ALL TABLES IN SCHEMA s, t FROM a", "REVOKE ALL ON ALL TABLES IN SCHEMA s, t FROM a"),
        ("GRANT ROLE r, ROLE s TO ROLE t", "GRANT ROLE r, s TO ROLE t"),
        (
            "GRANT ASSUMEROLE ON default, 'arn:x' TO a FOR CREATE MODEL, EXTERNAL FUNCTION, ALL",
            "GRANT ASSUMEROLE ON default, 'arn:x' TO a FOR CREATE MODEL, EXTERNAL FUNCTION, ALL",
        ),
        ("reset session authorization", "SET SESSION AUTHORIZATION DEFAULT"),
        ("SET SESSION AUTHORIZATION ann", "SET SESSION AUTHORIZATION ann"),
    ] {
        assert_eq!(parse(sql).to_string(), expected);
    }
}

#[test]
fn a_password_is_not_printed() {
    let mut statements = MlParser::parse_sql("CREATE USER a PASSWORD 'geheim'", &GenericDialect {}).unwrap();
    let statement = statements.remove(0).unwrap();
    assert_eq!(statement.to_string(), "CREATE USER a PASSWORD '***'");
    assert!(!format!("{statement:?}").contains("geheim"));
    for sql in ["CREATE USER a PASSWORD geheim", "CREATE USER a PASSWORD 'geheim' geheim"] {
        let error = MlParser::parse_sql(sql, &GenericDialect {}).unwrap_err();
        assert!(!error.to_string().contains("geheim"), "{error}");
    }
}
