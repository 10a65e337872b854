//! A model that one may not use, named in each statement and report.

use super::{HIDDEN, Vault, as_if_absent, hides, placeless, refusal, run, tells_nothing, tricks};

tricks! { hides;
    the_trials_of_what_was_not_searched => "SELECT * FROM ml_trials('hidden_model')";
    show_model => "SHOW MODEL hidden_model";
    show_model_with_its_schema => "SHOW MODEL public.hidden_model";
    show_model_in_quotes => "SHOW MODEL \"hidden_model\"";
    show_model_in_capitals => "SHOW MODEL HIDDEN_MODEL";
    explain_model => "SELECT explain_model('hidden_model')";
    explain_model_with_its_schema => "SELECT explain_model('public.hidden_model')";
    explain_model_in_capitals => "SELECT explain_model('HIDDEN_MODEL')";
    its_trees => "SELECT * FROM ml_trees('hidden_model')";
    its_training => "SELECT * FROM ml_training_info('hidden_model')";
    its_evaluation => "SELECT * FROM ml_evaluate('hidden_model', (SELECT * FROM mine))";
    its_confusion_matrix => "SELECT * FROM ml_confusion_matrix('hidden_model', (SELECT * FROM mine))";
    its_roc_curve => "SELECT * FROM ml_roc_curve('hidden_model', (SELECT * FROM mine))";
    to_drop_it => "DROP MODEL hidden_model";
    to_grant_it => "GRANT EXECUTE ON MODEL hidden_model TO eve";
    to_grant_it_to_all => "GRANT ALL ON MODEL hidden_model TO PUBLIC";
    to_take_it_from_another => "REVOKE EXECUTE ON MODEL hidden_model FROM caller";
    a_view_of_its_trees => "CREATE VIEW v AS SELECT * FROM ml_trees('hidden_model')";
    a_table_of_its_trees => "CREATE TABLE t AS SELECT * FROM ml_trees('hidden_model')";
    a_prepared_report => "PREPARE p AS SELECT explain_model('hidden_model')";
    its_trees_unloaded => "UNLOAD ('SELECT * FROM ml_trees(''hidden_model'')') TO '$folder/stolen'";
    its_trees_as_training_rows =>
        "CREATE MODEL m FROM (SELECT * FROM ml_trees('hidden_model')) FUNCTION g \
         AUTO OFF MODEL_TYPE KMEANS PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (K '2')";
}

tricks! { tells_nothing;
    show_model_by_nearly_its_name => "SHOW MODEL hidden_mode";
    a_report_that_is_of_other_models => "SELECT * FROM ml_weights('hidden_model')";
    another_report_that_is_of_other_models => "SELECT * FROM ml_centroids('hidden_model')";
    an_evaluation_without_rows => "SELECT * FROM ml_evaluate('hidden_model')";
    to_grant_its_function => "GRANT EXECUTE ON FUNCTION hidden_call(int) TO eve";
    to_read_it_as_a_table => "SELECT * FROM hidden_model";
    to_drop_it_as_a_table => "DROP TABLE hidden_model";
    to_describe_it => "DESCRIBE hidden_model";
}

#[tokio::test(flavor = "multi_thread")]
async fn to_drop_it_if_it_exists() {
    let vault = Vault::new().await;
    run(&vault.eve().await, "DROP MODEL IF EXISTS hidden_model").await;
    run(&vault.owner, "SHOW MODEL hidden_model").await;
}

/// That a name is taken is no secret; by what, is one.
async fn says_no_more_than_taken(create: String, taken: &str) {
    let vault = Vault::new().await;
    let refused = refusal(&vault.eve().await, &create).await;
    assert!(placeless(&refused).starts_with(&format!("{taken} is taken; choose another")), "{refused}");
}

fn mine() -> String {
    HIDDEN.replace("hidden_rows", "mine")
}

tricks! { says_no_more_than_taken;
    to_create_another => mine(), "model name public.hidden_model";
    to_replace_it => mine().replace("CREATE", "CREATE OR REPLACE"), "model name public.hidden_model";
    to_take_its_function => mine().replace("hidden_model", "m"), "function name public.hidden_call";
    to_take_its_function_with_a_suffix =>
        mine().replace("hidden_model", "m").replace("hidden_call", "hidden_call_prob"),
        "function name public.hidden_call_prob";
    to_create_another_that_is_explained =>
        mine().replace("CREATE", "EXPLAIN CREATE"), "model name public.hidden_model";
}

#[tokio::test(flavor = "multi_thread")]
async fn to_replace_what_one_may_only_use() {
    let vault = Vault::new().await;
    let refused = refusal(&vault.user("maker").await, &HIDDEN.replace("CREATE", "CREATE OR REPLACE")).await;
    assert!(refused.starts_with("permission denied for model public.hidden_model"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn to_drop_what_one_may_only_use() {
    let vault = Vault::new().await;
    let refused = refusal(&vault.user("caller").await, "DROP MODEL hidden_model").await;
    assert!(refused.starts_with("permission denied for model public.hidden_model"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn to_see_it_while_it_is_trained() {
    let vault = Vault::new().await;
    let training = HIDDEN.replace("hidden_model", "hidden_too").replace("hidden_call", "hidden_cast");
    let training = training.replace("NUM_ROUND '3'", "NUM_ROUND '100000'");
    vault.set_up(&["SET ml.background_training = true", &training]).await;
    let eve = vault.eve().await;
    for sql in ["SHOW MODEL hidden_too", "DROP MODEL hidden_too", "SELECT hidden_cast(1, 2, 3, 4)"] {
        as_if_absent(&eve, sql).await;
    }
    run(&vault.owner, "DROP MODEL hidden_too").await;
}
