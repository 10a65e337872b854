#!/usr/bin/env python3
"""Generates what the benchmarks learn from and score.

    data.py --work DIR [--scale 1.0] [--only NAME,NAME ...]

Writes `<name>_train.parquet` and `<name>_test.parquet` (snappy; target `y`), `<name>.json` that describes them, and
for the suite `scoring` models of Python xgboost, `model_<name>.json`, and `<name>.f32`: the held-out features as raw
little-endian single precision, column after column. Without --only, everything but `scaling_50m`. The same scale gives
the same tables: every block of rows has a seed of its own.
"""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cases import FORESTS, MAX_BIN, MIN_CHILD_WEIGHT

ROW_GROUP = 131_072
REAL_TABLES = Path(__file__).resolve().parent.parent / "data"


@dataclass(frozen=True)
class DataSet:
    """A generated table. `draw(random, rows)` gives its columns by name."""

    title: str
    task: str
    draw: Callable
    train_rows: int
    test_rows: int
    seed: int
    classes: int = 0
    """Classes of a `multiclass` task."""


def normals(random, rows, width, dtype=np.float32):
    """Columns of independent standard normals."""
    return [random.standard_normal(rows, dtype) for _ in range(width)]


def named(columns, **more):
    return {**{f"f{i}": column for i, column in enumerate(columns)}, **more}


def coin(random, margin):
    """1 with the probability that the margin is the log odds of, else 0."""
    return (random.random(len(margin)) < 1 / (1 + np.exp(-margin))).astype(np.int32)


def higgs(random, rows):
    """Dense and continuous, some columns skewed and a quarter of them products of others, as in HIGGS."""
    x = normals(random, rows, 28)
    x[3], x[7], x[11] = np.exp(x[3]), np.abs(x[7]), random.gamma(2, 1, rows).astype(np.float32)
    x[21:] = [x[i] * x[i + 7] + np.float32(0.5) * x[i + 21] for i in range(7)]
    z = x[0] * x[1] + 0.7 * np.sin(2 * x[2]) + 0.5 * (x[3] > 1.2) * x[4] + 0.6 * np.abs(x[5]) - 0.35
    z += 0.4 * x[22] * (x[8] > 0) + 0.3 * x[9] - 0.25 * x[10] ** 2 + 0.2 * x[12] * x[13] * x[14]
    return named(x, y=coin(random, 1.2 * z))


def higgs_features(random, rows):
    columns = higgs(random, rows)
    del columns["y"]
    return columns


def missing(random, rows):
    """Doubles and, every fifth, small integers; a fifth of all values NULL, which two columns are more often where the
    target is high (5.4 is about its median)."""
    integers = dict(zip(range(4, 50, 5), (2, 3, 5, 8, 12, 16, 24, 32, 50, 100), strict=True))
    x = [
        random.integers(0, integers[i], rows, np.int32)
        if i in integers
        else random.standard_normal(rows) * (1 + i % 7) + i % 3
        for i in range(50)
    ]
    z = x[0] * 0.8 + 2 * np.sin(x[1]) + (x[4] == 1) * x[2] + 0.2 * x[3] * (x[9] > 1) + 0.5 * np.abs(x[5])
    z += 0.1 * x[6] * x[7] + 0.3 * (x[14] - 2) + np.log1p(np.abs(x[8])) + 0.05 * x[39] + 0.5 * np.tanh(x[10] * x[11])
    y = z + random.standard_normal(rows)
    share = [np.where(y > 5.4, 0.3, 0.1) if i in (0, 5) else 0.2 for i in range(50)]
    return named([pa.array(column, mask=random.random(rows) < share[i]) for i, column in enumerate(x)], y=y)


