//! Every form of statement in the documentation.

use insta::assert_snapshot;

use super::canonical;

#[test]
fn create_model_in_its_simple_form() {
    assert_snapshot!(canonical(
        "CREATE MODEL customer_churn_auto_model FROM (
            SELECT state, account_length, area_code, total_charge/account_length AS average_daily_spend,
                   cust_serv_calls/account_length AS average_daily_cases, churn
            FROM customer_activity WHERE record_date < '2020-01-01')
         TARGET churn FUNCTION ml_fn_customer_churn_auto
         IAM_ROLE default SETTINGS (
           S3_BUCKET 'my-bucket'
         );"
    ), @"
    CREATE MODEL customer_churn_auto_model
    FROM (SELECT state, account_length, area_code, total_charge / account_length AS average_daily_spend, cust_serv_calls / account_length AS average_daily_cases, churn
    FROM customer_activity WHERE record_date < '2020-01-01')
    TARGET churn
    FUNCTION ml_fn_customer_churn_auto
    IAM_ROLE default
    SETTINGS (S3_BUCKET 'my-bucket')
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL m FROM s.t TARGET y FUNCTION s.f IAM_ROLE 'arn:aws:iam::1:role/r'
         SETTINGS (S3_BUCKET 'bucket', MAX_CELLS 1000)"
    ), @"
    CREATE MODEL m
    FROM s.t
    TARGET y
    FUNCTION s.f
    IAM_ROLE 'arn:aws:iam::1:role/r'
    SETTINGS (S3_BUCKET 'bucket', MAX_CELLS 1000)
    ");
}

