//! A table that one has no privilege on, named in each statement.

use super::{Vault, hides, hides_in_redshift, placeless, refusal, run, tells_nothing, tricks};
use crate::support::value;

tricks! { hides;
    insert_of_fewer_columns => "INSERT INTO hidden_rows VALUES (1)";
    by_its_name => "SELECT * FROM hidden_rows";
    in_capitals => "SELECT * FROM HIDDEN_ROWS";
    in_quotes => "SELECT * FROM \"hidden_rows\"";
    with_its_schema => "SELECT * FROM public.hidden_rows";
    with_its_catalog => "SELECT * FROM datafusion.public.hidden_rows";
    under_an_alias => "SELECT * FROM hidden_rows AS t (a, b, c, d, e)";
    in_a_subquery_of_in => "SELECT * FROM mine WHERE variance IN (SELECT variance FROM hidden_rows)";
    in_a_lateral_subquery =>
        "SELECT * FROM mine, LATERAL (SELECT * FROM hidden_rows WHERE hidden_rows.variance = mine.variance) AS t";
    in_a_union => "SELECT variance FROM mine UNION SELECT variance FROM hidden_rows";
    in_a_common_table => "WITH t AS (SELECT * FROM hidden_rows) SELECT * FROM t";
    in_a_recursive_common_table =>
        "WITH RECURSIVE t(v) AS (SELECT 1.0 UNION ALL SELECT t.v + 1 FROM t, hidden_rows WHERE t.v < 2) SELECT count(*) FROM t";
    behind_one_that_hides_it => "WITH hidden_rows AS (SELECT * FROM public.hidden_rows) SELECT * FROM hidden_rows";
    as_the_rows_of_an_evaluation => "SELECT * FROM ml_evaluate('hidden_model', (SELECT * FROM hidden_rows))";
    counted_from_its_statistics => "SELECT count(*) FROM hidden_rows";
    where_nothing_is_true => "SELECT * FROM hidden_rows WHERE false";
    without_its_rows => "SELECT 1 FROM hidden_rows LIMIT 0";
}

tricks! { hides_in_redshift;
    in_pivot => "SELECT * FROM (SELECT class FROM hidden_rows) PIVOT (count(*) FOR class IN (0, 1))";
    in_unpivot => "SELECT * FROM (SELECT variance, skewness FROM hidden_rows) UNPIVOT (v FOR n IN (variance, skewness))";
    in_unnesting => "SELECT x FROM (SELECT array(variance) AS a FROM hidden_rows) AS h, h.a AS x";
    behind_top => "SELECT TOP 3 * FROM hidden_rows";
    in_distinct_on => "SELECT DISTINCT ON (class) variance FROM hidden_rows";
}

tricks! { hides;
    explain => "EXPLAIN SELECT * FROM hidden_rows";
    explain_analyze => "EXPLAIN ANALYZE VERBOSE SELECT * FROM hidden_rows";
    explain_delete => "EXPLAIN DELETE FROM hidden_rows";
    create_view => "CREATE VIEW v AS SELECT * FROM hidden_rows";
    explain_insert => "EXPLAIN INSERT INTO hidden_rows SELECT * FROM mine";
    describe => "DESCRIBE hidden_rows";
    describe_a_query => "DESCRIBE SELECT * FROM hidden_rows";
    show_columns => "SHOW COLUMNS FROM hidden_rows";
    show_create_table => "SHOW CREATE TABLE hidden_rows";
    show_table => "SHOW TABLE hidden_rows";
    prepare => "PREPARE p AS SELECT * FROM hidden_rows";
    prepare_delete => "PREPARE p AS DELETE FROM hidden_rows";
    prepare_insert_of_it => "PREPARE p AS INSERT INTO mine SELECT * FROM hidden_rows";
    create_table_as => "CREATE TABLE t AS SELECT * FROM hidden_rows";
    create_table_like => "CREATE TABLE t (LIKE hidden_rows)";
    create_table_like_with_defaults => "CREATE TABLE t (LIKE hidden_rows INCLUDING DEFAULTS)";
    create_temporary_table_like => "CREATE TEMP TABLE t (LIKE hidden_rows)";
    select_into => "SELECT * INTO t FROM hidden_rows";
    create_model =>
        "CREATE MODEL m FROM hidden_rows TARGET class FUNCTION g AUTO OFF MODEL_TYPE XGBOOST \
         PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '2')";
    create_model_of_a_subquery =>
        "CREATE MODEL m FROM (SELECT * FROM mine WHERE variance > (SELECT avg(variance) FROM hidden_rows)) TARGET class \
         FUNCTION g AUTO OFF MODEL_TYPE XGBOOST PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '2')";
    unload => "UNLOAD ('SELECT * FROM hidden_rows') TO '$folder/stolen'";
    copy_of_a_query_to_a_file => "COPY (SELECT * FROM hidden_rows) TO '$folder/stolen.csv'";
    copy_to_a_file => "COPY hidden_rows TO '$folder/stolen.csv'";
}