def cover(random, rows):
    """Ten integer columns, and two categories as 4 and 40 columns of 0 and 1, as in Covertype; 7 classes."""
    numbers = [
        (random.normal(2800, 280, rows), 2800, 280),
        (random.uniform(0, 360, rows), 180, 104),
        (random.gamma(3, 5, rows), 15, 8.7),
        (random.gamma(2, 130, rows), 260, 184),
        (random.normal(46, 58, rows), 46, 58),
        (random.gamma(2, 1100, rows), 2200, 1556),
        (random.normal(212, 27, rows).clip(0, 254), 212, 27),
        (random.normal(223, 20, rows).clip(0, 254), 223, 20),
        (random.normal(142, 38, rows).clip(0, 254), 142, 38),
        (random.gamma(2, 1000, rows), 2000, 1414),
    ]
    z = np.stack([(column - mean) / deviation for column, mean, deviation in numbers], axis=1)
    soil_shares = 1 / np.arange(1, 41)
    area = random.choice(4, rows, p=(0.45, 0.05, 0.44, 0.06))
    soil = random.choice(40, rows, p=soil_shares / soil_shares.sum())
    weights = np.random.default_rng(3)
    of_numbers, of_area = weights.standard_normal((10, 7)) * 0.6, weights.standard_normal((4, 7))
    of_soil, of_wave, of_product = (weights.standard_normal((n, 7)) for n in (40, 1, 1))
    logits = z @ of_numbers + of_area[area] + 0.8 * of_soil[soil]
    logits += 0.8 * np.sin(1.5 * z[:, [0]] * of_wave) + 0.5 * z[:, [0]] * z[:, [5]] * of_product
    y = (1.6 * logits + random.gumbel(size=logits.shape)).argmax(1).astype(np.int32)
    columns = [np.rint(column).astype(np.int32) for column, _, _ in numbers]
    columns += [(area == i).astype(np.int32) for i in range(4)] + [(soil == i).astype(np.int32) for i in range(40)]
    return named(columns, y=y)


def scaling(random, rows):
    x = normals(random, rows, 20)
    return named(x, y=coin(random, x[0] * x[1] + np.sin(2 * x[2]) + 0.5 * np.abs(x[3]) * x[4] + 0.3 * x[5] - 0.2))


def correlated(random, rows):
    """20 doubles, each sharing a little with the one before."""
    x = normals(random, rows, 20, np.float64)
    return [x[i] + 0.5 * x[i - 1] for i in range(20)]


def weighted_sum(x, outputs):
    """Fixed weights times the columns: rows x outputs."""
    return np.stack(x, axis=1) @ np.random.default_rng(4).normal(0, 0.4, (20, outputs))


def linear(random, rows):
    x = correlated(random, rows)
    return named(x, y=3 + weighted_sum(x, 1)[:, 0] + random.standard_normal(rows))


def logistic(random, rows):
    x = correlated(random, rows)
    return named(x, y=coin(random, weighted_sum(x, 1)[:, 0] - 0.5))


def softmax(random, rows):
    x = correlated(random, rows)
    logits = weighted_sum(x, 5)
    return named(x, y=(logits + random.gumbel(size=logits.shape)).argmax(1).astype(np.int32))


def clusters(random, rows):
    """Ten overlapping round clusters; no target."""
    centers = np.random.default_rng(5).normal(0, 0.8, (10, 20))
    return named((centers[random.integers(0, 10, rows)] + random.standard_normal((rows, 20))).T)


DATA_SETS = {
    "higgs": DataSet("dense, 28 features, two classes", "binary", higgs, 1_000_000, 200_000, 1),
    "missing": DataSet("20 % NULL, 50 features, regression", "regression", missing, 500_000, 100_000, 2),
    "cover": DataSet("one-hot columns, 54 features, 7 classes", "multiclass", cover, 300_000, 200_000, 3, 7),
    "scoring": DataSet("28 features", "regression", higgs_features, 0, 5_000_000, 4),
    "scaling_1m": DataSet("20 features, two classes", "binary", scaling, 1_000_000, 100_000, 5),
    "scaling_10m": DataSet("20 features, two classes", "binary", scaling, 10_000_000, 100_000, 5),
    "scaling_50m": DataSet("20 features, two classes", "binary", scaling, 50_000_000, 100_000, 5),
    "linear": DataSet("20 features, least squares", "regression", linear, 1_000_000, 100_000, 6),
    "logistic": DataSet("20 features, logistic regression", "binary", logistic, 1_000_000, 100_000, 7),
    "softmax": DataSet("20 features, softmax, 5 classes", "multiclass", softmax, 1_000_000, 100_000, 8, 5),
    "clusters": DataSet("20 features, 10 clusters, 20 iterations", "clustering", clusters, 1_000_000, 100_000, 9),
}


