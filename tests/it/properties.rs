//! What holds for the text of any statement of ours: it prints as text that says the same, in whatever order its clauses stand.

use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, PostgreSqlDialect, RedshiftSqlDialect};

use datafusion_ml::sql::{MlParser, Statement};

use crate::fuzz::Random;

const STARTS: [&str; 5] =
    ["CREATE MODEL", "CREATE EXTERNAL MODEL", "EXPLAIN ANALYZE CREATE MODEL m", "DROP MODEL", "SHOW MODEL"];

#[rustfmt::skip]
const TOKENS: [&str; 60] = [
    "FROM", "TARGET", "FUNCTION", "RETURNS", "SAGEMAKER", "IAM_ROLE", "AUTO", "MODEL_TYPE", "PROBLEM_TYPE", "OBJECTIVE",
    "PREPROCESSORS", "HYPERPARAMETERS", "SETTINGS", "DEFAULT", "EXCEPT", "ON", "OFF", "XGBOOST", "KMEANS", "FORECAST",
    "REGRESSION", "'F1'", "'none'", "K", "'5'", "S3_BUCKET", "MAX_CELLS", "HORIZON", "FREQUENCY", "PERCENTILES",
    "'0.1,0.5'", "'H'", "30min", "1", "0", "18446744073709551616", "(", ")", "{", "}", ",", ";", ":", ".", "-", "'it''s'",
    "\"Q\"", "m", "s.t", "(SELECT a FROM t)", "IF", "EXISTS", "ALL", "OR", "REPLACE", "MODEL", "int", "decimal(10, 6)",
    "super", "é",
];

#[test]
fn no_text_makes_the_parser_panic_and_what_parses_prints_and_parses_again() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let dialects: [&dyn Dialect; 3] = [&GenericDialect {}, &PostgreSqlDialect {}, &RedshiftSqlDialect {}];
    for _ in 0..20_000 {
        let mut sql = STARTS[random.below(STARTS.len())].to_owned();
        for _ in 0..random.below(16) {
            sql += " ";
            sql += TOKENS[random.below(TOKENS.len())];
        }
        check(&sql, dialects[random.below(dialects.len())]);
    }
}

#[test]
fn shuffled_clauses_say_the_same() {
    let clauses = [
        "FROM (SELECT a, y FROM t)",
        "TARGET y",
        "FUNCTION f",
        "IAM_ROLE {default}",
        "AUTO OFF",
        "MODEL_TYPE xgboost",
        "OBJECTIVE ('reg:logistic')",
        "PREPROCESSORS 'none'",
        "HYPERPARAMETERS DEFAULT EXCEPT (eta '0.1')",
        "SETTINGS (MAX_CELLS 7, TAGS 'it''s')",
    ];
    let parse = |clauses: &[&str]| {
        let sql = format!("CREATE MODEL m {}", clauses.join(" "));
        MlParser::parse_sql(&sql, &GenericDialect {}).unwrap()
    };
    let expect = parse(&clauses);
    let mut random = Random(7);
    let mut shuffled = clauses;
    for _ in 0..200 {
        shuffled.swap(random.below(clauses.len()), random.below(clauses.len()));
        assert_eq!(parse(&shuffled), expect, "{shuffled:?}");
        check(&format!("CREATE MODEL m {}", shuffled.join(" ")), &GenericDialect {});
    }
}

fn check(sql: &str, dialect: &dyn Dialect) {
    let Ok(mut parser) = MlParser::new(sql, dialect) else { return };
    while let Ok(Some(statement)) = parser.next_statement() {
        if matches!(statement, Statement::DataFusion(_)) {
            continue;
        }
        let printed = statement.to_string();
        let again = MlParser::parse_sql(&printed, dialect).unwrap_or_else(|e| panic!("{sql}\n{printed}\n{e}"));
        assert_eq!(again.front(), Some(&statement), "{sql}\n{printed}");
    }
}
