//! What is refused, and in which words.

use insta::assert_snapshot;

use super::error;

/// The error of CREATE MODEL with these clauses.
fn refusal(clauses: &str) -> String {
    error(&format!("CREATE MODEL m\n{clauses}"))
}

#[test]
fn words_that_are_no_clauses_or_settings() {
    assert_snapshot!(refusal("FROM t TARGT y FUNCTION f"), @"unknown clause TARGT at line 2, column 8; did you mean TARGET?");
    assert_snapshot!(refusal("FROM t WHERE a > 1 TARGET y"), @"WHERE is part of a query, which stands in brackets at line 2, column 8; write FROM (SELECT ... WHERE ...)");
    assert_snapshot!(refusal("FROM t TARGET y FUNCTION f 'x'"), @"expected a clause of CREATE MODEL, found 'x' at line 2, column 28");
    assert_snapshot!(refusal("FROM t \"TARGET\" y"), @r#"expected a clause of CREATE MODEL, found "TARGET" at line 2, column 8"#);
    assert_snapshot!(refusal("FROM t SETTINGS (S3_BUKET 'b')"), @"unknown setting S3_BUKET at line 2, column 18; did you mean S3_BUCKET?");
    assert_snapshot!(refusal("FROM t SETTINGS (MODEL_ID 'b')"), @"unknown setting MODEL_ID at line 2, column 18; there are S3_BUCKET, TAGS, KMS_KEY_ID, S3_GARBAGE_COLLECT, MAX_CELLS, MAX_RUNTIME, HORIZON, FREQUENCY, PERCENTILES, MAX_BATCH_ROWS");
    assert_snapshot!(refusal("FROM t PROBLEM_TYPE BINARY CLASSIFICATION"), @"unknown problem type BINARY at line 2, column 21; there are REGRESSION, BINARY_CLASSIFICATION, MULTICLASS_CLASSIFICATION");
    assert_snapshot!(refusal("FROM t PROBLEM_TYPE MULTICLASS_CLASIFICATION"), @"unknown problem type MULTICLASS_CLASIFICATION at line 2, column 21; did you mean MULTICLASS_CLASSIFICATION?");
    assert_snapshot!(refusal("FROM t AUTO MAYBE"), @"unknown value of AUTO MAYBE at line 2, column 13; there are ON, OFF");
    assert_snapshot!(refusal("IF NOT EXISTS x FROM t"), @"unknown clause IF at line 2, column 1; there are FROM, TARGET, FUNCTION, RETURNS, SAGEMAKER, IAM_ROLE, AUTO, MODEL_TYPE, PROBLEM_TYPE, OBJECTIVE, PREPROCESSORS, HYPERPARAMETERS, SETTINGS");
    assert_snapshot!(error("CREATE MODEL IF NOT EXISTS m FROM t"), @"CREATE MODEL has no IF NOT EXISTS at line 1, column 14; write CREATE OR REPLACE MODEL, or leave it out");
}

#[test]
fn clauses_and_keys_given_twice() {
    assert_snapshot!(refusal("FROM t TARGET y\n  TARGET z"), @"second TARGET at line 3, column 3; give it once");
    assert_snapshot!(refusal("FROM t SETTINGS (TAGS 'a', tags 'b')"), @"second setting TAGS at line 2, column 28; give it once");
    assert_snapshot!(refusal("FROM t HYPERPARAMETERS DEFAULT EXCEPT (K '1', k '2')"), @"second hyperparameter k at line 2, column 47; give it once");
    assert_snapshot!(error("CREATE EXTERNAL MODEL m FUNCTION f FUNCTION g"), @"second FUNCTION at line 1, column 36; give it once");
}

#[test]
fn values_of_the_wrong_form() {
    assert_snapshot!(error("CREATE MODEL"), @"expected a model name, found the end of the statement at line 1, column 13");
    assert_snapshot!(error("CREATE MODEL 'm' FROM t"), @"expected a model name, found 'm' at line 1, column 14");
    assert_snapshot!(refusal("FROM"), @"expected a table, a query in brackets, or a quoted job, found the end of the statement at line 2, column 5");
    assert_snapshot!(refusal("FROM (SELECT a FROM)"), @"expected identifier, found ) at line 2, column 20");
    assert_snapshot!(refusal("FROM (SELECT a FROM t TARGET y"), @"expected ')', found y at line 2, column 30");
    assert_snapshot!(refusal("FROM t OBJECTIVE F1"), @"expected a quoted objective such as 'F1', found F1 at line 2, column 18");
    assert_snapshot!(refusal("FROM t PREPROCESSORS none"), @"expected 'none' or quoted JSON, found none at line 2, column 22");
    assert_snapshot!(refusal("FROM t MODEL_TYPE 'xgboost'"), @"expected a model type such as XGBOOST, found 'xgboost' at line 2, column 19");
    assert_snapshot!(refusal("FROM t IAM_ROLE {default"), @"expected '}', found the end of the statement at line 2, column 25");
    assert_snapshot!(refusal("FROM t IAM_ROLE arn"), @"expected default or a quoted ARN, found arn at line 2, column 17");
    assert_snapshot!(refusal("FROM t HYPERPARAMETERS (K '5')"), @"expected DEFAULT or DEFAULT EXCEPT (key 'value', ...) after HYPERPARAMETERS, found ( at line 2, column 24");
    assert_snapshot!(refusal("FROM t HYPERPARAMETERS DEFAULT EXCEPT (K 5)"), @"expected a quoted value of hyperparameter K, as in K '1', found 5 at line 2, column 42");
    assert_snapshot!(refusal("FROM t HYPERPARAMETERS DEFAULT EXCEPT (K '5'"), @"expected ')', found the end of the statement at line 2, column 45");
    assert_snapshot!(refusal("FROM t SETTINGS (TAGS 'a' FUNCTION f"), @"expected ',' or ')' in SETTINGS, found FUNCTION at line 2, column 27");
    assert_snapshot!(refusal("FROM t SETTINGS (MAX_CELLS 0)"), @"expected a whole number from 1 for MAX_CELLS, found 0 at line 2, column 28");
    assert_snapshot!(refusal("FROM t SETTINGS (MAX_CELLS -1)"), @"expected a whole number from 1 for MAX_CELLS, found - at line 2, column 28");
    assert_snapshot!(refusal("FROM t SETTINGS (MAX_RUNTIME '5')"), @"expected a whole number from 1 to 2147483647 for MAX_RUNTIME, found '5' at line 2, column 30");
    assert_snapshot!(refusal("FROM t SETTINGS (MAX_BATCH_ROWS 2147483648)"), @"expected a whole number from 1 to 2147483647 for MAX_BATCH_ROWS, found 2147483648 at line 2, column 33");
    assert_snapshot!(refusal("FROM t SETTINGS (S3_BUCKET b)"), @"expected a quoted value of S3_BUCKET, found b at line 2, column 28");
    assert_snapshot!(refusal("FROM t SETTINGS (FREQUENCY '2min')"), @"unknown FREQUENCY '2min' at line 2, column 28; there are Y, M, W, D, H, 30min, 15min, 10min, 5min, 1min");
    assert_snapshot!(refusal("FROM t SETTINGS (PERCENTILES '0.5,1.5')"), @"unknown percentile '1.5' at line 2, column 30; PERCENTILES takes up to five, each once, of 0.01 to 0.99 in steps of 0.01 and mean");
    assert_snapshot!(refusal("FROM t SETTINGS (PERCENTILES '0.5', '0.50')"), @"second percentile '0.50' at line 2, column 30; PERCENTILES takes up to five, each once, of 0.01 to 0.99 in steps of 0.01 and mean");
    assert_snapshot!(refusal("FROM t SETTINGS (PERCENTILES '.1,.2,.3,.4,.5,.6')"), @"6 percentiles at line 2, column 30; PERCENTILES takes up to five, each once, of 0.01 to 0.99 in steps of 0.01 and mean");
    assert_snapshot!(refusal("FUNCTION f ()"), @"expected a data type name, found ) at line 2, column 13");
    assert_snapshot!(error("DROP MODEL a, b"), @"expected the end of the statement, found , at line 1, column 13");
    assert_snapshot!(error("DROP MODEL m CASCADE"), @"expected the end of the statement, found CASCADE at line 1, column 14");
    assert_snapshot!(error("DROP MODEL IF m"), @"expected the end of the statement, found m at line 1, column 15");
    assert_snapshot!(error("SHOW MODEL m n"), @"expected the end of the statement, found n at line 1, column 14");
}

#[test]
fn sources_that_do_not_fit() {
    assert_snapshot!(refusal("TARGET y FUNCTION f"), @"model m without FROM at line 1, column 14; add FROM and a table or a query in brackets, or SAGEMAKER 'endpoint' to call a remote model");
    assert_snapshot!(refusal("FROM t FUNCTION f SAGEMAKER 'e'"), @"SAGEMAKER and FROM in one statement at line 2, column 19; leave SAGEMAKER out to train or import a model, or FROM to call a remote one");
}

#[test]
fn clauses_of_models_that_are_not_trained() {
    assert_snapshot!(refusal("FROM 'job' TARGET y FUNCTION f"), @"TARGET with an imported model at line 2, column 12; leave it out; to train on a file, write FROM (SELECT * FROM 'file')");
    assert_snapshot!(refusal("FROM 'job'"), @"an imported model without FUNCTION at line 1, column 14; add FUNCTION function_name (type, ...)");
    assert_snapshot!(refusal("FROM 'job' FUNCTION f RETURNS int"), @"the FUNCTION of an imported model without argument types at line 2, column 12; add them: FUNCTION function_name (type, ...)");
    assert_snapshot!(refusal("FROM 'job' FUNCTION f (int)"), @"an imported model without RETURNS at line 1, column 14; add RETURNS type");
    assert_snapshot!(refusal("FROM 'job' FUNCTION f (int) RETURNS super"), @"RETURNS SUPER for an imported model at line 2, column 29; only remote models return SUPER");
    assert_snapshot!(refusal("FROM 'job' FUNCTION f (int) RETURNS int SETTINGS (MAX_CELLS 5)"), @"setting MAX_CELLS with an imported model at line 2, column 41; leave it out");
    assert_snapshot!(refusal("SAGEMAKER 'e' FUNCTION f (int) RETURNS int AUTO OFF"), @"AUTO with a remote model at line 2, column 44; leave it out: the endpoint's model is trained");
    assert_snapshot!(refusal("SAGEMAKER 'e' FUNCTION f (int) RETURNS int SETTINGS (HORIZON 5)"), @"setting HORIZON with a remote model at line 2, column 44; leave it out");
    assert_snapshot!(refusal("SAGEMAKER 'e' FUNCTION f RETURNS int"), @"the FUNCTION of a remote model without argument types at line 2, column 15; add them: FUNCTION function_name (type, ...)");
    assert_snapshot!(refusal("SAGEMAKER 'e' FUNCTION f (super, int) RETURNS super"), @"SUPER goes with one argument of type SUPER and RETURNS SUPER only at line 2, column 15; write FUNCTION function_name (SUPER) RETURNS SUPER");
    assert_snapshot!(refusal("SAGEMAKER 'e' FUNCTION f (super) RETURNS int"), @"SUPER goes with one argument of type SUPER and RETURNS SUPER only at line 2, column 15; write FUNCTION function_name (SUPER) RETURNS SUPER");
    assert_snapshot!(refusal("SAGEMAKER 'e' FUNCTION f (super) RETURNS super"), @"a remote model of SUPER without MAX_BATCH_ROWS at line 2, column 15; add SETTINGS (MAX_BATCH_ROWS 1)");
}

#[test]
fn clauses_that_every_trained_model_needs_or_lacks() {
    assert_snapshot!(refusal("FROM t FUNCTION f"), @"a model without TARGET at line 1, column 14; add TARGET column: what to predict");
    assert_snapshot!(refusal("FROM t TARGET y"), @"a model without FUNCTION at line 1, column 14; add FUNCTION function_name");
    assert_snapshot!(refusal("FROM t TARGET y FUNCTION f (int)"), @"argument types in the FUNCTION of a model that is trained at line 2, column 17; leave them out: they are those of the feature columns");
    assert_snapshot!(refusal("FROM t TARGET y FUNCTION f RETURNS int"), @"RETURNS with a model that is trained at line 2, column 28; leave it out: the function returns the type of the target");
    assert_snapshot!(refusal("FROM t TARGET y FUNCTION f SETTINGS (MAX_BATCH_ROWS 5)"), @"setting MAX_BATCH_ROWS with a model that is trained at line 2, column 28; leave it out");
    assert_snapshot!(refusal("FROM t TARGET y FUNCTION f SETTINGS (HORIZON 5)"), @"setting HORIZON with a model that is no FORECAST at line 2, column 28; leave it out");
    assert_snapshot!(refusal("FROM t TARGET y FUNCTION f MODEL_TYPE BEDROCK"), @"MODEL_TYPE BEDROCK in CREATE MODEL at line 2, column 28; write CREATE EXTERNAL MODEL");
}

#[test]
fn combinations_with_auto_on() {
    let base = "FROM t TARGET y FUNCTION f";
    assert_snapshot!(refusal(&format!("{base} HYPERPARAMETERS DEFAULT")), @"HYPERPARAMETERS with AUTO ON at line 2, column 28; write AUTO OFF and a MODEL_TYPE, or leave it out");
    assert_snapshot!(refusal(&format!("{base} AUTO ON\nHYPERPARAMETERS DEFAULT EXCEPT (eta '0.1')")), @"HYPERPARAMETERS with AUTO ON at line 3, column 1; write AUTO OFF and a MODEL_TYPE, or leave it out");
    assert_snapshot!(refusal(&format!("{base} OBJECTIVE 'binary:logistic'")), @"OBJECTIVE 'binary:logistic', which belongs to AUTO OFF with MODEL_TYPE XGBOOST, at line 2, column 28; AUTO ON takes MSE, Accuracy, F1, F1_Macro, AUC");
    assert_snapshot!(refusal(&format!("{base} OBJECTIVE 'RMSE'")), @"OBJECTIVE 'RMSE', which belongs to MODEL_TYPE FORECAST, at line 2, column 28; AUTO ON takes MSE, Accuracy, F1, F1_Macro, AUC");
    assert_snapshot!(refusal(&format!("{base} OBJECTIVE 'Acuracy'")), @"unknown OBJECTIVE 'Acuracy' at line 2, column 28; AUTO ON takes MSE, Accuracy, F1, F1_Macro, AUC");
    assert_snapshot!(refusal(&format!("{base} PROBLEM_TYPE REGRESSION OBJECTIVE 'AUC'")), @"OBJECTIVE 'AUC', which is of another problem, at line 2, column 52; AUTO ON and PROBLEM_TYPE REGRESSION take MSE");
    assert_snapshot!(refusal(&format!("{base} PROBLEM_TYPE BINARY_CLASSIFICATION OBJECTIVE 'F1_Macro'")), @"OBJECTIVE 'F1_Macro', which is of another problem, at line 2, column 63; AUTO ON and PROBLEM_TYPE BINARY_CLASSIFICATION take Accuracy, F1, AUC");
}

#[test]
fn combinations_with_auto_off() {
    let base = "FROM t TARGET y FUNCTION f AUTO OFF";
    let xgboost = format!("{base} MODEL_TYPE XGBOOST");
    assert_snapshot!(refusal(base), @"AUTO OFF without MODEL_TYPE at line 2, column 28; add MODEL_TYPE XGBOOST, or write AUTO ON");
    assert_snapshot!(refusal(&xgboost), @"AUTO OFF without HYPERPARAMETERS at line 2, column 28; add HYPERPARAMETERS DEFAULT");
    assert_snapshot!(refusal(&format!("{base} MODEL_TYPE LINEAR_LEARNER")), @"AUTO OFF without HYPERPARAMETERS at line 2, column 28; add HYPERPARAMETERS DEFAULT");
    assert_snapshot!(refusal(&format!("{xgboost} HYPERPARAMETERS DEFAULT PROBLEM_TYPE REGRESSION")), @"PROBLEM_TYPE with AUTO OFF and MODEL_TYPE XGBOOST at line 2, column 80; leave it out: OBJECTIVE decides, as in OBJECTIVE 'binary:logistic'");
    assert_snapshot!(refusal(&format!("{xgboost} HYPERPARAMETERS DEFAULT OBJECTIVE 'F1'")), @"OBJECTIVE 'F1', which belongs to AUTO ON, at line 2, column 80; AUTO OFF with MODEL_TYPE XGBOOST takes reg:squarederror, reg:squaredlogerror, reg:logistic, reg:pseudohubererror, reg:tweedie, binary:logistic, binary:hinge, multi:softmax, rank:pairwise, rank:ndcg");
    assert_snapshot!(refusal(&format!("{xgboost} HYPERPARAMETERS DEFAULT OBJECTIVE 'multi:softmax'")), @"OBJECTIVE 'multi:softmax' without hyperparameter NUM_CLASS at line 2, column 80; add HYPERPARAMETERS DEFAULT EXCEPT (NUM_CLASS '3'): how many classes there are");
    assert_snapshot!(
        refusal(&format!("{xgboost}\nHYPERPARAMETERS DEFAULT EXCEPT (eta '1', Objective 'reg:logistic')")), @"OBJECTIVE among the hyperparameters at line 3, column 42; write the clause OBJECTIVE '...'");
    assert_snapshot!(refusal("FROM t FUNCTION f AUTO OFF MODEL_TYPE XGBOOST HYPERPARAMETERS DEFAULT"), @"a model without TARGET at line 1, column 14; add TARGET column: what to predict");
    assert_snapshot!(refusal("FROM t TARGET y AUTO OFF MODEL_TYPE XGBOOST HYPERPARAMETERS DEFAULT"), @"a model without FUNCTION at line 1, column 14; add FUNCTION function_name");
}

#[test]
fn combinations_with_kmeans() {
    let base = "FROM t FUNCTION f AUTO OFF MODEL_TYPE KMEANS";
    let k = "HYPERPARAMETERS DEFAULT EXCEPT (K '2')";
    assert_snapshot!(refusal(&format!("FROM t FUNCTION f MODEL_TYPE KMEANS {k}")), @"MODEL_TYPE KMEANS with AUTO ON at line 2, column 19; write AUTO OFF; AUTO is ON where a statement does not say");
    assert_snapshot!(refusal(&format!("FROM t FUNCTION f AUTO ON MODEL_TYPE KMEANS {k}")), @"MODEL_TYPE KMEANS with AUTO ON at line 2, column 27; write AUTO OFF; AUTO is ON where a statement does not say");
    assert_snapshot!(refusal(base), @"MODEL_TYPE KMEANS without hyperparameter K at line 2, column 28; add HYPERPARAMETERS DEFAULT EXCEPT (K '5'): how many clusters to find");
    assert_snapshot!(refusal(&format!("{base} HYPERPARAMETERS DEFAULT")), @"MODEL_TYPE KMEANS without hyperparameter K at line 2, column 28; add HYPERPARAMETERS DEFAULT EXCEPT (K '5'): how many clusters to find");
    assert_snapshot!(refusal(&format!("{base} {k} TARGET y")), @"TARGET with MODEL_TYPE KMEANS at line 2, column 85; leave it out: clusters are found without it");
    assert_snapshot!(refusal(&format!("{base} {k} PROBLEM_TYPE REGRESSION")), @"PROBLEM_TYPE with MODEL_TYPE KMEANS at line 2, column 85; leave it out: clusters are found without it");
    assert_snapshot!(refusal(&format!("{base} {k} OBJECTIVE 'MSE'")), @"OBJECTIVE with MODEL_TYPE KMEANS at line 2, column 85; leave it out: clusters are found without it");
    assert_snapshot!(refusal(&format!("FROM t AUTO OFF MODEL_TYPE KMEANS {k}")), @"a model without FUNCTION at line 1, column 14; add FUNCTION function_name");
}

#[test]
fn combinations_with_forecast() {
    let base = "FROM t TARGET y MODEL_TYPE FORECAST";
    let settings = "SETTINGS (HORIZON 5, FREQUENCY 'D')";
    assert_snapshot!(refusal(&format!("{base} {settings} AUTO OFF")), @"AUTO OFF with MODEL_TYPE FORECAST at line 2, column 73; write AUTO ON");
    assert_snapshot!(refusal(&format!("{base} {settings} FUNCTION f")), @"FUNCTION with MODEL_TYPE FORECAST at line 2, column 73; leave it out, and read the result by SELECT FORECAST(m)");
    assert_snapshot!(refusal(&format!("{base} {settings} HYPERPARAMETERS DEFAULT")), @"HYPERPARAMETERS with MODEL_TYPE FORECAST at line 2, column 73; leave it out");
    assert_snapshot!(refusal(&format!("{base} {settings} PREPROCESSORS 'none'")), @"PREPROCESSORS with MODEL_TYPE FORECAST at line 2, column 73; leave it out");
    assert_snapshot!(refusal(&format!("{base} {settings} PROBLEM_TYPE REGRESSION")), @"PROBLEM_TYPE with MODEL_TYPE FORECAST at line 2, column 73; leave it out");
    assert_snapshot!(refusal(&format!("{base} {settings} OBJECTIVE 'MSE'")), @"OBJECTIVE 'MSE', which belongs to AUTO ON, at line 2, column 73; MODEL_TYPE FORECAST takes RMSE, WAPE, MAPE, MASE, AverageWeightedQuantileLoss");
    assert_snapshot!(refusal(&format!("{base} SETTINGS (FREQUENCY 'D')")), @"MODEL_TYPE FORECAST without HORIZON at line 2, column 17; add SETTINGS (HORIZON 24): how many steps to forecast");
    assert_snapshot!(refusal(&format!("{base} SETTINGS (HORIZON 5)")), @"MODEL_TYPE FORECAST without FREQUENCY at line 2, column 17; add SETTINGS (FREQUENCY 'D'): how long a step is");
    assert_snapshot!(refusal(&format!("FROM t MODEL_TYPE FORECAST {settings}")), @"MODEL_TYPE FORECAST without TARGET at line 2, column 8; add TARGET column");
}

#[test]
fn combinations_of_external_models() {
    let external = |clauses: &str| error(&format!("CREATE EXTERNAL MODEL m\n{clauses}"));
    assert_snapshot!(external("MODEL_TYPE BEDROCK SETTINGS (MODEL_ID 'x')"), @"external model m has no FUNCTION at line 1, column 23; add FUNCTION function_name");
    assert_snapshot!(external("FUNCTION f SETTINGS (MODEL_ID 'x')"), @"external model m has no MODEL_TYPE at line 1, column 23; add MODEL_TYPE BEDROCK");
    assert_snapshot!(external("FUNCTION f MODEL_TYPE BEDROCK"), @"external model m has no SETTINGS at line 1, column 23; add SETTINGS (MODEL_ID 'model_id')");
    assert_snapshot!(external("FUNCTION f SETTINGS (PROMPT 'x')"), @"SETTINGS has no MODEL_ID at line 2, column 21; add MODEL_ID 'model_id'");
    assert_snapshot!(external("FUNCTION f SETTINGS (MODEL_ID 'x', REQUEST_TYPE RAW)"), @"REQUEST_TYPE RAW without RESPONSE_TYPE SUPER at line 2, column 21; add RESPONSE_TYPE SUPER");
    assert_snapshot!(external("FUNCTION f SETTINGS (MODEL_ID 'x', REQUEST_TYPE RAW, RESPONSE_TYPE SUPER, PROMPT 'p')"), @"PROMPT or SUFFIX with REQUEST_TYPE RAW at line 2, column 21; write the text into the request, or use REQUEST_TYPE UNIFIED");
    assert_snapshot!(external("FUNCTION f SETTINGS (MODEL_ID 'x', REQUEST_TYPE ROW)"), @"unknown request type ROW at line 2, column 49; did you mean RAW?");
    assert_snapshot!(external("TARGET y"), @"unknown clause TARGET at line 2, column 1; there are FUNCTION, IAM_ROLE, MODEL_TYPE, SETTINGS");
}