tricks! { hides;
    insert => "INSERT INTO hidden_rows SELECT * FROM mine";
    insert_of_it => "INSERT INTO mine SELECT * FROM hidden_rows";
    update => "UPDATE hidden_rows SET variance = 0";
    update_by_it => "UPDATE mine SET variance = (SELECT max(variance) FROM hidden_rows)";
    update_from_it => "UPDATE mine SET variance = 0 FROM hidden_rows WHERE hidden_rows.class = mine.class + 9";
    delete => "DELETE FROM hidden_rows";
    delete_where => "DELETE FROM hidden_rows WHERE variance > 0";
    delete_by_it => "DELETE FROM mine WHERE variance IN (SELECT variance FROM hidden_rows)";
    delete_using_it => "DELETE FROM mine USING hidden_rows WHERE hidden_rows.class = mine.class";
    delete_using_it_beside_another =>
        "DELETE FROM mine USING (SELECT max(class) AS class FROM mine) AS m, (SELECT max(class) AS class FROM hidden_rows) AS h \
         WHERE h.class = m.class";
    merge_into_it =>
        "MERGE INTO hidden_rows USING (SELECT 9 AS class) AS s ON hidden_rows.class = s.class WHEN MATCHED THEN DELETE";
    merge_of_it =>
        "MERGE INTO mine USING (SELECT DISTINCT class FROM hidden_rows) AS h ON h.class = mine.class WHEN MATCHED THEN DELETE";
    truncate => "TRUNCATE TABLE hidden_rows";
    drop_table => "DROP TABLE hidden_rows";
    drop_table_and_its_readers => "DROP TABLE hidden_rows CASCADE";
    drop_table_beside_ones_own => "DROP TABLE mine, hidden_rows";
    rename => "ALTER TABLE hidden_rows RENAME TO t";
    rename_a_column => "ALTER TABLE hidden_rows RENAME COLUMN variance TO v";
    drop_a_column => "ALTER TABLE hidden_rows DROP COLUMN variance";
    give_to_oneself => "ALTER TABLE hidden_rows OWNER TO eve";
    grant_to_oneself => "GRANT SELECT ON hidden_rows TO eve";
    grant_to_all => "GRANT ALL ON TABLE hidden_rows TO PUBLIC";
    revoke_from_another => "REVOKE SELECT ON hidden_rows FROM maker";
}

tricks! { tells_nothing;
    create_temporary_view => "CREATE TEMP VIEW v AS SELECT * FROM hidden_rows";
    create_table_with_a_default => "CREATE TABLE t (a float DEFAULT (SELECT max(variance) FROM hidden_rows))";
    in_a_subquery_of_limit => "SELECT 1 LIMIT (SELECT max(class) FROM hidden_rows)";
    in_a_subquery_of_values => "VALUES ((SELECT max(variance) FROM hidden_rows))";
    by_nearly_its_name => "SELECT * FROM hidden_row";
    table => "TABLE hidden_rows";
    by_a_column_that_it_has_not => "SELECT hidden_rows.nothing FROM hidden_rows";
    show_view => "SHOW VIEW hidden_rows";
    drop_view => "DROP VIEW hidden_rows";
    create_index => "CREATE INDEX i ON hidden_rows (variance)";
    copy_from_a_file_that_is_not_there => "COPY hidden_rows FROM 'nothing.csv' CSV";
    merge_on_true => "MERGE INTO mine USING hidden_rows ON true WHEN MATCHED THEN DELETE";
    update_of_a_column_that_it_has_not => "UPDATE hidden_rows SET nothing = 1";
}

async fn says_no_more_than_taken(sql: &str) {
    let vault = Vault::new().await;
    let refused = refusal(&vault.eve().await, sql).await;
    assert_eq!(placeless(&refused), "name public.hidden_rows is taken; choose another");
    assert_eq!(value(&vault.owner, "SELECT count(*) FROM hidden_rows").await, "1372");
}

tricks! { says_no_more_than_taken;
    create_table_of_its_name => "CREATE TABLE hidden_rows (a int)";
    create_table_of_its_name_as => "CREATE TABLE hidden_rows AS SELECT 1 AS a";
    replace_it => "CREATE OR REPLACE TABLE hidden_rows AS SELECT 1 AS a";
    create_view_of_its_name => "CREATE VIEW hidden_rows AS SELECT 1 AS a";
    replace_it_by_a_view => "CREATE OR REPLACE VIEW hidden_rows AS SELECT 1 AS a";
    rename_ones_own_to_its_name => "ALTER TABLE mine RENAME TO hidden_rows";
}

#[tokio::test(flavor = "multi_thread")]
async fn create_table_if_not_exists() {
    let vault = Vault::new().await;
    run(&vault.eve().await, "CREATE TABLE IF NOT EXISTS hidden_rows (a int)").await;
    assert_eq!(value(&vault.owner, "SELECT count(*) FROM hidden_rows").await, "1372");
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_table_if_exists() {
    let vault = Vault::new().await;
    run(&vault.eve().await, "DROP TABLE IF EXISTS hidden_rows").await;
    assert_eq!(value(&vault.owner, "SELECT count(*) FROM hidden_rows").await, "1372");
}
