-- The statements that wrote this store, from the project's root, with --store data/artifacts/v1.
CREATE EXTERNAL TABLE banknote STORED AS PARQUET LOCATION 'data/banknote.parquet';
CREATE EXTERNAL TABLE abalone STORED AS PARQUET LOCATION 'data/abalone.parquet';
CREATE MODEL forged FROM banknote TARGET class FUNCTION forged AUTO OFF MODEL_TYPE XGBOOST OBJECTIVE 'binary:logistic'
    PREPROCESSORS 'none' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '8', MAX_DEPTH '4');
CREATE MODEL kinds FROM (SELECT variance, skewness, curtosis, entropy FROM banknote) FUNCTION kind AUTO OFF MODEL_TYPE KMEANS
    PREPROCESSORS '[{"ColumnSet": ["*"], "Transformers": ["StandardScaler"]}]' HYPERPARAMETERS DEFAULT EXCEPT (K '3');
CREATE MODEL rings FROM (SELECT sex, length_, whole, shell, rings + 0.5 AS rings FROM abalone) TARGET rings FUNCTION rings_of
    AUTO OFF MODEL_TYPE XGBOOST OBJECTIVE 'reg:tweedie' HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '20', ETA '0.1', MAX_DEPTH '3');
CREATE MODEL sexes FROM (SELECT length_, diameter, whole, sex FROM abalone) TARGET sex FUNCTION sex_of
    AUTO OFF MODEL_TYPE LINEAR_LEARNER HYPERPARAMETERS DEFAULT;
