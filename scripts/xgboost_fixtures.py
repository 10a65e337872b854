#!/usr/bin/env python3
"""Fixtures of the real XGBoost for crates/algorithms/tests/xgboost.rs, and the check of what that test exports.

    xgboost_fixtures.py                     trains and writes crates/algorithms/tests/fixtures/xgboost
    xgboost_fixtures.py --check-export DIR  loads the models in DIR with XGBoost and compares their margins with ours;
                                            the test writes DIR: <target>/tmp/xgboost_export

Needs xgboost 3, numpy, pandas and pyarrow.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "crates/algorithms/tests/fixtures/xgboost"


def columns(x):
    """Column by column, None for missing."""
    return [[None if np.isnan(v) else float(v) for v in column] for column in x.T]


def synthetic():
    """Few distinct values per feature, so that the bins of both engines are the same; some values missing."""
    rng = np.random.default_rng(5)
    n = 600
    x = rng.integers(0, 30, size=(n, 5)).astype(np.float32)
    x[:, 4] = rng.integers(0, 2, n)
    s = np.sin(x[:, 0] / 5) + x[:, 1] / 20 * (x[:, 4] - 0.4) + rng.normal(size=n) * 0.3
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, 2] = np.where(np.isnan(x[:, 2]), 3, x[:, 2])
    x[s > 1.2, 3] = np.nan
    s = s.astype(np.float32)
    labels = {
        "real": s,
        "positive": np.maximum(s, 0),
        "unit": np.clip(s, 0, 1),
        "binary": (s > 0.3).astype(np.float32),
        "classes": np.digitize(s, [-0.5, 0.2, 0.8]).astype(np.float32),
    }
    return x, labels


CASES = [
    ("squarederror", "real", {"objective": "reg:squarederror"}),
    ("base_score", "real", {"objective": "reg:squarederror", "base_score": 0.7}),
    ("gamma", "real", {"objective": "reg:squarederror", "gamma": 1.0, "min_child_weight": 8}),
    ("alpha", "real", {"objective": "reg:squarederror", "alpha": 3.0, "lambda": 0.5}),
    ("max_delta_step", "real", {"objective": "reg:squarederror", "max_delta_step": 0.1}),
    ("lossguide", "real", {"objective": "reg:squarederror", "grow_policy": "lossguide", "max_leaves": 7, "max_depth": 0}),
    ("squaredlogerror", "positive", {"objective": "reg:squaredlogerror"}),
    ("reg_logistic", "unit", {"objective": "reg:logistic"}),
    ("pseudohuber", "real", {"objective": "reg:pseudohubererror"}),
    ("tweedie", "positive", {"objective": "reg:tweedie", "tweedie_variance_power": 1.3}),
    ("logistic", "binary", {"objective": "binary:logistic"}),
    ("scale_pos_weight", "binary", {"objective": "binary:logistic", "scale_pos_weight": 3.0}),
    ("hinge", "binary", {"objective": "binary:hinge"}),
    ("softprob", "classes", {"objective": "multi:softprob", "num_class": 4}),
]
ROUNDS = 5


def categories():
    """Two categorical features, of 70 and 3 categories, and a number, some missing; with them, a target."""
    rng = np.random.default_rng(6)
    n = 1500
    x = np.stack([rng.integers(0, 70, n), rng.integers(0, 3, n), rng.integers(0, 20, n)], axis=1).astype(np.float32)
    effects = rng.normal(size=70)
    y = effects[x[:, 0].astype(int)] * np.where(x[:, 1] == 2, -1, 1) + x[:, 2] / 10 + rng.normal(size=n) * 0.1
    x[rng.random(x.shape) < 0.05] = np.nan
    return x, y.astype(np.float32), ["c", "c", "q"]


def margins(booster, x):
    data = xgb.DMatrix(x, feature_names=booster.feature_names)
    out = booster.predict(data, output_margin=True)
    return [float(v) for v in out.reshape(len(x), -1).T.ravel()]


def write(name, value):
    (OUT / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def tables():
    """The project's data sets as (name, features, feature names, target, objective)."""
    for name, target, objective in [
        ("banknote", "class", "binary:logistic"),
        ("abalone", "rings", "reg:squarederror"),
        ("customer_activity", "churn", "binary:logistic"),
    ]:
        frame = pd.read_parquet(ROOT / f"data/{name}.parquet").drop(columns="record_date", errors="ignore")
        y = frame.pop(target)
        y = y.astype(np.float32) if name != "customer_activity" else y.astype(str).str.contains("rue|1").astype(np.float32)
        for column in frame.columns:
            if not pd.api.types.is_numeric_dtype(frame[column]):
                frame[column] = frame[column].astype("category").cat.codes.astype(np.float32)
        yield name, frame.to_numpy(dtype=np.float32), list(frame.columns), y.to_numpy(), objective


