//! Calls of a function that one may not use, by each name and in each place of a statement.

use super::{CALL, Vault, as_if_absent, hides, hides_in_redshift, plain, refusal, run, tells_nothing, tricks};

tricks! { hides;
    over_a_window => "SELECT hidden_call(1, 2, 3, 4) OVER ()";
    with_its_schema_within_the_quotes => "SELECT \"public.hidden_call\"(1, 2, 3, 4)";
    by_its_name => CALL;
    in_capitals => "SELECT HIDDEN_CALL(1, 2, 3, 4)";
    in_quotes => "SELECT \"hidden_call\"(1, 2, 3, 4)";
    with_its_schema => "SELECT public.hidden_call(1, 2, 3, 4)";
    with_its_schema_in_quotes => "SELECT \"public\".\"hidden_call\"(1, 2, 3, 4)";
    with_named_arguments => "SELECT hidden_call(variance => 1, skewness => 2, curtosis => 3, entropy => 4)";
    its_probabilities => "SELECT hidden_call_probabilities(1, 2, 3, 4)";
    its_probability => "SELECT hidden_call_prob(1, 2, 3, 4)";
    its_explanation => "SELECT hidden_call_explain(1, 2, 3, 4)";
    a_path_into_its_probabilities =>
        "SELECT p.labels[0] FROM (SELECT hidden_call_probabilities(1, 2, 3, 4) AS p) AS t";
}

tricks! { tells_nothing;
    by_a_default => "CREATE TABLE t (a int, b int DEFAULT hidden_call(1, 2, 3, 4))";
    in_an_outer_lateral_subquery =>
        "SELECT * FROM mine LEFT JOIN LATERAL (SELECT hidden_call(mine.variance, 1, 2, 3) AS p) AS t ON true";
    in_a_lateral_subquery => "SELECT * FROM mine, LATERAL (SELECT hidden_call(mine.variance, 1, 2, 3) AS p) AS t";
    with_a_catalog => "SELECT datafusion.public.hidden_call(1, 2, 3, 4)";
    in_letters_that_look_alike => "SELECT ｈidden_call(1, 2, 3, 4)";
    by_a_suffix_that_it_has_not => "SELECT hidden_call_score(1, 2, 3, 4)";
    by_nearly_its_name => "SELECT hidden_cal(1, 2, 3, 4)";
    without_arguments => "SELECT hidden_call()";
    with_names_of_no_arguments => "SELECT hidden_call(a => 1, b => 2, c => 3, d => 4)";
    of_all_columns => "SELECT hidden_call(*) FROM mine";
    as_a_table => "SELECT * FROM hidden_call(1, 2, 3, 4)";
    explained_twice => "EXPLAIN EXPLAIN SELECT hidden_call(variance, 1, 2, 3) FROM mine";
}

tricks! { hides;
    in_the_select_list => "SELECT hidden_call(variance, skewness, curtosis, entropy) FROM mine";
    in_where => "SELECT * FROM mine WHERE hidden_call(variance, 1, 2, 3) = 1";
    in_group_by => "SELECT count(*) FROM mine GROUP BY hidden_call(variance, 1, 2, 3)";
    in_having => "SELECT count(*) FROM mine HAVING max(hidden_call(variance, 1, 2, 3)) = 1";
    in_order_by => "SELECT 1 FROM mine ORDER BY hidden_call(variance, 1, 2, 3)";
    in_limit => "SELECT 1 LIMIT hidden_call(1, 2, 3, 4)";
    in_the_condition_of_a_join =>
        "SELECT 1 FROM mine AS a JOIN mine AS b ON hidden_call(a.variance, b.skewness, 1, 2) = 1 LIMIT 1";
    in_case => "SELECT CASE WHEN hidden_call(variance, 1, 2, 3) = 1 THEN 1 END FROM mine";
    in_case_that_never_gets_there => "SELECT CASE WHEN false THEN hidden_call(variance, 1, 2, 3) END FROM mine";
    in_a_filter => "SELECT count(*) FILTER (WHERE hidden_call(variance, 1, 2, 3) = 1) FROM mine";
    in_a_window => "SELECT row_number() OVER (PARTITION BY hidden_call(variance, 1, 2, 3)) FROM mine";
    in_qualify =>
        "SELECT * FROM mine QUALIFY row_number() OVER (ORDER BY hidden_call(variance, 1, 2, 3)) = 1";
    in_a_list_of_values => "SELECT 1 IN (1, hidden_call(1, 2, 3, 4))";
    in_another_call => "SELECT abs(hidden_call(1, 2, 3, 4))";
    in_an_array => "SELECT [hidden_call(1, 2, 3, 4)]";
    in_a_scalar_subquery => "SELECT (SELECT max(hidden_call(variance, 1, 2, 3)) FROM mine)";
    in_exists => "SELECT 1 WHERE EXISTS (SELECT 1 FROM mine WHERE hidden_call(variance, 1, 2, 3) = 1)";
    in_a_subquery_of_in => "SELECT 1 WHERE 1 IN (SELECT hidden_call(variance, 1, 2, 3) FROM mine)";
    in_a_subquery_of_order_by => "SELECT 1 AS a ORDER BY (SELECT hidden_call(1, 2, 3, 4))";
    in_a_subquery_of_from => "SELECT * FROM (SELECT hidden_call(variance, 1, 2, 3) FROM mine)";
    in_a_common_table => "WITH t AS (SELECT hidden_call(variance, 1, 2, 3) AS p FROM mine) SELECT * FROM t";
    in_a_common_table_that_nothing_reads =>
        "WITH t AS (SELECT hidden_call(variance, 1, 2, 3) AS p FROM mine) SELECT 1";
    in_a_recursive_common_table =>
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE hidden_call(n, 1, 2, 3) < 2 AND n < 3) \
         SELECT * FROM t";
    in_a_union => "SELECT 1 UNION ALL SELECT hidden_call(variance, 1, 2, 3) FROM mine";
    in_except => "SELECT 1 EXCEPT SELECT hidden_call(variance, 1, 2, 3) FROM mine";
    in_values => "SELECT * FROM (VALUES (hidden_call(1, 2, 3, 4))) AS t";
    in_the_arguments_of_a_table_function => "SELECT * FROM generate_series(1, hidden_call(1, 2, 3, 4))";
    in_the_query_of_an_evaluation =>
        "SELECT * FROM ml_evaluate('hidden_model', (SELECT *, hidden_call(variance, 1, 2, 3) FROM mine))";
}