#[test]
fn create_model_with_user_guidance() {
    assert_snapshot!(canonical(
        "CREATE MODEL m FROM t TARGET y FUNCTION f IAM_ROLE default AUTO ON MODEL_TYPE XGBOOST
         PROBLEM_TYPE (BINARY_CLASSIFICATION) OBJECTIVE ('F1') PREPROCESSORS '[{\"ColumnSet\": [\"a\"], \"Transformers\": [\"Imputer\"]}]'
         SETTINGS (S3_BUCKET 'b', S3_GARBAGE_COLLECT ON, KMS_KEY_ID 'id', MAX_CELLS 5, MAX_RUNTIME 60, TAGS 'a=b,c')"
    ), @r#"
    CREATE MODEL m
    FROM t
    TARGET y
    FUNCTION f
    IAM_ROLE default
    AUTO ON
    MODEL_TYPE XGBOOST
    PROBLEM_TYPE BINARY_CLASSIFICATION
    OBJECTIVE 'F1'
    PREPROCESSORS '[{"ColumnSet": ["a"], "Transformers": ["Imputer"]}]'
    SETTINGS (S3_BUCKET 'b', TAGS 'a=b,c', KMS_KEY_ID 'id', S3_GARBAGE_COLLECT ON, MAX_CELLS 5, MAX_RUNTIME 60)
    "#);
    assert_snapshot!(canonical(
        "CREATE MODEL ecommerce_customer_activity FROM (SELECT customerid, nbr_months_active FROM ecommerce_sales_training)
         TARGET nbr_months_active FUNCTION predict_customer_activity IAM_ROLE default PROBLEM_TYPE MULTICLASS_CLASSIFICATION
         SETTINGS (S3_BUCKET 'my-bucket', S3_GARBAGE_COLLECT OFF);"
    ), @"
    CREATE MODEL ecommerce_customer_activity
    FROM (SELECT customerid, nbr_months_active
    FROM ecommerce_sales_training)
    TARGET nbr_months_active
    FUNCTION predict_customer_activity
    IAM_ROLE default
    PROBLEM_TYPE MULTICLASS_CLASSIFICATION
    SETTINGS (S3_BUCKET 'my-bucket', S3_GARBAGE_COLLECT OFF)
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL predict_rental_count FROM training_data TARGET trip_count FUNCTION predict_rental_count
         IAM_ROLE default PROBLEM_TYPE regression OBJECTIVE 'mse'
         SETTINGS (s3_bucket 'my-bucket', s3_garbage_collect off, max_runtime 5000);"
    ), @"
    CREATE MODEL predict_rental_count
    FROM training_data
    TARGET trip_count
    FUNCTION predict_rental_count
    IAM_ROLE default
    PROBLEM_TYPE REGRESSION
    OBJECTIVE 'MSE'
    SETTINGS (S3_BUCKET 'my-bucket', S3_GARBAGE_COLLECT OFF, MAX_RUNTIME 5000)
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL model_abalone_ring_prediction FROM (SELECT Sex, Length, Rings AS target_label FROM abalone_training)
         TARGET target_label FUNCTION f_abalone_ring_prediction IAM_ROLE default MODEL_TYPE LINEAR_LEARNER
         PROBLEM_TYPE REGRESSION OBJECTIVE 'MSE' SETTINGS (S3_BUCKET 'my-bucket', MAX_RUNTIME 15000);"
    ), @"
    CREATE MODEL model_abalone_ring_prediction
    FROM (SELECT Sex, Length, Rings AS target_label
    FROM abalone_training)
    TARGET target_label
    FUNCTION f_abalone_ring_prediction
    IAM_ROLE default
    MODEL_TYPE LINEAR_LEARNER
    PROBLEM_TYPE REGRESSION
    OBJECTIVE 'MSE'
    SETTINGS (S3_BUCKET 'my-bucket', MAX_RUNTIME 15000)
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL forest_cover_type_model FROM (SELECT Elevation, HIllshade_9am, Cover_type from public.covertype_training)
         TARGET cover_type FUNCTION predict_cover_type IAM_ROLE default MODEL_TYPE LINEAR_LEARNER
         PROBLEM_TYPE MULTICLASS_CLASSIFICATION OBJECTIVE 'Accuracy' SETTINGS (S3_BUCKET 'b', S3_GARBAGE_COLLECT OFF);"
    ), @"
    CREATE MODEL forest_cover_type_model
    FROM (SELECT Elevation, HIllshade_9am, Cover_type
    FROM public.covertype_training)
    TARGET cover_type
    FUNCTION predict_cover_type
    IAM_ROLE default
    MODEL_TYPE LINEAR_LEARNER
    PROBLEM_TYPE MULTICLASS_CLASSIFICATION
    OBJECTIVE 'Accuracy'
    SETTINGS (S3_BUCKET 'b', S3_GARBAGE_COLLECT OFF)
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL s.predict_robot_direction FROM (select US1, /* … */ US24, DIRECTION from s.robot_navigation where MOD(id,5) != 0)
         TARGET DIRECTION FUNCTION predict_robot_direction_fn IAM_ROLE default MODEL_TYPE MLP
         SETTINGS (s3_bucket 'b', MAX_RUNTIME 5400);      -- UCI wall-following robot, 4 classes"
    ), @"
    CREATE MODEL s.predict_robot_direction
    FROM (SELECT US1, US24, DIRECTION
    FROM s.robot_navigation WHERE MOD(id, 5) <> 0)
    TARGET DIRECTION
    FUNCTION predict_robot_direction_fn
    IAM_ROLE default
    MODEL_TYPE MLP
    SETTINGS (S3_BUCKET 'b', MAX_RUNTIME 5400)
    ");
}

