#!/usr/bin/env python3
"""Held-out quality of models made by dfml, beside Python xgboost and scikit-learn on the same rows and hyperparameters.

    compare_quality.py PATH_OF_DFML

Needs xgboost 3, scikit-learn, pandas and pyarrow. Every fourth row is held out.
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DATA = Path(__file__).resolve().parent.parent / "data"


def dfml(binary, folder, sql):
    """What the shell prints."""
    command = [binary, "--quiet", "--format", "csv", "--store", str(folder / "models"), "-c", sql]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def ours(binary, train, test, features, target, clauses, wanted):
    """What the model, function `f`, says of the test rows: `wanted` is an SQL expression."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train[features + [target]].to_parquet(folder / "train.parquet", index=False)
        test.assign(position=np.arange(len(test))).to_parquet(folder / "test.parquet", index=False)
        sql = f"CREATE MODEL m FROM (SELECT * FROM '{folder}/train.parquet') TARGET {target} FUNCTION f {clauses}; "
        sql += f"SELECT {wanted} AS answer FROM '{folder}/test.parquet' ORDER BY position"
        output = dfml(binary, folder, sql)
        return pd.read_csv(io.StringIO(output[output.index("answer\n"):]))["answer"].to_numpy()


def probability_of(label, features):
    """The probability of one label, wherever it stands in the sorted lists."""
    p = f"f_probabilities({', '.join(features)})"
    return f"CASE WHEN {p}['labels'][1] = '{label}' THEN {p}['probabilities'][1] ELSE {p}['probabilities'][2] END"


def codes(frame):
    """Texts as their rank, as dfml encodes them for trees."""
    return frame.apply(lambda c: c if pd.api.types.is_numeric_dtype(c) else c.astype("category").cat.codes)


def split(name):
    frame = pd.read_parquet(DATA / f"{name}.parquet")
    held_out = np.arange(len(frame)) % 4 == 3
    return frame, held_out


def report(name, measure, mine, theirs):
    print(f"{name:34} {measure:9} dfml {mine:.5f}   python {theirs:.5f}   difference {mine - theirs:+.5f}")


def binary_xgboost(binary, name, target, positive, hyperparameters, drop=()):
    frame, held_out = split(name)
    features = [c for c in frame.columns if c not in (target, *drop)]
    y = (frame[target].astype(str) == positive).astype(int)
    except_ = ", ".join(f"{k} '{v}'" for k, v in hyperparameters.items())
    clauses = "AUTO OFF MODEL_TYPE XGBOOST OBJECTIVE 'binary:logistic' PREPROCESSORS 'none' "
    clauses += f"HYPERPARAMETERS DEFAULT EXCEPT ({except_})"
    wanted = probability_of(positive, features)
    mine = ours(binary, frame[~held_out], frame[held_out], features, target, clauses, wanted)
    x = codes(frame[features])
    options = {"objective": "binary:logistic", "tree_method": "hist",
               **{k.lower(): v for k, v in hyperparameters.items() if k != "NUM_ROUND"}}
    model = xgb.train(options, xgb.DMatrix(x[~held_out], label=y[~held_out]), int(hyperparameters["NUM_ROUND"]))
    theirs = model.predict(xgb.DMatrix(x[held_out]))
    truth = y[held_out]
    report(f"{name} {hyperparameters}"[:34], "AUC", roc_auc_score(truth, mine), roc_auc_score(truth, theirs))
    report("", "accuracy", accuracy_score(truth, mine > 0.5), accuracy_score(truth, theirs > 0.5))
    return x, y, held_out, features, frame


def main():
    binary = sys.argv[1]
    churn = ("customer_activity", "churn", "True.")
    binary_xgboost(binary, *churn, {"NUM_ROUND": "100"}, drop=("record_date",))
    binary_xgboost(binary, *churn, {"NUM_ROUND": "100", "ETA": "0.1", "MAX_DEPTH": "4"}, drop=("record_date",))
    x, y, held_out, features, frame = binary_xgboost(binary, "banknote", "class", "1", {"NUM_ROUND": "100"})

    clauses = "AUTO OFF MODEL_TYPE LINEAR_LEARNER HYPERPARAMETERS DEFAULT"
    wanted = probability_of("1", features)
    mine = ours(binary, frame[~held_out], frame[held_out], features, "class", clauses, wanted)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e6 / (~held_out).sum(), max_iter=1000))
    theirs = model.fit(x[~held_out], y[~held_out]).predict_proba(x[held_out])[:, 1]
    report("banknote linear_learner", "AUC", roc_auc_score(y[held_out], mine), roc_auc_score(y[held_out], theirs))

    frame, held_out = split("abalone")
    frame["rings"] = frame["rings"].astype(float)
    features = [c for c in frame.columns if c != "rings"]
    x, y = codes(frame[features]), frame["rings"]
    rmse = lambda answer: mean_squared_error(y[held_out], answer) ** 0.5
    call = f"f({', '.join(features)})"
    clauses = "AUTO OFF MODEL_TYPE XGBOOST OBJECTIVE 'reg:squarederror' PREPROCESSORS 'none' "
    clauses += "HYPERPARAMETERS DEFAULT EXCEPT (NUM_ROUND '100', ETA '0.1', MAX_DEPTH '4')"
    mine = ours(binary, frame[~held_out], frame[held_out], features, "rings", clauses, call)
    options = {"objective": "reg:squarederror", "eta": 0.1, "max_depth": 4, "tree_method": "hist"}
    theirs = xgb.train(options, xgb.DMatrix(x[~held_out], label=y[~held_out]), 100).predict(xgb.DMatrix(x[held_out]))
    report("abalone xgboost", "RMSE", rmse(mine), rmse(theirs))
    clauses = "AUTO OFF MODEL_TYPE LINEAR_LEARNER HYPERPARAMETERS DEFAULT"
    mine = ours(binary, frame[~held_out], frame[held_out], features, "rings", clauses, call)
    hot = pd.get_dummies(frame[features], dtype=float)
    theirs = make_pipeline(StandardScaler(), Ridge(alpha=1e-3)).fit(hot[~held_out], y[~held_out]).predict(hot[held_out])
    report("abalone linear_learner", "RMSE", rmse(mine), rmse(theirs))


if __name__ == "__main__":
    main()