def generate(folder, name, scale):
    data = DATA_SETS[name]
    rows = {"train": round(data.train_rows * scale), "test": round(data.test_rows * scale)}
    for part_number, (part, count) in enumerate(rows.items()):
        writer = None
        for start in range(0, count, ROW_GROUP):
            random = np.random.default_rng([data.seed, part_number, start // ROW_GROUP])
            table = pa.table(data.draw(random, min(ROW_GROUP, count - start)))
            writer = writer or parquet_writer(folder / f"{name}_{part}.parquet", table.schema)
            writer.write_table(table, row_group_size=ROW_GROUP)
        if writer:
            writer.close()
    describe(folder, name, data.title, data.task, data.classes, rows, table.column_names)


def parquet_writer(path, schema):
    """Dictionaries for integers and texts alone: doubles hardly repeat."""
    dictionaries = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return pq.ParquetWriter(path, schema, compression="snappy", use_dictionary=dictionaries)


def describe(folder, name, title, task, classes, rows, columns):
    features = [column for column in columns if column != "y"]
    description = {"title": title, "task": task, "classes": classes, "rows": rows, "features": features}
    (folder / f"{name}.json").write_text(json.dumps(description))


def copy_real_table(folder, name, file, target, positive, left_out, title):
    """Every fourth row is held out; the target becomes 1 for `positive`, else 0."""
    table = pq.read_table(REAL_TABLES / file)
    y = np.array([value == positive for value in table[target].to_pylist()], np.int32)
    table = table.drop_columns([target, *left_out]).append_column("y", pa.array(y)).replace_schema_metadata()
    is_test = np.arange(len(y)) % 4 == 3
    parts = {"train": table.filter(pa.array(~is_test)), "test": table.filter(pa.array(is_test))}
    for part, rows in parts.items():
        pq.write_table(rows, folder / f"{name}_{part}.parquet")
    rows = {part: rows.num_rows for part, rows in parts.items()}
    describe(folder, name, title, "binary", 0, rows, table.column_names)


def churn(folder):
    title = "19 features, of which 3 are texts, two classes"
    copy_real_table(folder, "churn", "customer_activity.parquet", "churn", "True.", ["record_date"], title)


def banknote(folder):
    copy_real_table(folder, "banknote", "banknote.parquet", "class", 1, [], "4 features, two classes")


def with_missing(matrix, share, seed):
    """A copy in which a share of the values is NaN."""
    return np.where(np.random.default_rng(seed).random(matrix.shape) < share, np.float32("nan"), matrix)


def features(folder, name, part, rows=None):
    """Features as a matrix of single precision."""
    table = pq.read_table(folder / f"{name}_{part}.parquet").slice(0, rows)
    columns = [table[column].to_numpy().astype(np.float32) for column in table.column_names if column != "y"]
    return np.stack(columns, axis=1), table["y"].to_numpy()


def forests(folder, scale):
    """Models of `scoring`, trained with 1 % of the values missing, and the columns that they score."""
    import xgboost

    for name, forest in FORESTS.items():
        classes = DATA_SETS[forest.data].classes
        x, y = features(folder, forest.data, "train", round(forest.rows * scale))
        options = {
            "objective": "multi:softprob" if classes else "binary:logistic",
            **({"num_class": classes} if classes else {}),
            "tree_method": "hist",
            "max_depth": forest.depth,
            "eta": forest.eta,
            "max_bin": MAX_BIN,
            "min_child_weight": MIN_CHILD_WEIGHT,
            "nthread": os.cpu_count(),
        }
        matrix = xgboost.QuantileDMatrix(with_missing(x, 0.01, 11), y, max_bin=MAX_BIN)
        xgboost.train(options, matrix, forest.trees).save_model(folder / f"model_{name}.json")
    for name in sorted({forest.data for forest in FORESTS.values()}):
        features(folder, name, "test")[0].T.astype("<f4").tofile(folder / f"{name}.f32")
    with_missing(features(folder, "higgs", "test")[0], 0.05, 12).T.astype("<f4").tofile(folder / "higgs_nan.f32")


def main():
    makers = {name: lambda folder, scale, name=name: generate(folder, name, scale) for name in DATA_SETS}
    makers |= {"churn": lambda folder, _: churn(folder), "banknote": lambda folder, _: banknote(folder)}
    makers |= {"forests": forests}
    parser = argparse.ArgumentParser(description="Generates the data of the benchmarks.")
    parser.add_argument("--work", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of rows; the real tables keep theirs")
    parser.add_argument("--only", help=f"names of {', '.join(makers)}; forests needs higgs and cover")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    chosen = arguments.only.split(",") if arguments.only else [name for name in makers if name != "scaling_50m"]
    for name in chosen:
        print(name, flush=True)
        makers[name](arguments.work, arguments.scale)


if __name__ == "__main__":
    main()
