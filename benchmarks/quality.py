#!/usr/bin/env python3
"""Held-out quality, by the same formulas for every engine.

    quality.py TASK PREDICTIONS.parquet

scores what dfml wrote (see dfml.py) and prints one line of JSON.
"""

import json
import sys

import numpy as np

LEAST_PROBABILITY = 1e-7
"""Probabilities are cut to this before a logarithm is taken."""


def score(task, truth, prediction):
    """The measures of a task, by name.

    `prediction` holds, per row: `regression`, a value; `binary`, the probability of 1; `multiclass`, the probabilities
    of the classes 0, 1, ...; `clustering`, a cluster number, and then `truth` is the matrix of features.
    """
    return {"regression": regression, "binary": binary, "multiclass": multiclass, "clustering": clustering}[task](
        np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    )


def regression(truth, value):
    return {"RMSE": float(np.sqrt(np.mean((value - truth) ** 2)))}


def binary(truth, probability):
    p = probability.clip(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    log_loss = -np.mean(np.where(truth == 1, np.log(p), np.log(1 - p)))
    return {"AUC": area_under_curve(truth == 1, probability), "log loss": float(log_loss)}


def area_under_curve(is_positive, probability):
    """The share of pairs of a positive and a negative row that are in order, ties counting half (Mann-Whitney's U)."""
    _, group, size = np.unique(probability, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(size) - (size - 1) / 2
    positives, negatives = is_positive.sum(), (~is_positive).sum()
    above = mean_rank[group][is_positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def multiclass(truth, probabilities):
    p = probabilities[np.arange(len(truth)), truth.astype(int)].clip(LEAST_PROBABILITY, 1)
    return {"log loss": float(-np.mean(np.log(p))), "accuracy": float(np.mean(probabilities.argmax(1) == truth))}


def clustering(features, cluster):
    """The mean over rows of the squared distance to the mean of the row's cluster."""
    within = 0.0
    for number in np.unique(cluster):
        rows = features[cluster == number]
        within += np.sum((rows - rows.mean(0)) ** 2)
    return {"squared distance": float(within / len(features))}


def read_predictions(task, path):
    """Truth and prediction, as `score` takes them, from a file of dfml's: labels and probabilities are sorted by
    probability there, and in the order of the labels here."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    if task == "clustering":
        features = np.stack([table[name].to_numpy() for name in table.column_names if name != "prediction"], axis=1)
        return features, table["prediction"].to_numpy()
    if task == "regression":
        return table["y"].to_numpy(), table["prediction"].to_numpy()
    rows = table.num_rows
    labels = np.array(table["labels"].combine_chunks().flatten().to_pylist(), float).astype(int).reshape(rows, -1)
    probabilities = table["probabilities"].combine_chunks().flatten().to_numpy().reshape(rows, -1)
    by_label = np.take_along_axis(probabilities, labels.argsort(axis=1), axis=1)
    return table["y"].to_numpy(), by_label[:, 1] if task == "binary" else by_label


if __name__ == "__main__":
    print(json.dumps(score(sys.argv[1], *read_predictions(*sys.argv[1:3]))))
