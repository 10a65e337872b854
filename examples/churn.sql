-- Who will leave? Three models of a telecom operator's customers, trained from one Parquet file.
-- Run it with: cargo run -- -f examples/churn.sql

CREATE EXTERNAL TABLE IF NOT EXISTS customer_activity STORED AS PARQUET LOCATION 'data/customer_activity.parquet';

-- Customers up to July 2020 are learned from; the later ones show how well that went.
CREATE OR REPLACE VIEW customers AS
SELECT *, record_date >= '2020-08-01' AS is_new FROM customer_activity;

-- 1. Gradient boosting. Text columns need no preparation.
CREATE OR REPLACE MODEL customer_churn
FROM (
    SELECT state, account_length, intl_plan, vmail_plan, vmail_message, day_mins, eve_mins, night_mins,
           intl_mins, intl_calls, cust_serv_calls, churn
    FROM customers WHERE NOT is_new
)
TARGET churn FUNCTION predict_churn IAM_ROLE default
AUTO OFF MODEL_TYPE XGBOOST OBJECTIVE 'binary:logistic' PREPROCESSORS 'none'
HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '100', ETA '0.1')
SETTINGS (S3_BUCKET 'churn-models');

-- 2. Logistic regression on the same question.
CREATE OR REPLACE MODEL customer_churn_linear
FROM (
    SELECT intl_plan, vmail_plan, day_mins, eve_mins, night_mins, intl_mins, cust_serv_calls, churn
    FROM customers WHERE NOT is_new
)
TARGET churn FUNCTION predict_churn_linear
AUTO OFF MODEL_TYPE LINEAR_LEARNER HYPERPARAMETERS DEFAULT;

-- 3. Four kinds of callers.
CREATE OR REPLACE MODEL caller_segments
FROM (SELECT day_mins, eve_mins, night_mins, intl_mins FROM customers)
FUNCTION segment
AUTO OFF MODEL_TYPE KMEANS
PREPROCESSORS '[{"ColumnSet": ["*"], "Transformers": ["StandardScaler"]}]'
HYPERPARAMETERS DEFAULT EXCEPT (K '4');

-- Predictions beside the truth.
SELECT state, day_mins, cust_serv_calls, churn AS truth,
       predict_churn(state, account_length, intl_plan, vmail_plan, vmail_message, day_mins, eve_mins, night_mins,
                     intl_mins, intl_calls, cust_serv_calls) AS xgboost,
       predict_churn_linear(intl_plan, vmail_plan, day_mins, eve_mins, night_mins, intl_mins, cust_serv_calls) AS linear
FROM customers WHERE is_new ORDER BY record_date, state, day_mins LIMIT 8;

-- The confusion matrix of the later customers, in plain SQL.
WITH scored AS (
    SELECT churn, predict_churn(state, account_length, intl_plan, vmail_plan, vmail_message, day_mins, eve_mins,
                                night_mins, intl_mins, intl_calls, cust_serv_calls) AS predicted
    FROM customers WHERE is_new
)
SELECT churn AS truth,
       count(*) FILTER (WHERE predicted = 'False.') AS predicted_false,
       count(*) FILTER (WHERE predicted = 'True.') AS predicted_true
FROM scored GROUP BY churn ORDER BY churn;

-- How sure the model is of five customers who called the service most.
WITH scored AS (
    SELECT state, cust_serv_calls, day_mins, churn,
           predict_churn_probabilities(state, account_length, intl_plan, vmail_plan, vmail_message, day_mins, eve_mins,
                                       night_mins, intl_mins, intl_calls, cust_serv_calls) AS p
    FROM customers WHERE is_new
)
SELECT state, cust_serv_calls, day_mins, churn AS truth,
       p.labels[0] AS label, round(p.probabilities[0], 3) AS probability
FROM scored ORDER BY cust_serv_calls DESC, state, day_mins LIMIT 5;

-- Why: the three columns that moved each of these predictions most, in log-odds.
WITH scored AS (
    SELECT state, cust_serv_calls, day_mins,
           predict_churn_explain(state, account_length, intl_plan, vmail_plan, vmail_message, day_mins, eve_mins,
                                 night_mins, intl_mins, intl_calls, cust_serv_calls).contributions AS why
    FROM customers WHERE is_new
)
SELECT state, cust_serv_calls, day_mins,
       why[0].feature || ' = ' || why[0].value AS first, round(why[0].contribution, 2) AS by_1,
       why[1].feature || ' = ' || why[1].value AS second, round(why[1].contribution, 2) AS by_2,
       why[2].feature || ' = ' || why[2].value AS third, round(why[2].contribution, 2) AS by_3
FROM scored ORDER BY cust_serv_calls DESC, state, day_mins LIMIT 5;

-- Which columns matter to the model as a whole.
SELECT explain_model('customer_churn') AS report;

-- Who the four kinds of callers are, and how many of each kind left.
SELECT segment(day_mins, eve_mins, night_mins, intl_mins) AS caller, count(*) AS customers,
       round(avg(day_mins)) AS day_mins, round(avg(eve_mins)) AS eve_mins, round(avg(night_mins)) AS night_mins,
       round(100.0 * count(*) FILTER (WHERE churn = 'True.') / count(*), 1) AS churn_percent
FROM customers GROUP BY caller ORDER BY caller;

SHOW MODEL customer_churn;