tricks! { hides_in_redshift;
    in_an_alias_that_is_used_beside_it =>
        "SELECT hidden_call(variance, 1, 2, 3) AS p, p + 1 AS q FROM mine";
    in_pivot =>
        "SELECT * FROM (SELECT hidden_call(variance, 1, 2, 3) AS p, class FROM mine) PIVOT (count(*) FOR p IN (0, 1))";
    in_unpivot =>
        "SELECT * FROM (SELECT hidden_call(variance, 1, 2, 3) AS p, class FROM mine) UNPIVOT (v FOR n IN (p, class))";
    in_distinct_on => "SELECT DISTINCT ON (hidden_call(variance, 1, 2, 3)) class FROM mine";
    in_unnesting => "SELECT x FROM (SELECT array(hidden_call(variance, 1, 2, 3)) AS a FROM mine) AS h, h.a AS x";
    in_decode => "SELECT decode(hidden_call(1, 2, 3, 4), 1, 'a', 'b')";
    in_an_approximate_count => "SELECT APPROXIMATE count(DISTINCT hidden_call(variance, 1, 2, 3)) FROM mine";
    in_a_list => "SELECT listagg(hidden_call(variance, 1, 2, 3)::varchar, ',') WITHIN GROUP (ORDER BY class) FROM mine";
}

tricks! { hides;
    by_explain => "EXPLAIN SELECT hidden_call(variance, 1, 2, 3) FROM mine";
    by_explain_analyze => "EXPLAIN ANALYZE SELECT hidden_call(variance, 1, 2, 3) FROM mine";
    by_explain_verbose => "EXPLAIN VERBOSE SELECT hidden_call(variance, 1, 2, 3) FROM mine";
    by_explain_as_a_graph => "EXPLAIN FORMAT GRAPHVIZ SELECT hidden_call(variance, 1, 2, 3) FROM mine";
    by_describing_the_query => "DESCRIBE SELECT hidden_call(variance, 1, 2, 3) AS p FROM mine";
    by_preparing_it => "PREPARE p AS SELECT hidden_call(variance, 1, 2, 3) FROM mine";
    by_a_table => "CREATE TABLE t AS SELECT hidden_call(variance, 1, 2, 3) AS p FROM mine";
    by_a_temporary_table => "CREATE TEMP TABLE t AS SELECT hidden_call(variance, 1, 2, 3) AS p FROM mine";
    by_select_into => "SELECT hidden_call(variance, 1, 2, 3) AS p INTO t FROM mine";
    by_a_view => "CREATE VIEW v AS SELECT hidden_call(variance, 1, 2, 3) AS p FROM mine";
    by_inserting_its_value => "INSERT INTO mine (variance) VALUES (hidden_call(1, 2, 3, 4))";
    by_inserting_its_values => "INSERT INTO mine (variance) SELECT hidden_call(variance, 1, 2, 3) FROM mine";
    by_deleting_where_it_says => "DELETE FROM mine WHERE hidden_call(variance, 1, 2, 3) = 1";
    by_updating_to_its_values => "UPDATE mine SET variance = hidden_call(variance, 1, 2, 3)";
    by_merging_where_it_says =>
        "MERGE INTO mine USING (SELECT 1 AS a) AS s ON hidden_call(mine.variance, s.a, 2, 3) = 1 WHEN MATCHED THEN DELETE";
    by_copying_to_a_file => "COPY (SELECT hidden_call(variance, 1, 2, 3) FROM mine) TO '$folder/stolen.csv'";
    by_unloading_to_a_file => "UNLOAD ('SELECT hidden_call(variance, 1, 2, 3) FROM mine') TO '$folder/stolen'";
    by_training_on_what_it_says =>
        "CREATE MODEL m FROM (SELECT *, hidden_call(variance, 1, 2, 3) AS p FROM mine) TARGET class FUNCTION g \
         AUTO OFF MODEL_TYPE XGBOOST PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '2')";
    by_explaining_such_a_training =>
        "EXPLAIN CREATE MODEL m FROM (SELECT *, hidden_call(variance, 1, 2, 3) AS p FROM mine) TARGET class FUNCTION g \
         AUTO OFF MODEL_TYPE XGBOOST PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT";
}

#[tokio::test(flavor = "multi_thread")]
async fn as_the_argument_of_a_prepared_statement() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    run(&eve, "PREPARE given(int) AS SELECT $1").await;
    as_if_absent(&eve, "EXECUTE given(hidden_call(1, 2, 3, 4))").await;
}

/// What plans and runs in the context of somebody who may is none for who may not.
#[tokio::test(flavor = "multi_thread")]
async fn put_into_the_context_by_who_may() {
    let vault = Vault::new().await;
    run(&vault.owner, CALL).await;
    run(&vault.owner, "SET SESSION AUTHORIZATION eve").await;
    refusal(&vault.owner, CALL).await;
    assert!(plain(&vault.owner, CALL).await.is_err());
}
