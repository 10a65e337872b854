//! What is not ours reaches DataFusion's parser untouched.

use datafusion::sql::parser::DFParser;
use datafusion::sql::sqlparser::dialect::GenericDialect;

use super::super::{MlParser, Statement};

#[test]
fn other_statements_are_those_of_datafusion() {
    for sql in [
        "SELECT model FROM model",
        "CREATE EXTERNAL TABLE model STORED AS PARQUET LOCATION 'x'",
        "CREATE OR REPLACE VIEW model AS SELECT 1",
        "DROP TABLE model",
        "DROP TABLE IF EXISTS model",
        "SHOW MODELS",
        "SHOW TABLES",
        "EXPLAIN VERBOSE SELECT 1",
        "EXPLAIN FORMAT tree SELECT * FROM model",
        "SET ml.x = 1",
        "COPY model TO 'x.csv'",
        "RESET ml.x",
    ] {
        let ours = MlParser::parse_sql(sql, &GenericDialect {}).unwrap();
        let theirs: Vec<_> = DFParser::parse_sql(sql).unwrap().into_iter().map(Box::new).collect();
        assert_eq!(ours, theirs.into_iter().map(Statement::DataFusion).collect::<Vec<_>>(), "{sql}");
    }
}

#[test]
fn errors_of_other_statements_are_those_of_datafusion() {
    for sql in [
        "SELEC 1",
        "SELECT 1 FROM t x y",
        "CREATE EXTERNAL TABLE t",
        "SELECT (1",
        "CREATE \"MODEL\" m",
        "EXPLAIN DROP MODEL m",
    ] {
        let ours = MlParser::parse_sql(sql, &GenericDialect {}).unwrap_err().to_string();
        // A word that is nearly a statement's is named besides.
        let theirs = DFParser::parse_sql(sql).unwrap_err().to_string();
        assert_eq!(ours.replace("; did you mean SELECT?", ""), theirs);
    }
}

#[test]
fn statements_come_one_by_one() {
    let sql = ";; SELECT 1; DROP MODEL m;; SHOW MODEL ALL; CREATE MODEL x; SELECT 2";
    let mut parser = MlParser::new(sql, &GenericDialect {}).unwrap();
    assert!(matches!(parser.next_statement(), Ok(Some(Statement::DataFusion(_)))));
    assert!(matches!(parser.next_statement(), Ok(Some(Statement::DropModel(_)))));
    assert!(matches!(parser.next_statement(), Ok(Some(Statement::ShowModel(_)))));
    assert!(parser.next_statement().is_err());
    assert!(matches!(parser.next_statement(), Ok(None)));
}

#[test]
fn a_statement_with_something_after_it_is_not_returned() {
    let mut parser = MlParser::new("DROP MODEL m DROP MODEL n", &GenericDialect {}).unwrap();
    assert!(parser.next_statement().is_err());
}

#[test]
fn deep_nesting_is_an_error() {
    let deep = format!("CREATE MODEL m FROM (SELECT {}1{}) TARGET y FUNCTION f", "(".repeat(500), ")".repeat(500));
    assert!(MlParser::parse_sql(&deep, &GenericDialect {}).is_err());
    let mut parser = MlParser::with_recursion_limit("SELECT ((((1))))", &GenericDialect {}, 3).unwrap();
    assert!(parser.next_statement().is_err());
}
