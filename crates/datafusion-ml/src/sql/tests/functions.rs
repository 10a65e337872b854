//! Functions are found wherever a statement calls them.

use datafusion::sql::parser::DFParser;
use datafusion::sql::sqlparser::dialect::GenericDialect;

use super::super::{MlParser, Statement, calls_with_text, function_names, query_function_names, quote_function_names};
use crate::sql::ModelSource;

fn statement(sql: &str) -> Statement {
    MlParser::parse_sql(sql, &GenericDialect {}).unwrap().remove(0).unwrap()
}

fn check(sql: &str, expect: &[&str]) {
    let statement = DFParser::parse_sql(sql).unwrap().remove(0).unwrap();
    assert_eq!(function_names(&statement).into_iter().collect::<Vec<_>>(), expect, "{sql}");
}

#[test]
fn names_are_folded_and_joined() {
    check("SELECT Predict_Churn(a), public.F(b), \"Odd\"(c), S.\"F\"(d)", &["Odd", "predict_churn", "public.f", "s.F"]);
}

#[test]
fn every_place_is_searched() {
    check("SELECT 1 FROM t WHERE f(a) > 1 GROUP BY g(b) HAVING h(c) ORDER BY i(d)", &["f", "g", "h", "i"]);
    check("SELECT avg(f(a)) OVER (PARTITION BY g(b) ORDER BY h(c)) FROM t", &["avg", "f", "g", "h"]);
    check("WITH w AS (SELECT f(a) FROM t) SELECT (SELECT g(x) FROM w) FROM (SELECT h(y) FROM u) v", &["f", "g", "h"]);
    check("SELECT * FROM t JOIN u ON f(t.a) = u.b UNION SELECT g(a) FROM v", &["f", "g"]);
    check("SELECT CASE WHEN f(a) THEN CAST(g(b) AS INT) ELSE h(c)[0] END FROM t", &["f", "g", "h"]);
    check("SELECT f(a => g(1), b => 2) FILTER (WHERE h(x)) FROM t", &["f", "g", "h"]);
    check("EXPLAIN ANALYZE SELECT f(a) FROM t", &["f"]);
    check("CREATE VIEW v AS SELECT f(a) FROM t", &["f"]);
    check("CREATE TABLE u AS (SELECT f(a) FROM t)", &["f"]);
    check("CREATE EXTERNAL TABLE u (a INT DEFAULT f(1)) STORED AS CSV LOCATION 'x'", &["f"]);
    check("INSERT INTO u SELECT f(a) FROM t", &["f"]);
    check("INSERT INTO u VALUES (f(1))", &["f"]);
    check("UPDATE t SET a = f(b) WHERE g(c)", &["f", "g"]);
    check("DELETE FROM t WHERE f(c)", &["f"]);
    check("PREPARE p(INT) AS SELECT f($1) FROM t", &["f"]);
    check("COPY (SELECT f(a) FROM t) TO 'x.parquet'", &["f"]);
    check("COPY t TO 'x.parquet'", &[]);
    check("RESET x", &[]);
}

#[test]
fn calls_that_begin_with_a_text_are_found_in_expressions_and_behind_from() {
    let check = |sql: &str, expect: &[(&str, &str)]| {
        let Statement::DataFusion(statement) = statement(sql) else { panic!("{sql}") };
        let calls = calls_with_text(&statement);
        assert_eq!(calls.iter().map(|(f, t)| (f.as_str(), t.as_str())).collect::<Vec<_>>(), expect, "{sql}");
    };
    check("SELECT Explain_Model('a') FROM t WHERE f(x, 'b') = g('It''s')", &[("explain_model", "a"), ("g", "It's")]);
    check(
        "SELECT * FROM ML_Trials('a') JOIN f('b', (SELECT g('c') FROM h('d'))) ON true",
        &[("f", "b"), ("g", "c"), ("h", "d"), ("ml_trials", "a")],
    );
    check("EXPLAIN SELECT f(1), g(), h(\"a\"), i(x => 'a')", &[("i", "a")]);
}

#[test]
fn the_query_of_a_model_is_searched() {
    let Statement::CreateModel(create) = statement("CREATE MODEL m FROM (SELECT s.f(a), b FROM t) TARGET b FUNCTION g")
    else {
        panic!("not CREATE MODEL")
    };
    let Some(ModelSource::Query(query)) = create.source else { panic!("no query") };
    assert_eq!(query_function_names(&query).into_iter().collect::<Vec<_>>(), ["s.f"]);
}

#[test]
fn qualified_names_of_ours_become_one_identifier() {
    let Statement::DataFusion(mut query) = statement("EXPLAIN SELECT Public.F(a), other.G(b), H(c) FROM t") else {
        panic!("not a query")
    };
    quote_function_names(&mut query, &|name| name.ends_with('f') || name == "h");
    assert_eq!(query.to_string(), "EXPLAIN SELECT \"public.f\"(a), other.G(b), H(c) FROM t");
}
