#!/usr/bin/env python3
"""Shapley values by PyPI's shap and by XGBoost itself for crates/algorithms/tests/xgboost_shapley.rs.

    shap_fixtures.py              explains rows with models of fixtures/xgboost, and with one of three classes that it
                                  trains, and writes crates/algorithms/tests/fixtures/shap
    shap_fixtures.py --time DIR   times both on what `cargo bench --bench shapley` left in DIR, on one thread

Needs xgboost 3, shap, numpy, pandas and pyarrow.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import shap
import xgboost as xgb

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "crates/algorithms/tests/fixtures/xgboost"
OUT = ROOT / "crates/algorithms/tests/fixtures/shap"


def columns(x):
    """Column by column, None for missing."""
    return [[None if np.isnan(v) else float(v) for v in column] for column in x.T]


def given(name):
    """The rows of a fixture of xgboost_fixtures.py."""
    table = json.loads((MODELS / name).read_text())["columns"]
    return np.array([[np.nan if v is None else v for v in column] for column in table], dtype=np.float32).T


def explainer(booster):
    """shap's own algorithm, in double precision; left alone, it would hand the work to XGBoost."""
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    explainer.model.model_type = "internal"
    return explainer


def by_shap(explainer, x, classes):
    """`values[row][output][feature]`."""
    values = np.asarray(explainer.shap_values(x.astype(np.float64), check_additivity=False), dtype=np.float64)
    return values.transpose(0, 2, 1) if classes > 1 else values.reshape(len(x), 1, -1)


def by_xgboost(booster, x):
    """`values[row][output][feature]` with the base behind the features."""
    data = xgb.DMatrix(
        x, feature_names=booster.feature_names, feature_types=booster.feature_types, enable_categorical=True
    )
    values = booster.predict(data, pred_contribs=True, strict_shape=True)
    return values.astype(np.float64)


def explain(name, booster, x, classes=1):
    values, other = by_shap(explainer(booster), x, classes), by_xgboost(booster, x)
    difference = np.abs(values - other[:, :, :-1]).max()
    assert difference < 2e-6, (name, difference)
    print(f"{name}: shap and XGBoost differ by {difference:.1e}")
    write(name, x, other[0, :, -1], values)


def write(name, x, base, values):
    (OUT / f"{name}.json").write_text(json.dumps({
        "columns": columns(x),
        "base": [float(v) for v in base],
        "values": [float(v) for v in values.ravel()],
    }, separators=(",", ":")) + "\n")


def load(name):
    booster = xgb.Booster()
    booster.load_model(MODELS / f"{name}.json")
    return booster


def abalone_sex():
    frame = pd.read_parquet(ROOT / "data/abalone.parquet").drop(columns="record_date", errors="ignore")
    y = frame.pop("sex").astype("category").cat.codes.to_numpy()
    x = frame.to_numpy(dtype=np.float32)
    params = {"max_depth": 4, "nthread": 1, "objective": "multi:softprob", "num_class": 3}
    booster = xgb.train(params, xgb.DMatrix(x, y), 5)
    booster.save_model(OUT / "abalone_sex.model.json")
    return booster, x


def generate():
    OUT.mkdir(parents=True, exist_ok=True)
    for name in ("banknote", "abalone"):
        explain(name, load(name), given(f"{name}.expected.json")[:12])
    synthetic = given("synthetic.json")[:12]
    for name in ("logistic", "tweedie", "reg_logistic", "lossguide"):
        explain(name, load(name), synthetic)
    explain("softprob", load("softprob"), synthetic, 4)
    # shap's own algorithm does not know categories.
    rows = given("categories.expected.json")[:40]
    values = by_xgboost(load("categories"), rows)
    write("categories", rows, values[0, :, -1], values[:, :, :-1])
    booster, x = abalone_sex()
    explain("abalone_sex", booster, x[::400], 3)


def measure(directory):
    booster = xgb.Booster()
    booster.load_model(directory / "shapley.json")
    booster.set_param({"nthread": 1})
    features = booster.num_features()
    x = np.fromfile(directory / "shapley.f32", dtype=np.float32).reshape(features, -1).T[:500].copy()
    ours = explainer(booster)
    for name, run in [
        ("shap", lambda: by_shap(ours, x, 1)),
        ("xgboost pred_contribs", lambda: by_xgboost(booster, x)),
    ]:
        times = []
        for _ in range(3):
            start = time.process_time()
            run()
            times.append(time.process_time() - start)
        print(f"{name}: {min(times) / len(x) * 1e6:.0f} microseconds of CPU time per row")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--time"]:
        measure(Path(sys.argv[2]))
    else:
        generate()
