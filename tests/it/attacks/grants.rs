//! GRANT, REVOKE and DROP MODEL by who may not.

use super::{CALL, HIDDEN, Vault, refusal, refuses, run, run_all, tricks};

tricks! { refuses;
    a_right_that_one_has_not => &[], "GRANT CREATE MODEL TO PUBLIC";
    a_role_that_one_has => &["CREATE ROLE r", "GRANT ROLE r TO eve"], "GRANT ROLE r TO maker";
    a_role_that_one_has_not => &["CREATE ROLE r"], "GRANT ROLE r TO eve";
    the_right_to_assume_roles => &[], "GRANT ASSUMEROLE ON ALL TO eve FOR CREATE MODEL";
    a_schema_of_another => &[], "GRANT USAGE ON SCHEMA public TO eve";
    a_schema_from_all => &[], "REVOKE CREATE ON SCHEMA public FROM PUBLIC";
    what_one_may_use =>
        &["GRANT EXECUTE ON MODEL hidden_model TO eve"], "GRANT EXECUTE ON MODEL hidden_model TO maker";
    what_one_may_read => &["GRANT SELECT ON hidden_rows TO eve"], "GRANT SELECT ON hidden_rows TO PUBLIC";
    more_of_a_table_than_one_may_grant =>
        &["GRANT SELECT ON hidden_rows TO eve WITH GRANT OPTION"], "GRANT SELECT, DELETE ON hidden_rows TO maker";
    all_of_a_table_of_which_one_may_grant_some =>
        &["GRANT SELECT ON hidden_rows TO eve WITH GRANT OPTION"], "GRANT ALL ON hidden_rows TO maker";
    another_table_beside_ones_own => &["GRANT INSERT ON hidden_rows TO eve"], "GRANT SELECT ON mine, hidden_rows TO eve";
}

/// Nobody may.
async fn is_no_grant(sql: &str) {
    let vault = Vault::new().await;
    vault.set_up(&["CREATE ROLE r", "CREATE ROLE s", "GRANT ROLE r TO ROLE s", "CREATE GROUP g"]).await;
    refusal(&vault.owner, sql).await;
    refusal(&vault.eve().await, sql).await;
}

tricks! { is_no_grant;
    the_option_to_public => "GRANT EXECUTE ON MODEL hidden_model TO PUBLIC WITH GRANT OPTION";
    the_option_to_a_group => "GRANT EXECUTE ON MODEL hidden_model TO GROUP g WITH GRANT OPTION";
    drop_model_to_a_user => "GRANT DROP MODEL TO eve";
    drop_model_to_public => "GRANT DROP MODEL TO PUBLIC";
    a_role_to_itself => "GRANT ROLE r TO ROLE r";
    a_role_to_its_own_member => "GRANT ROLE s TO ROLE r";
    a_role_to_a_group => "GRANT ROLE r TO GROUP g";
    to_somebody_who_is_not_there => "GRANT EXECUTE ON MODEL hidden_model TO nobody";
    a_function_of_a_model => "GRANT EXECUTE ON FUNCTION hidden_call(int) TO eve";
    all_functions => "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO eve";
    execute_of_a_table => "GRANT EXECUTE ON TABLE hidden_rows TO eve";
    select_of_a_model => "GRANT SELECT ON MODEL hidden_model TO eve";
}

