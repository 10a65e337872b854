"""The peers that train: a function each, which reads a Parquet file in the phase `load`, brings it into the engine's
form in `build`, learns in `train`, and returns how it predicts a table. Packages are imported inside, outside of the
phases.
"""

import json

from cases import CLUSTER_ITERATIONS, CLUSTERS, ETA, LAMBDA, MAX_BIN, MAX_DEPTH, MIN_CHILD_WEIGHT
from clock import Clock


class Job:
    """What is trained on what."""

    def __init__(self, arguments):
        description = json.loads((arguments.work / f"{arguments.data}.json").read_text())
        self.task, self.classes = description["task"], description["classes"]
        self.features = description["features"]
        self.train_path = arguments.work / f"{arguments.data}_train.parquet"
        self.test_path = arguments.work / f"{arguments.data}_test.parquet"
        self.rounds, self.threads = arguments.rounds, arguments.threads
        self.clock = Clock()
        self.categories = {}

    def table(self, path):
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path)

    def numbers(self, table):
        """The table with texts replaced by their rank among the texts of the training table, the first one seen."""
        import pyarrow
        import pyarrow.compute

        for index, field in enumerate(table.schema):
            if pyarrow.types.is_string(field.type) or pyarrow.types.is_large_string(field.type):
                if field.name not in self.categories:
                    texts = pyarrow.compute.unique(table[field.name])
                    self.categories[field.name] = texts.take(pyarrow.compute.sort_indices(texts))
                codes = pyarrow.compute.index_in(table[field.name], value_set=self.categories[field.name])
                table = table.set_column(index, field.name, codes)
        return table

    def matrix(self, table, dtype="f4", order="C"):
        """The features as one matrix, NaN for NULL."""
        import numpy

        matrix = numpy.empty((table.num_rows, len(self.features)), dtype, order)
        for index, name in enumerate(self.features):
            matrix[:, index] = table[name].to_numpy()
        return matrix

    def by_task(self, binary, regression, multiclass):
        return {"binary": binary, "regression": regression, "multiclass": multiclass}[self.task]


def xgboost_options(job):
    objective = job.by_task("binary:logistic", "reg:squarederror", "multi:softprob")
    return {
        "objective": objective,
        **({"num_class": job.classes} if job.classes else {}),
        "tree_method": "hist",
        "max_depth": MAX_DEPTH,
        "eta": ETA,
        "lambda": LAMBDA,
        "min_child_weight": MIN_CHILD_WEIGHT,
        "max_bin": MAX_BIN,
        "nthread": job.threads,
    }


def xgboost(job):
    import xgboost

    with job.clock.phase("load"):
        table = job.numbers(job.table(job.train_path))
    with job.clock.phase("build"):
        rows, y = table.select(job.features), table["y"]
        matrix = xgboost.QuantileDMatrix(rows, y, max_bin=MAX_BIN, nthread=job.threads)
        del table, rows, y
    with job.clock.phase("train"):
        booster = xgboost.train(xgboost_options(job), matrix, job.rounds)
    return lambda table: booster.predict(xgboost.DMatrix(job.numbers(table).select(job.features), nthread=job.threads))


def xgboost_batches(job):
    """Reads the file batch by batch, several times, instead of holding the table."""
    import pyarrow
    import pyarrow.parquet
    import xgboost

    class Batches(xgboost.DataIter):
        def __init__(self):
            self.batches = None
            super().__init__()

        def next(self, input_data):
            self.batches = self.batches or pyarrow.parquet.ParquetFile(job.train_path).iter_batches(65_536)
            batch = next(self.batches, None)
            if batch is None:
                return False
            table = pyarrow.Table.from_batches([batch])
            input_data(data=table.select(job.features), label=table["y"])
            return True

        def reset(self):
            self.batches = None

    with job.clock.phase("load and build"):
        matrix = xgboost.QuantileDMatrix(Batches(), max_bin=MAX_BIN, nthread=job.threads)
    with job.clock.phase("train"):
        booster = xgboost.train(xgboost_options(job), matrix, job.rounds)
    return lambda table: booster.predict(xgboost.DMatrix(table.select(job.features), nthread=job.threads))


