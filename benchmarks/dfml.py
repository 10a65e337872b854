"""Our side: the statements, and `dfml` as a user runs it, a fresh process and a fresh store each time."""

import json
import sys
import tempfile
from pathlib import Path

from cases import CLUSTER_ITERATIONS, CLUSTERS, ETA, LAMBDA, MAX_BIN, MAX_DEPTH, MIN_CHILD_WEIGHT
from measure import run

HERE = Path(__file__).resolve().parent

XGBOOST_OBJECTIVES = {"binary": "binary:logistic", "regression": "reg:squarederror", "multiclass": "multi:softmax"}
"""Of the multiclass ones Redshift ML lists softmax alone; it grows the trees of softprob."""
PROBLEM_TYPES = {
    "binary": "BINARY_CLASSIFICATION",
    "regression": "REGRESSION",
    "multiclass": "MULTICLASS_CLASSIFICATION",
}


def hyperparameters(**values):
    return "HYPERPARAMETERS DEFAULT EXCEPT (" + ", ".join(f"{name} '{value}'" for name, value in values.items()) + ")"


def xgboost_clauses(objective, rounds, classes=0):
    options = {"NUM_ROUND": rounds, "MAX_DEPTH": MAX_DEPTH, "ETA": ETA, "LAMBDA": LAMBDA}
    options |= {"MIN_CHILD_WEIGHT": MIN_CHILD_WEIGHT, "MAX_BIN": MAX_BIN}
    options |= {"NUM_CLASS": classes} if classes else {}
    return f"MODEL_TYPE XGBOOST OBJECTIVE '{objective}' PREPROCESSORS 'none' {hyperparameters(**options)}"


def clauses(case, description):
    """What follows AUTO OFF."""
    task = description["task"]
    if case.algorithm == "xgboost":
        return xgboost_clauses(XGBOOST_OBJECTIVES[task], case.rounds, description["classes"])
    if case.algorithm == "kmeans":
        # One start and as many iterations over all rows as the peers; no early end.
        options = {"K": CLUSTERS, "EPOCHS": CLUSTER_ITERATIONS, "TOLERANCE": 0}
        options |= {"LOCAL_LLOYD_NUM_TRIALS": 1, "LOCAL_LLOYD_MAX_ITER": CLUSTER_ITERATIONS}
        return f"MODEL_TYPE KMEANS PREPROCESSORS 'none' {hyperparameters(**options)}"
    return f"MODEL_TYPE LINEAR_LEARNER PROBLEM_TYPE {PROBLEM_TYPES[task]} HYPERPARAMETERS DEFAULT"


def create_model(rows, target, clauses_):
    return f"SET ml.validation_fraction = 0; CREATE MODEL m FROM ({rows}) {target} FUNCTION f AUTO OFF {clauses_}"


def write_predictions(description, rows, output):
    """A file that `quality.py` reads."""
    columns = ", ".join(description["features"])
    if description["task"] == "clustering":
        query = f"SELECT {columns}, f({columns}) AS prediction FROM '{rows}'"
    elif description["task"] == "regression":
        query = f"SELECT y, f({columns}) AS prediction FROM '{rows}'"
    else:
        query = "SELECT y, p['labels'] AS labels, p['probabilities'] AS probabilities "
        query += f"FROM (SELECT y, f_probabilities({columns}) AS p FROM '{rows}')"
    return f"COPY ({query}) TO '{output}' STORED AS PARQUET"


class Dfml:
    """The program, and where the benchmark's files are."""

    def __init__(self, binary, score_forest, work):
        self.binary, self.score_forest, self.work = binary, score_forest, work

    def sql(self, store, threads, statements):
        """Runs statements in a process of their own."""
        command = [self.binary, "--quiet", "--format", "nd-json", "--threads", threads, "--store", store]
        return run([*command, "-c", statements])

    def train(self, case, description, threads):
        """Trains a model; then scores it on the held-out rows in other processes, which are not measured."""
        with tempfile.TemporaryDirectory() as store:
            target = "" if case.algorithm == "kmeans" else "TARGET y"
            rows = f"SELECT * FROM '{self.work}/{case.data}_train.parquet'"
            statement = create_model(rows, target, clauses(case, description))
            training = self.sql(store, threads, statement)
            predictions = Path(store) / "predictions.parquet"
            held_out = self.work / f"{case.data}_test.parquet"
            self.sql(store, threads, write_predictions(description, held_out, predictions))
            scoring = run([sys.executable, HERE / "quality.py", description["task"], predictions])
        return costs(training) | {"quality": scoring.last_json()}

    def train_for_end_to_end(self, store, threads):
        """A model like (a), as a function `f`. `reg:logistic` grows the same trees as `binary:logistic`, and its
        prediction is the probability, which is what the peers average."""
        rows = f"SELECT * EXCLUDE (y), CAST(y AS DOUBLE) AS y FROM '{self.work}/higgs_train.parquet'"
        self.sql(store, threads, create_model(rows, "TARGET y", xgboost_clauses("reg:logistic", 100)))

    def end_to_end(self, store, features, threads):
        """The mean of the predictions over the file that the peers read."""
        query = f"SELECT avg(f({', '.join(features)})) AS mean FROM '{self.work}/scoring_test.parquet'"
        scoring = self.sql(store, threads, query)
        return costs(scoring) | {"quality": {"mean prediction": scoring.last_json()["mean"]}}

    def score(self, model, columns, description, repeats, margins):
        """Nanoseconds of CPU per row by instruction set, on one thread; the margins of the fastest go to a file."""
        shape = [description["rows"]["test"], len(description["features"])]
        files = [self.work / f"model_{model}.json", self.work / f"{columns}.f32"]
        lines = run([self.score_forest, *files, *shape, repeats, "--margins", margins]).output.splitlines()
        return {line["simd"]: line for line in map(json.loads, lines)}


def costs(measured):
    """A run of dfml as the report takes it: its start-up is part of its work."""
    return {
        "cpu_s": measured.cpu_s,
        "wall_s": measured.wall_s,
        "cpu_with_start_up_s": measured.cpu_s,
        "wall_with_start_up_s": measured.wall_s,
        "peak_mb": measured.peak_mb,
        "others_share": measured.others_share,
    }
