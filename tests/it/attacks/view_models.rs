//! A view calls the models that it was created with: nobody puts one of one's own there to be given the rows.

use super::{Vault, placeless, plain, refusal, run, run_all};
use crate::support::value;

/// A model over one column.
fn grades(create: &str, name: &str, rows: &str) -> String {
    format!(
        "{create} MODEL {name} FROM (SELECT variance, class FROM {rows}) TARGET class FUNCTION band AUTO OFF MODEL_TYPE XGBOOST \
         OBJECTIVE 'binary:logistic' PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '2')"
    )
}

const READ: &str = "SELECT count(b) FROM public.bands";

const REPORT: &str = "explain_model('hidden_model')['explanations']['kernel_shap']['label0']['expected_value']";

/// The owner's view over the owner's model; eve may read it.
async fn vault_with_bands() -> Vault {
    let vault = Vault::new().await;
    vault
        .set_up(&[
            &grades("CREATE", "grades", "hidden_rows"),
            "CREATE VIEW bands AS SELECT band(variance) AS b FROM hidden_rows",
            "GRANT SELECT ON bands TO eve",
        ])
        .await;
    vault
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_ones_own_in_the_place_of_one_that_was_dropped() {
    let vault = vault_with_bands().await;
    let eve = vault.eve().await;
    run(&eve, READ).await;
    run(&vault.owner, &grades("CREATE OR REPLACE", "grades", "hidden_rows")).await;
    run(&eve, READ).await;
    for name in ["grades", "stolen"] {
        run(&vault.owner, "DROP MODEL grades").await;
        run(&eve, &grades("CREATE", name, "mine")).await;
        run(&eve, &format!("GRANT EXECUTE ON MODEL {name} TO PUBLIC")).await;
        assert_eq!(placeless(&refusal(&eve, READ).await), "view public.bands cannot be read; ask its owner admin");
        assert!(plain(&eve, READ).await.is_err());
        let refused = placeless(&refusal(&vault.owner, READ).await);
        assert!(refused.contains(&format!("model public.{name} is not the one that it was created with")), "{refused}");
        run(&vault.owner, &format!("DROP MODEL {name}")).await;
        run(&vault.owner, &grades("CREATE", "grades", "hidden_rows")).await;
        run(&eve, READ).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_another_than_who_lent_it() {
    let vault = Vault::new().await;
    let (maker, eve, caller) = (vault.user("maker").await, vault.eve().await, vault.user("caller").await);
    vault.set_up(&["GRANT CREATE MODEL TO caller", "CREATE TABLE rows_of_all AS SELECT * FROM banknote"]).await;
    run(&vault.owner, "GRANT SELECT ON rows_of_all TO PUBLIC").await;
    let (create, grant) = (grades("CREATE", "lent", "rows_of_all"), "GRANT EXECUTE ON MODEL lent TO PUBLIC");
    run_all(&eve, &[&create, grant]).await;
    run(&maker, "CREATE VIEW bands AS SELECT band(variance) AS b FROM hidden_rows").await;
    run(&maker, READ).await;
    run_all(&eve, &["DROP MODEL lent", &create, grant]).await;
    run(&maker, READ).await;
    run(&eve, "DROP MODEL lent").await;
    run_all(&caller, &[&create, grant]).await;
    let refused = placeless(&refusal(&maker, READ).await);
    assert!(refused.contains("is not the one that it was created with, but caller's"), "{refused}");
    run(&maker, "CREATE OR REPLACE VIEW bands AS SELECT band(variance) AS b FROM hidden_rows").await;
    run(&maker, READ).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_in_the_schema_of_the_reader() {
    let vault = vault_with_bands().await;
    vault.set_up(&["CREATE SCHEMA shop", "GRANT CREATE, USAGE ON SCHEMA shop TO eve", "DROP MODEL grades"]).await;
    let eve = vault.eve().await;
    run(&eve, "SET search_path = shop").await;
    run(&eve, &grades("CREATE", "grades", "public.mine")).await;
    run(&eve, "GRANT EXECUTE ON MODEL grades TO PUBLIC").await;
    run(&eve, "SELECT band(1.0)").await;
    refusal(&eve, READ).await;
    assert!(plain(&eve, READ).await.is_err());
    run(&vault.owner, "SET search_path = shop").await;
    let refused = placeless(&refusal(&vault.owner, READ).await);
    assert!(refused.contains("band"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_a_model_in_the_schema_of_the_reader() {
    let vault = Vault::new().await;
    vault
        .set_up(&[
            "CREATE SCHEMA shop",
            "GRANT CREATE, USAGE ON SCHEMA shop TO eve",
            &format!(
                "CREATE VIEW explained AS SELECT {REPORT} AS e, (SELECT count(*) FROM ml_trees('hidden_model')) AS n"
            ),
            "GRANT SELECT ON explained TO eve",
        ])
        .await;
    let eve = vault.eve().await;
    let read = "SELECT e || ' ' || n FROM public.explained";
    let expected = value(&eve, read).await;
    run(&eve, "SET search_path = shop").await;
    run(&eve, &grades("CREATE", "hidden_model", "public.mine")).await;
    let own = format!("SELECT {REPORT} || ' ' || (SELECT count(*) FROM ml_trees('hidden_model'))");
    let hers = value(&eve, &own).await;
    assert_ne!(hers, expected);
    assert_eq!(value(&eve, read).await, expected);
    assert_eq!(value(&eve, &own).await, hers);
}