def lightgbm(job):
    import lightgbm

    options = {
        "objective": job.by_task("binary", "regression", "multiclass"),
        **({"num_class": job.classes} if job.classes else {}),
        "num_leaves": 2**MAX_DEPTH,
        "max_depth": MAX_DEPTH,
        "learning_rate": ETA,
        "lambda_l2": LAMBDA,
        "min_sum_hessian_in_leaf": MIN_CHILD_WEIGHT,
        "min_data_in_leaf": 1,
        "max_bin": MAX_BIN - 1,
        "num_threads": job.threads,
        "verbosity": -1,
    }
    with job.clock.phase("load"):
        table = job.numbers(job.table(job.train_path))
    with job.clock.phase("build"):
        rows = lightgbm.Dataset(table.select(job.features), label=table["y"], params=options).construct()
        del table
    with job.clock.phase("train"):
        booster = lightgbm.train(options, rows, job.rounds)
    return lambda table: booster.predict(job.matrix(job.numbers(table), "f8"))


def hist_gradient_boosting(job):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    estimator = HistGradientBoostingRegressor if job.task == "regression" else HistGradientBoostingClassifier
    model = estimator(
        max_iter=job.rounds,
        max_depth=MAX_DEPTH,
        max_leaf_nodes=2**MAX_DEPTH,
        learning_rate=ETA,
        l2_regularization=LAMBDA,
        max_bins=MAX_BIN - 1,
        min_samples_leaf=1,
        early_stopping=False,
    )
    return fitted(job, model, order="F")


def linear_regression(job):
    from sklearn.linear_model import LinearRegression

    return fitted(job, LinearRegression(), "f8")


def ridge_cholesky(job):
    from sklearn.linear_model import Ridge

    return fitted(job, Ridge(alpha=1.0, solver="cholesky"), "f8")


def logistic_lbfgs(job):
    from sklearn.linear_model import LogisticRegression

    return fitted(job, LogisticRegression(solver="lbfgs", max_iter=1000), "f8")


def logistic_newton(job):
    from sklearn.linear_model import LogisticRegression

    return fitted(job, LogisticRegression(solver="newton-cholesky"), "f8")


def kmeans(job, dtype="f8"):
    from sklearn.cluster import KMeans

    model = KMeans(CLUSTERS, init="k-means++", n_init=1, max_iter=CLUSTER_ITERATIONS, tol=0, random_state=0)
    return fitted(job, model, dtype)


def kmeans_f32(job):
    return kmeans(job, "f4")


def fitted(job, model, dtype="f4", order="C"):
    """Trains an estimator of scikit-learn; its prediction is as `quality.score` takes it."""
    with job.clock.phase("load"):
        table = job.numbers(job.table(job.train_path))
    with job.clock.phase("build"):
        x = job.matrix(table, dtype, order)
        y = None if job.task == "clustering" else table["y"].to_numpy()
        del table
    with job.clock.phase("train"):
        model.fit(x, y)

    def predict(table):
        x = job.matrix(job.numbers(table), dtype)
        if job.task in ("regression", "clustering"):
            return model.predict(x)
        probabilities = model.predict_proba(x)
        return probabilities[:, 1] if job.task == "binary" else probabilities

    return predict


TRAINERS = {
    function.__name__: function
    for function in (
        xgboost,
        xgboost_batches,
        lightgbm,
        hist_gradient_boosting,
        linear_regression,
        ridge_cholesky,
        logistic_lbfgs,
        logistic_newton,
        kmeans,
        kmeans_f32,
    )
}


def train(arguments):
    """Trains one engine and scores it on the held-out rows, which costs nothing that is reported."""
    job = Job(arguments)
    predict = TRAINERS[arguments.engine](job)
    result = job.clock.result()

    import quality

    table = job.table(job.test_path)
    truth = job.matrix(table, "f8") if job.task == "clustering" else table["y"].to_numpy()
    return result | {"quality": quality.score(job.task, truth, predict(table))}