#[test]
fn create_model_of_xgboost_with_auto_off() {
    assert_snapshot!(canonical(
        "CREATE MODEL model_banknoteauthentication_xgboost_binary FROM banknoteauthentication_train TARGET class
         FUNCTION func_model_banknoteauthentication_xgboost_binary IAM_ROLE default AUTO OFF MODEL_TYPE xgboost
         OBJECTIVE 'binary:logistic' PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT(NUM_ROUND '100')
         SETTINGS(S3_BUCKET 'my-bucket');"
    ), @"
    CREATE MODEL model_banknoteauthentication_xgboost_binary
    FROM banknoteauthentication_train
    TARGET class
    FUNCTION func_model_banknoteauthentication_xgboost_binary
    IAM_ROLE default
    AUTO OFF
    MODEL_TYPE XGBOOST
    OBJECTIVE 'binary:logistic'
    PREPROCESSORS 'none'
    HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '100')
    SETTINGS (S3_BUCKET 'my-bucket')
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL abalone_xgboost_multi_predict_age
         FROM ( SELECT length_val, rings FROM abalone_xgb WHERE record_number < 2500 )
         TARGET rings FUNCTION ml_fn_abalone_xgboost_multi_predict_age IAM_ROLE default AUTO OFF MODEL_TYPE XGBOOST
         OBJECTIVE 'multi:softmax' PREPROCESSORS 'none'
         HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '100', NUM_CLASS '30') SETTINGS (S3_BUCKET 'my-bucket');"
    ), @"
    CREATE MODEL abalone_xgboost_multi_predict_age
    FROM (SELECT length_val, rings
    FROM abalone_xgb WHERE record_number < 2500)
    TARGET rings
    FUNCTION ml_fn_abalone_xgboost_multi_predict_age
    IAM_ROLE default
    AUTO OFF
    MODEL_TYPE XGBOOST
    OBJECTIVE 'multi:softmax'
    PREPROCESSORS 'none'
    HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '100', NUM_CLASS '30')
    SETTINGS (S3_BUCKET 'my-bucket')
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL s.cust_cc_txn_fd_xg FROM ( SELECT a, tx_fraud FROM t ) TARGET tx_fraud FUNCTION fn_customer_cc_fd_xg
         IAM_ROLE default AUTO OFF MODEL_TYPE XGBOOST OBJECTIVE 'rank:pairwise' HYPERPARAMETERS DEFAULT
         SETTINGS (S3_BUCKET 'b', s3_garbage_collect off, max_runtime 1500);"
    ), @"
    CREATE MODEL s.cust_cc_txn_fd_xg
    FROM (SELECT a, tx_fraud
    FROM t)
    TARGET tx_fraud
    FUNCTION fn_customer_cc_fd_xg
    IAM_ROLE default
    AUTO OFF
    MODEL_TYPE XGBOOST
    OBJECTIVE 'rank:pairwise'
    HYPERPARAMETERS DEFAULT
    SETTINGS (S3_BUCKET 'b', S3_GARBAGE_COLLECT OFF, MAX_RUNTIME 1500)
    ");
}

