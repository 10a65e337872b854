//! What the documentation's examples write other than its grammar.

use insta::assert_snapshot;

use super::super::{CreateModel, Statement};
use super::{canonical, parse};

fn create_model(clauses: &str) -> CreateModel {
    match parse(&format!("CREATE MODEL m {clauses}")) {
        Statement::CreateModel(statement) => *statement,
        other => panic!("{other:?}"),
    }
}

/// Checks that both texts say the same.
fn check_same(one: &str, other: &str) {
    let base = "FROM t TARGET y FUNCTION f";
    assert_eq!(create_model(&format!("{base} {one}")), create_model(&format!("{base} {other}")));
}

#[test]
fn clauses_stand_in_any_order() {
    assert_snapshot!(canonical(
        "CREATE MODEL m PREPROCESSORS 'none' SETTINGS (MAX_RUNTIME 9) HYPERPARAMETERS DEFAULT MODEL_TYPE XGBOOST AUTO OFF
         FUNCTION f TARGET y OBJECTIVE 'reg:tweedie' IAM_ROLE default FROM t"
    ), @"
    CREATE MODEL m
    FROM t
    TARGET y
    FUNCTION f
    IAM_ROLE default
    AUTO OFF
    MODEL_TYPE XGBOOST
    OBJECTIVE 'reg:tweedie'
    PREPROCESSORS 'none'
    HYPERPARAMETERS DEFAULT
    SETTINGS (MAX_RUNTIME 9)
    ");
}

#[test]
fn the_probability_example_lacks_its_last_bracket() {
    let sql = "CREATE MODEL churn FROM customer_activity PROBLEM_TYPE BINARY_CLASSIFICATION TARGET churn
               FUNCTION predict_churn IAM_ROLE {default} AUTO ON SETTINGS ( S3_BUCKET 'b'";
    assert_snapshot!(canonical(sql), @"
    CREATE MODEL churn
    FROM customer_activity
    TARGET churn
    FUNCTION predict_churn
    IAM_ROLE default
    AUTO ON
    PROBLEM_TYPE BINARY_CLASSIFICATION
    SETTINGS (S3_BUCKET 'b')
    ");
    assert_snapshot!(canonical(&format!("{sql};")), @"
    CREATE MODEL churn
    FROM customer_activity
    TARGET churn
    FUNCTION predict_churn
    IAM_ROLE default
    AUTO ON
    PROBLEM_TYPE BINARY_CLASSIFICATION
    SETTINGS (S3_BUCKET 'b')
    ");
}

#[test]
fn values_stand_in_brackets_or_without() {
    check_same("PROBLEM_TYPE (REGRESSION)", "PROBLEM_TYPE REGRESSION");
    check_same("OBJECTIVE ('MSE')", "OBJECTIVE 'MSE'");
    check_same("IAM_ROLE {default}", "IAM_ROLE DEFAULT");
    check_same("IAM_ROLE ( 'arn' )", "IAM_ROLE'arn'");
    check_same("MODEL_TYPE {XGBOOST}", "MODEL_TYPE xgboost");
    check_same("AUTO {ON}", "auto on");
}

#[test]
fn hyperparameters_stand_before_or_after_preprocessors() {
    let base = "AUTO OFF MODEL_TYPE XGBOOST";
    check_same(
        &format!("{base} HYPERPARAMETERS DEFAULT PREPROCESSORS 'none'"),
        &format!("{base} PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT"),
    );
}

#[test]
fn macro_f1_has_three_spellings() {
    for spelling in ["F1_Macro", "F1Macro", "F1macro"] {
        let statement = create_model(&format!("FROM t TARGET y FUNCTION f OBJECTIVE '{spelling}'"));
        assert_eq!(statement.objective.as_deref(), Some("F1_Macro"));
    }
}

#[test]
fn a_target_may_be_in_single_quotes() {
    assert_snapshot!(canonical("CREATE MODEL m FROM t TARGET 'Churn' FUNCTION f"), @"
    CREATE MODEL m
    FROM t
    TARGET Churn
    FUNCTION f
    ");
    assert_snapshot!(canonical("CREATE MODEL m FROM t TARGET 'will churn' FUNCTION f"), @r#"
    CREATE MODEL m
    FROM t
    TARGET "will churn"
    FUNCTION f
    "#);
    assert_snapshot!(canonical("CREATE MODEL m FROM t TARGET \"Churn\" FUNCTION f"), @r#"
    CREATE MODEL m
    FROM t
    TARGET "Churn"
    FUNCTION f
    "#);
}

#[test]
fn frequencies_and_percentiles_have_two_forms() {
    let forecast = |settings: &str| {
        create_model(&format!("FROM t TARGET y MODEL_TYPE FORECAST SETTINGS (HORIZON 1, {settings})")).settings
    };
    assert_eq!(forecast("FREQUENCY 'H'"), forecast("FREQUENCY h"));
    assert_eq!(forecast("FREQUENCY '30min'"), forecast("FREQUENCY 30min"));
    assert_eq!(
        forecast("FREQUENCY D, PERCENTILES '0.1', '0.5', '0.9', TAGS 'a'"),
        forecast("FREQUENCY D, PERCENTILES '0.1, 0.50,.9', TAGS 'a'")
    );
    assert_eq!(forecast("PERCENTILES 'mean', frequency W").percentiles.map(|list| list.len()), Some(1));
}

#[test]
fn blanks_before_literals_are_not_needed() {
    assert_snapshot!(canonical(
        "CREATE MODEL s.r FUNCTION remote_fn_rcf (int) RETURNS decimal(10,6) SAGEMAKER'endpoint' IAM_ROLE'arn';"
    ), @"
    CREATE MODEL s.r
    FUNCTION remote_fn_rcf (INT)
    RETURNS DECIMAL(10,6)
    SAGEMAKER 'endpoint'
    IAM_ROLE 'arn'
    ");
}

#[test]
fn a_job_may_be_in_brackets() {
    let rest = "FUNCTION f (int) RETURNS int";
    assert_eq!(create_model(&format!("FROM ('job') {rest}")), create_model(&format!("FROM 'job' {rest}")));
}

#[test]
fn a_source_is_any_query() {
    assert_snapshot!(canonical(
        "CREATE MODEL m FROM ((SELECT a, y FROM t) UNION ALL (SELECT a, y FROM u)) TARGET y FUNCTION f"
    ), @"
    CREATE MODEL m
    FROM ((SELECT a, y
    FROM t) UNION ALL (SELECT a, y
    FROM u))
    TARGET y
    FUNCTION f
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL m FROM (WITH w AS (SELECT 1 AS target, ')' AS function) SELECT * FROM w ORDER BY 1 LIMIT 5)
         TARGET target FUNCTION function"
    ), @"
    CREATE MODEL m
    FROM (WITH w AS (SELECT 1 AS target, ')' AS function) SELECT *
    FROM w ORDER BY 1 LIMIT 5)
    TARGET target
    FUNCTION function
    ");
    assert_snapshot!(canonical("CREATE MODEL m FROM (VALUES (1, 2), (3, 4)) TARGET column2 FUNCTION f"), @"
    CREATE MODEL m
    FROM (VALUES (1, 2), (3, 4))
    TARGET column2
    FUNCTION f
    ");
    assert_snapshot!(canonical("CREATE MODEL m FROM (SELECT * FROM 'churn.parquet') TARGET y FUNCTION f"), @"
    CREATE MODEL m
    FROM (SELECT *
    FROM 'churn.parquet')
    TARGET y
    FUNCTION f
    ");
}

#[test]
fn quotes_in_literals_survive() {
    let statement = create_model("FROM t TARGET y FUNCTION f SETTINGS (TAGS 'it''s')");
    assert_eq!(statement.settings.tags.as_deref(), Some("it's"));
    let statement = create_model("FROM t TARGET y FUNCTION f PREPROCESSORS $$[]$$ SETTINGS (TAGS '''''')");
    assert_eq!(statement.settings.tags.as_deref(), Some("''"));
    assert_eq!(statement.preprocessors.as_deref(), Some("[]"));
}

#[test]
fn a_keyword_may_name_anything() {
    assert_snapshot!(canonical(
        "CREATE MODEL model FROM target TARGET target FUNCTION settings SETTINGS ()"
    ), @"
    CREATE MODEL model
    FROM target
    TARGET target
    FUNCTION settings
    ");
    assert_snapshot!(canonical("CREATE MODEL \"FROM\" FROM \"TARGET\" TARGET \"target\" FUNCTION \"auto\""), @r#"
    CREATE MODEL "FROM"
    FROM "TARGET"
    TARGET "target"
    FUNCTION "auto"
    "#);
}
