#!/usr/bin/env python3
"""Fixtures of scikit-learn for crates/algorithms/tests/linear_learner.rs, kmeans.rs and mlp.rs.

    sklearn_fixtures.py     writes crates/algorithms/tests/fixtures/linear_learner, kmeans and mlp

Coefficients are those of features standardised to zero mean and unit variance, written in the units of the features.
Needs scikit-learn 1.8 or later, numpy, pandas and pyarrow.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import ElasticNet, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "crates/algorithms/tests/fixtures"
ABALONE = ["length_", "diameter", "height", "whole", "shucked", "viscera", "shell"]
BANKNOTE = ["variance", "skewness", "curtosis", "entropy"]


def table(name, step):
    """Every `step`-th row."""
    return pd.read_parquet(ROOT / f"data/{name}.parquet").iloc[::step].reset_index(drop=True)


def regression(n, l1, l2):
    """The estimator that minimises 1/n sum of half squared error + l2/2 |w|^2 + l1 |w|_1."""
    if l1:
        return ElasticNet(alpha=l1 + l2, l1_ratio=l1 / (l1 + l2), tol=1e-14, max_iter=1_000_000)
    return Ridge(alpha=n * l2, solver="svd") if l2 else LinearRegression()


def classification(n, l1, l2):
    """The same with the mean cross entropy."""
    c = 1 / (n * (l1 + l2))
    if l1:
        return LogisticRegression(C=c, l1_ratio=l1 / (l1 + l2), solver="saga", tol=1e-10, max_iter=200_000, random_state=0)
    return LogisticRegression(C=c, solver="newton-cg", tol=1e-12, max_iter=10_000)


def linear(x, y, estimator, l1, l2):
    """What scikit-learn learns."""
    scaler = StandardScaler().fit(x)
    model = estimator(len(y), l1, l2).fit(scaler.transform(x), y)
    weights = np.atleast_2d(model.coef_) / scaler.scale_
    intercepts = np.atleast_1d(model.intercept_) - weights @ scaler.mean_
    return {"l1": l1, "l2": l2, "weights": weights.ravel().tolist(), "intercepts": intercepts.tolist()}


def write(folder, name, fixture):
    """One JSON file."""
    path = FIXTURES / folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
    print(path.relative_to(ROOT), path.stat().st_size)


def linear_learner():
    """Ridge, elastic net, logistic and softmax regression; and columns of which one is twice another, one constant."""
    for name, target, task, step, estimator, penalties in [
        ("abalone", "rings", "regression", 6, regression, [(0, 0), (0, 0.01), (0, 1), (0.05, 0), (0.3, 0), (0.2, 0.1)]),
        ("banknote", "class", "binary_classification", 3, classification, [(0, 0.01), (0, 1), (0.02, 0), (0.02, 0.01)]),
        ("abalone", "sex", "multiclass_classification", 6, classification, [(0, 0.001), (0, 0.1), (0.01, 0), (0.02, 0.01)]),
    ]:
        rows = table(name, step)
        x = rows[BANKNOTE if name == "banknote" else ABALONE].to_numpy()
        y = np.unique(rows[target], return_inverse=True)[1] if task == "multiclass_classification" else rows[target]
        y = np.asarray(y, dtype=float)
        cases = [linear(x, y, estimator, l1, l2) for l1, l2 in penalties]
        write("linear_learner", f"{name}_{target}", {"task": task, "columns": x.T.tolist(), "target": y.tolist(), "cases": cases})

    rows = table("abalone", 20)
    x = rows[["length_", "diameter", "whole"]].to_numpy()
    x = np.column_stack([x, 2 * x[:, 0], np.full(len(x), 3.0), x[:, 0] + x[:, 1]])
    y = rows["rings"].to_numpy(dtype=float)
    z = StandardScaler().fit_transform(x)
    cases = [{"l1": 0, "l2": l2, "predictions": regression(len(y), 0, l2).fit(z, y).predict(z).tolist()} for l2 in [0, 0.1]]
    write("linear_learner", "dependent", {"task": "regression", "columns": x.T.tolist(), "target": y.tolist(), "cases": cases})


def kmeans():
    """The best of 50 starts on standardised columns."""
    for name, features, step in [("abalone", ABALONE, 6), ("banknote", BANKNOTE, 2)]:
        x = StandardScaler().fit_transform(table(name, step)[features].to_numpy()).round(4)
        cases = []
        for k in [2, 3, 5]:
            model = KMeans(k, n_init=50, tol=0, max_iter=1000, random_state=0).fit(x)
            centroids = sorted(model.cluster_centers_.tolist())
            cases.append({"k": k, "inertia": model.inertia_, "centroids": sum(centroids, [])})
        write("kmeans", name, {"columns": x.T.tolist(), "cases": cases})


def mlp():
    """The RMSE or log loss on every fourth row of what is learned from the others, the mean of five seeds."""
    for name in ["abalone_rings", "banknote_class", "abalone_sex"]:
        fixture = json.loads((FIXTURES / f"linear_learner/{name}.json").read_text())
        x, y = np.array(fixture["columns"]).T, np.array(fixture["target"])
        is_test = np.arange(len(y)) % 4 == 0
        is_regression = fixture["task"] == "regression"

        def loss(estimator):
            model = estimator.fit(x[~is_test], y[~is_test])
            if is_regression:
                return root_mean_squared_error(y[is_test], model.predict(x[is_test]))
            return log_loss(y[is_test], model.predict_proba(x[is_test]))

        def network(seed):
            kind = MLPRegressor if is_regression else MLPClassifier
            layers = {"hidden_layer_sizes": (128, 64), "early_stopping": True, "n_iter_no_change": 20, "max_iter": 1000}
            return make_pipeline(StandardScaler(), kind(random_state=seed, **layers))

        boosting = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
        write("mlp", name, {
            "mlp": np.mean([loss(network(seed)) for seed in range(5)]),
            "hist_gradient_boosting": np.mean([loss(boosting(random_state=seed)) for seed in range(5)]),
        })


if __name__ == "__main__":
    linear_learner()
    kmeans()
    mlp()