#[test]
fn create_model_of_kmeans() {
    assert_snapshot!(canonical(
        "CREATE MODEL news_data_clusters FROM (SELECT AvgTone, EventCode FROM gdelt_data)
         FUNCTION news_monitoring_cluster IAM_ROLE default AUTO OFF MODEL_TYPE KMEANS PREPROCESSORS 'none'
         HYPERPARAMETERS DEFAULT EXCEPT (K '7') SETTINGS (S3_BUCKET 'my-bucket');"
    ), @"
    CREATE MODEL news_data_clusters
    FROM (SELECT AvgTone, EventCode
    FROM gdelt_data)
    FUNCTION news_monitoring_cluster
    IAM_ROLE default
    AUTO OFF
    MODEL_TYPE KMEANS
    PREPROCESSORS 'none'
    HYPERPARAMETERS DEFAULT EXCEPT (K '7')
    SETTINGS (S3_BUCKET 'my-bucket')
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL customers_clusters FROM customers FUNCTION customers_cluster IAM_ROLE default AUTO OFF MODEL_TYPE KMEANS
         PREPROCESSORS '[ { \"ColumnSet\": [ \"*\" ], \"Transformers\": [ \"NumericPassthrough\" ] } ]'
         HYPERPARAMETERS DEFAULT EXCEPT ( K '5' ) SETTINGS (S3_BUCKET 'my-bucket');"
    ), @r#"
    CREATE MODEL customers_clusters
    FROM customers
    FUNCTION customers_cluster
    IAM_ROLE default
    AUTO OFF
    MODEL_TYPE KMEANS
    PREPROCESSORS '[ { "ColumnSet": [ "*" ], "Transformers": [ "NumericPassthrough" ] } ]'
    HYPERPARAMETERS DEFAULT EXCEPT (K '5')
    SETTINGS (S3_BUCKET 'my-bucket')
    "#);
    assert_snapshot!(canonical(
        "CREATE model s.housing_segments_k2 FROM(Select median_income, latitude From s.housing_prices)
         FUNCTION get_housing_segment_k2 IAM_ROLE default AUTO OFF MODEL_TYPE KMEANS
         HYPERPARAMETERS DEFAULT EXCEPT (K '2', init_method 'kmeans++') SETTINGS (S3_BUCKET 'b');"
    ), @"
    CREATE MODEL s.housing_segments_k2
    FROM (SELECT median_income, latitude
    FROM s.housing_prices)
    FUNCTION get_housing_segment_k2
    IAM_ROLE default
    AUTO OFF
    MODEL_TYPE KMEANS
    HYPERPARAMETERS DEFAULT EXCEPT (K '2', init_method 'kmeans++')
    SETTINGS (S3_BUCKET 'b')
    ");
}

#[test]
fn create_model_of_linear_learner_with_auto_off() {
    assert_snapshot!(canonical(
        "CREATE MODEL m FROM t TARGET y FUNCTION f AUTO OFF MODEL_TYPE LINEAR_LEARNER PROBLEM_TYPE REGRESSION
         HYPERPARAMETERS DEFAULT EXCEPT (l1 '0.1')"
    ), @"
    CREATE MODEL m
    FROM t
    TARGET y
    FUNCTION f
    AUTO OFF
    MODEL_TYPE LINEAR_LEARNER
    PROBLEM_TYPE REGRESSION
    HYPERPARAMETERS DEFAULT EXCEPT (l1 '0.1')
    ");
}

#[test]
fn create_model_of_another_algorithm() {
    assert_snapshot!(canonical(
        "CREATE MODEL m FROM t FUNCTION f AUTO OFF MODEL_TYPE Isolation_Forest OBJECTIVE 'Anomaly' HYPERPARAMETERS DEFAULT"
    ), @"
    CREATE MODEL m
    FROM t
    FUNCTION f
    AUTO OFF
    MODEL_TYPE ISOLATION_FOREST
    OBJECTIVE 'Anomaly'
    HYPERPARAMETERS DEFAULT
    ");
    assert_snapshot!(canonical("CREATE MODEL m FROM t FUNCTION f MODEL_TYPE Isolation_Forest"), @"
    CREATE MODEL m
    FROM t
    FUNCTION f
    MODEL_TYPE ISOLATION_FOREST
    ");
}

#[test]
fn create_model_of_forecast() {
    assert_snapshot!(canonical(
        "CREATE MODEL forecast_example FROM forecast_electricity_ TARGET target
         IAM_ROLE 'arn:aws:iam::<account-id>:role/<role-name>' AUTO ON MODEL_TYPE FORECAST
         SETTINGS (S3_BUCKET 'my-bucket', HORIZON 24, FREQUENCY 'H', PERCENTILES '0.25,0.50,0.75,mean', S3_GARBAGE_COLLECT OFF);"
    ), @"
    CREATE MODEL forecast_example
    FROM forecast_electricity_
    TARGET target
    IAM_ROLE 'arn:aws:iam::<account-id>:role/<role-name>'
    AUTO ON
    MODEL_TYPE FORECAST
    SETTINGS (S3_BUCKET 'my-bucket', S3_GARBAGE_COLLECT OFF, HORIZON 24, FREQUENCY 'H', PERCENTILES '0.25,0.50,0.75,mean')
    ");
    assert_snapshot!(canonical(
        "CREATE OR REPLACE MODEL forecast_sales_demand
         FROM (select item_id, invoice_date, quantity from web_retail_sales where invoice_date < '2020-10-31')
         TARGET quantity IAM_ROLE default AUTO ON MODEL_TYPE FORECAST OBJECTIVE 'AverageWeightedQuantileLoss'
         SETTINGS (S3_BUCKET 'my-bucket', HORIZON 5, FREQUENCY 'D', PERCENTILES '0.25,0.50,0.75,0.90,mean', S3_GARBAGE_COLLECT OFF);"
    ), @"
    CREATE OR REPLACE MODEL forecast_sales_demand
    FROM (SELECT item_id, invoice_date, quantity
    FROM web_retail_sales WHERE invoice_date < '2020-10-31')
    TARGET quantity
    IAM_ROLE default
    AUTO ON
    MODEL_TYPE FORECAST
    OBJECTIVE 'AverageWeightedQuantileLoss'
    SETTINGS (S3_BUCKET 'my-bucket', S3_GARBAGE_COLLECT OFF, HORIZON 5, FREQUENCY 'D', PERCENTILES '0.25,0.50,0.75,0.90,mean')
    ");
}

#[test]
fn create_model_from_a_training_job() {
    assert_snapshot!(canonical(
        "CREATE MODEL s.predict_abalone_age FROM 's3://bucket/path/model.tar.gz'
         FUNCTION predict_abalone_age ( int, int, float, float,float,float,float,float,float) RETURNS int IAM_ROLE 'arn'
         settings( S3_BUCKET 'b');"
    ), @"
    CREATE MODEL s.predict_abalone_age
    FROM 's3://bucket/path/model.tar.gz'
    FUNCTION predict_abalone_age (INT, INT, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT)
    RETURNS INT
    IAM_ROLE 'arn'
    SETTINGS (S3_BUCKET 'b')
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL s.predict_ticket_price_auto_20230624 FROM 'redshiftml-20221229211311236659'
         FUNCTION predict_ticket_price_auto_20230624 (float8, int8, varchar, timestamp, varchar)
         RETURNS float8 IAM_ROLE default SETTINGS ( S3_BUCKET 'b', KMS_KEY_ID 'k');"
    ), @"
    CREATE MODEL s.predict_ticket_price_auto_20230624
    FROM 'redshiftml-20221229211311236659'
    FUNCTION predict_ticket_price_auto_20230624 (FLOAT8, INT8, VARCHAR, TIMESTAMP, VARCHAR)
    RETURNS FLOAT8
    IAM_ROLE default
    SETTINGS (S3_BUCKET 'b', KMS_KEY_ID 'k')
    ");
}

#[test]
fn create_model_of_an_endpoint() {
    assert_snapshot!(canonical(
        "CREATE MODEL remote_customer_churn FUNCTION remote_fn_customer_churn_predict (varchar, int, float, float)
         RETURNS int SAGEMAKER 'customer-churn-endpoint' IAM_ROLE default;"
    ), @"
    CREATE MODEL remote_customer_churn
    FUNCTION remote_fn_customer_churn_predict (VARCHAR, INT, FLOAT, FLOAT)
    RETURNS INT
    SAGEMAKER 'customer-churn-endpoint'
    IAM_ROLE default
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL public.remote_random_cut_forest FUNCTION remote_fn_rcf(int) RETURNS decimal(10, 6)
         SAGEMAKER '<randomcutforest-xxxxxxxxx>':'model-1' IAM_ROLE default;"
    ), @"
    CREATE MODEL public.remote_random_cut_forest
    FUNCTION remote_fn_rcf (INT)
    RETURNS DECIMAL(10,6)
    SAGEMAKER '<randomcutforest-xxxxxxxxx>':'model-1'
    IAM_ROLE default
    ");
    assert_snapshot!(canonical(
        "CREATE MODEL sample_super_data_model FUNCTION sample_super_data_model_predict(super) RETURNS super
         SAGEMAKER 'sample_super_data_model_endpoint' IAM_ROLE default SETTINGS (MAX_BATCH_ROWS 1);"
    ), @"
    CREATE MODEL sample_super_data_model
    FUNCTION sample_super_data_model_predict (super)
    RETURNS super
    SAGEMAKER 'sample_super_data_model_endpoint'
    IAM_ROLE default
    SETTINGS (MAX_BATCH_ROWS 1)
    ");
}

#[test]
fn create_external_model() {
    assert_snapshot!(canonical(
        "CREATE EXTERNAL MODEL llm_claude FUNCTION llm_claude_func IAM_ROLE '<arn>' MODEL_TYPE BEDROCK
         SETTINGS ( MODEL_ID 'anthropic.claude-v2:1', PROMPT 'Summarize the following text:', SUFFIX 'Respond in an analytic tone');"
    ), @"
    CREATE EXTERNAL MODEL llm_claude
    FUNCTION llm_claude_func
    IAM_ROLE '<arn>'
    MODEL_TYPE BEDROCK
    SETTINGS (MODEL_ID 'anthropic.claude-v2:1', PROMPT 'Summarize the following text:', SUFFIX 'Respond in an analytic tone')
    ");
    assert_snapshot!(canonical(
        "CREATE EXTERNAL MODEL titan_raw FUNCTION func_titan_raw IAM_ROLE '<arn>' MODEL_TYPE BEDROCK
         SETTINGS ( MODEL_ID 'amazon.titan-text-express-v1', REQUEST_TYPE RAW, RESPONSE_TYPE SUPER);"
    ), @"
    CREATE EXTERNAL MODEL titan_raw
    FUNCTION func_titan_raw
    IAM_ROLE '<arn>'
    MODEL_TYPE BEDROCK
    SETTINGS (MODEL_ID 'amazon.titan-text-express-v1', REQUEST_TYPE RAW, RESPONSE_TYPE SUPER)
    ");
    assert_snapshot!(canonical(
        "CREATE OR REPLACE EXTERNAL MODEL p FUNCTION f MODEL_TYPE BEDROCK
         SETTINGS ( MODEL_ID 'anthropic.claude-v2', request_type unified, RESPONSE_TYPE SUPER);"
    ), @"
    CREATE OR REPLACE EXTERNAL MODEL p
    FUNCTION f
    MODEL_TYPE BEDROCK
    SETTINGS (MODEL_ID 'anthropic.claude-v2', REQUEST_TYPE UNIFIED, RESPONSE_TYPE SUPER)
    ");
}

#[test]
fn show_model() {
    assert_snapshot!(canonical("show model predict_rental_count;"), @"SHOW MODEL predict_rental_count");
    assert_snapshot!(canonical("SHOW MODEL s.\"Odd Name\""), @r#"SHOW MODEL s."Odd Name""#);
    assert_snapshot!(canonical("Show Model All"), @"SHOW MODEL ALL");
    assert_snapshot!(canonical("SHOW MODEL \"all\""), @r#"SHOW MODEL "all""#);
}

#[test]
fn drop_model() {
    assert_snapshot!(canonical("drop model s.m"), @"DROP MODEL s.m");
    assert_snapshot!(canonical("DROP MODEL IF EXISTS m"), @"DROP MODEL IF EXISTS m");
    assert_snapshot!(canonical("DROP MODEL if"), @"DROP MODEL if");
}

#[test]
fn explain_create_model() {
    let create = "CREATE OR REPLACE MODEL m FROM t TARGET y FUNCTION f";
    assert_snapshot!(canonical(&format!("explain {create}")), @"
    EXPLAIN CREATE OR REPLACE MODEL m
    FROM t
    TARGET y
    FUNCTION f
    ");
    assert_snapshot!(canonical(&format!("EXPLAIN ANALYZE VERBOSE {create}")), @"
    EXPLAIN ANALYZE VERBOSE CREATE OR REPLACE MODEL m
    FROM t
    TARGET y
    FUNCTION f
    ");
    assert_snapshot!(canonical(&format!("EXPLAIN FORMAT 'tree' {create}")), @"
    EXPLAIN FORMAT tree CREATE OR REPLACE MODEL m
    FROM t
    TARGET y
    FUNCTION f
    ");
}
