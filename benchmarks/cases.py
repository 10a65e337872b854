"""What is compared: tables, models, hyperparameters, and the engines that run on each.

Imports the standard library alone: `compare.py` must stay small in memory (see `measure.py`).
"""

from dataclasses import dataclass

MAX_DEPTH, ETA, LAMBDA, MIN_CHILD_WEIGHT, MAX_BIN = 6, 0.1, 1, 1, 256
"""Of every boosted model of the suites `training`, `small`, `scaling` and `end_to_end`."""

CLUSTERS, CLUSTER_ITERATIONS = 10, 20
"""Of k-means: clusters, and passes over all rows."""


@dataclass(frozen=True)
class Case:
    """One table of the report: a data set, and what is trained on it, by dfml and by each of the peers."""

    data: str
    algorithm: str
    peers: tuple[str, ...]
    rounds: int = 100
    """Rounds of boosting."""
    threads: int = 0
    """The most threads; 0 for as many as the machine has CPUs."""
    counts_start_up: bool = False
    """Whether the peers' start-up (interpreter and imports) counts. dfml's always does."""


@dataclass(frozen=True)
class Forest:
    """A model of the suite `scoring`: what it learns from, and its shape."""

    data: str
    trees: int
    """Trees of each class."""
    depth: int
    eta: float
    rows: int
    """How many rows of the data set it learns from, at scale 1."""


GRADIENT_BOOSTING = ("xgboost", "lightgbm", "hist_gradient_boosting")

TRAINING_SUITES = {
    "training": [Case(data, "xgboost", GRADIENT_BOOSTING) for data in ("higgs", "missing", "cover")],
    "small": [
        Case(data, "xgboost", GRADIENT_BOOSTING, threads=1, counts_start_up=True) for data in ("churn", "banknote")
    ],
    "linear": [
        Case("linear", "linear_learner", ("linear_regression", "ridge_cholesky")),
        Case("logistic", "linear_learner", ("logistic_lbfgs", "logistic_newton")),
        Case("softmax", "linear_learner", ("logistic_lbfgs",)),
        Case("clusters", "kmeans", ("kmeans", "kmeans_f32")),
    ],
    "scaling": [
        Case(data, "xgboost", ("xgboost", "xgboost_batches"), rounds=20)
        for data in ("scaling_1m", "scaling_10m", "scaling_50m")
    ],
}
"""Parquet file to fitted model."""

FORESTS = {
    "a": Forest("higgs", trees=100, depth=6, eta=0.1, rows=400_000),
    "b": Forest("higgs", trees=500, depth=8, eta=0.05, rows=60_000),
    "c": Forest("cover", trees=100, depth=6, eta=0.1, rows=60_000),
    "d": Forest("higgs", trees=1000, depth=4, eta=0.05, rows=60_000),
}

SCORING = [("a", "higgs"), ("a", "higgs_nan"), ("b", "higgs"), ("c", "cover"), ("d", "higgs")]
"""The model and the rows of each column of the suite `scoring`."""

SCORING_PEERS = ("xgboost", "daal4py")

END_TO_END_PEERS = ("polars", "duckdb", "duckdb_udf", "pyarrow", "pyarrow_batches")
"""Who reads the file; xgboost predicts for each."""

SUITES = ("training", "scoring", "end_to_end", "linear", "small", "scaling")