#[tokio::test(flavor = "multi_thread")]
async fn the_option_lets_grant() {
    let vault = Vault::new().await;
    run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO caller WITH GRANT OPTION").await;
    run(&vault.user("caller").await, "GRANT EXECUTE ON MODEL hidden_model TO eve").await;
    run(&vault.eve().await, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_on_which_others_depend_is_not_taken() {
    let vault = Vault::new().await;
    run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO caller WITH GRANT OPTION").await;
    run(&vault.user("caller").await, "GRANT EXECUTE ON MODEL hidden_model TO eve").await;
    let refused = refusal(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM caller RESTRICT").await;
    assert!(refused.contains("has granted EXECUTE on model public.hidden_model to eve"), "{refused}");
}

/// An owner needs USAGE like everybody.
#[tokio::test(flavor = "multi_thread")]
async fn ones_own_model_in_a_schema_that_one_may_not_use_any_more() {
    let vault = Vault::new().await;
    run_all(&vault.owner, &["CREATE SCHEMA lab", "GRANT USAGE, CREATE ON SCHEMA lab TO eve"]).await;
    let eve = vault.eve().await;
    let create = HIDDEN.replace("hidden_rows", "mine").replace("hidden_call", "lab.own_call");
    run(&eve, &create.replace("hidden_model", "lab.own_model")).await;
    run(&eve, "SELECT lab.own_call(1, 2, 3, 4)").await;
    run(&vault.owner, "REVOKE USAGE ON SCHEMA lab FROM eve").await;
    refusal(&eve, "SELECT lab.own_call(1, 2, 3, 4)").await;
    refusal(&eve, "SHOW MODEL lab.own_model").await;
}

/// Else the right would be there for who makes the model.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_not_there_yet() {
    let vault = Vault::new().await;
    for sql in ["GRANT EXECUTE ON MODEL future TO eve", "REVOKE EXECUTE ON MODEL future FROM eve"] {
        let refused = refusal(&vault.owner, sql).await;
        assert!(refused.contains("there is no model public.future"), "{refused}");
    }
}

/// Each would depend on the other.
#[tokio::test(flavor = "multi_thread")]
async fn two_who_grant_each_other() {
    let vault = Vault::new().await;
    run(&vault.owner, "GRANT SELECT ON hidden_rows TO caller WITH GRANT OPTION").await;
    run(&vault.user("caller").await, "GRANT SELECT ON hidden_rows TO eve WITH GRANT OPTION").await;
    run(&vault.eve().await, "GRANT SELECT ON hidden_rows TO caller WITH GRANT OPTION").await;
    run_all(&vault.owner, &["REVOKE SELECT ON hidden_rows FROM eve", "REVOKE SELECT ON hidden_rows FROM caller"]).await;
    refusal(&vault.eve().await, "SELECT * FROM hidden_rows").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_has_granted_is_not_taken_by_an_option() {
    let vault = Vault::new().await;
    let statements = ["GRANT SELECT ON hidden_rows TO caller WITH GRANT OPTION", "GRANT SELECT ON hidden_rows TO eve"];
    run_all(&vault.owner, &statements).await;
    let refused = refusal(&vault.user("caller").await, "REVOKE SELECT ON hidden_rows FROM eve").await;
    assert!(refused.contains("admin has granted SELECT on table public.hidden_rows to eve"), "{refused}");
    run(&vault.eve().await, "SELECT * FROM hidden_rows").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_lost_the_option_grants_no_more() {
    let vault = Vault::new().await;
    let caller = vault.user("caller").await;
    run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO caller WITH GRANT OPTION").await;
    run(&vault.owner, "REVOKE GRANT OPTION FOR EXECUTE ON MODEL hidden_model FROM caller").await;
    run(&caller, CALL).await;
    refusal(&caller, "GRANT EXECUTE ON MODEL hidden_model TO eve").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_or_nothing() {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    refusal(&eve, "GRANT SELECT ON mine, hidden_rows TO maker").await;
    refusal(&vault.user("maker").await, "SELECT * FROM mine").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_others_have_been_granted_is_theirs_no_more_when_it_is_made_anew() {
    let vault = Vault::new().await;
    vault.set_up(&["DROP MODEL hidden_model", HIDDEN]).await;
    refusal(&vault.user("caller").await, CALL).await;
}

/// Dropped by eve, who may by `set_up`.
async fn drops(set_up: &[&str]) {
    let vault = Vault::new().await;
    let eve = vault.eve().await;
    refusal(&eve, "DROP MODEL hidden_model").await;
    vault.set_up(set_up).await;
    run(&eve, "DROP MODEL hidden_model").await;
}

tricks! { drops;
    drop_by_a_role => &["CREATE ROLE r", "GRANT DROP MODEL TO ROLE r", "GRANT ROLE r TO eve"];
    drop_by_a_role_of_a_role =>
        &["CREATE ROLE r", "CREATE ROLE s", "GRANT DROP MODEL TO ROLE s", "GRANT ROLE s TO ROLE r", "GRANT ROLE r TO eve"];
    drop_by_a_superuser => &["ALTER USER eve CREATEUSER"];
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_by_its_owner() {
    let vault = Vault::new().await;
    let maker = vault.user("maker").await;
    run(&vault.owner, "DROP MODEL hidden_model").await;
    run_all(&maker, &[HIDDEN, "DROP MODEL hidden_model"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_user_who_owns_something() {
    let vault = Vault::new().await;
    refusal(&vault.owner, "DROP USER eve").await;
    run(&vault.eve().await, "SELECT count(*) FROM mine").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_user_who_has_been_granted_something() {
    let vault = Vault::new().await;
    refusal(&vault.owner, "DROP USER caller").await;
    run(&vault.user("caller").await, CALL).await;
}