def generate():
    OUT.mkdir(parents=True, exist_ok=True)
    x, labels = synthetic()
    cases = []
    for name, label, params in CASES:
        booster = xgb.train({"max_depth": 4, "nthread": 1, **params}, xgb.QuantileDMatrix(x, labels[label]), ROUNDS)
        booster.save_model(OUT / f"{name}.json")
        if name in ("logistic", "softprob"):
            booster.save_model(OUT / f"{name}.ubj")
        given = {k: str(v) for k, v in params.items() if k not in ("objective", "num_class")}
        cases.append({
            "name": name, "label": label, "objective": params["objective"].replace("softprob", "softmax"),
            "options": {"max_depth": "4", "num_round": str(ROUNDS), **given}, "margins": margins(booster, x[:100]),
        })
    write("synthetic.json", {
        "columns": columns(x), "labels": {k: [float(v) for v in y] for k, y in labels.items()}, "cases": cases,
    })
    x, y, types = categories()
    booster = xgb.train({"max_depth": 5, "max_cat_to_onehot": 4, "nthread": 1},
                        xgb.QuantileDMatrix(x, y, feature_types=types, enable_categorical=True), ROUNDS)
    booster.save_model(OUT / "categories.json")
    booster.save_model(OUT / "categories.ubj")
    # Beside categories that were learned, those that were not, and what is no category.
    others = np.full((12, 3), 1, dtype=np.float32)
    others[:, 0] = [70, 95, 96, 1000, 16777215, 16777216, 1e30, -1, -0.5, -0.0, 2.75, np.nan]
    rows = np.concatenate([x[:90], others])
    write("categories.expected.json", {"columns": columns(rows), "margins": margins(booster, rows)})
    for name, x, names, y, objective in tables():
        booster = xgb.train({"objective": objective, "max_depth": 4}, xgb.DMatrix(x, y, feature_names=names), 10)
        booster.save_model(OUT / f"{name}.json")
        rows = x[:: max(1, len(x) // 60)][:60]
        write(f"{name}.expected.json", {"columns": columns(rows), "margins": margins(booster, rows)})
    # What cannot be imported.
    x, labels = synthetic()
    y = labels["real"]
    small = {"max_depth": 1, "objective": "reg:squarederror"}
    xgb.train({**small, "booster": "dart"}, xgb.DMatrix(x, y), 1).save_model(OUT / "unsupported_dart.json")
    xgb.train({"booster": "gblinear"}, xgb.DMatrix(x, y), 1).save_model(OUT / "unsupported_gblinear.json")
    xgb.train({**small, "objective": "reg:absoluteerror"}, xgb.DMatrix(x, y), 1).save_model(
        OUT / "unsupported_objective.json")
    xgb.train({**small, "multi_strategy": "multi_output_tree"}, xgb.DMatrix(x, np.stack([y, y * 2], axis=1)), 1).save_model(
        OUT / "unsupported_targets.json")
    size = sum(path.stat().st_size for path in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} files, {size:,} bytes")


def check_export(folder):
    names = sorted(path.name.removesuffix(".expected.json") for path in folder.glob("*.expected.json"))
    if not names:
        sys.exit(f"no *.expected.json in {folder}; run the test first")
    worst = 0.0
    for name in names:
        expected = json.loads((folder / f"{name}.expected.json").read_text())
        x = np.array(expected["columns"], dtype=np.float32).T
        for suffix in ("json", "ubj"):
            booster = xgb.Booster(model_file=folder / f"{name}.{suffix}")
            ours, theirs = np.array(expected["margins"]), np.array(margins(booster, x))
            difference = float(np.max(np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))))
            worst = max(worst, difference)
            print(f"{name}.{suffix}: {len(ours)} margins, largest relative difference {difference:.1e}")
    if not worst <= 2e-6:
        sys.exit("XGBoost predicts something else than we do")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check-export"] and len(sys.argv) == 3:
        check_export(Path(sys.argv[2]))
    elif len(sys.argv) == 1:
        generate()
    else:
        sys.exit(__doc__)
