"""The peers that predict: rows in memory, and Parquet files from end to end."""

import importlib
import statistics
import time

from clock import Clock

BATCH = 8192
"""Rows per call of `score`, as in DataFusion's batches."""


def booster(path, threads):
    import xgboost

    model = xgboost.Booster(model_file=path)
    model.set_param({"nthread": threads})
    return model


def score(arguments):
    """Nanoseconds of CPU per row on one thread. The rows lie in memory in the form that the peers like best, row-major,
    which is given to them for nothing; dfml reads the columns as they are."""
    import numpy

    columns = numpy.fromfile(arguments.columns, "<f4").reshape(arguments.features, -1)
    rows = numpy.ascontiguousarray(columns.T)
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    model = booster(arguments.model, 1)
    predict = model.inplace_predict if arguments.engine == "xgboost" else converted(model)
    nanoseconds = []
    for _ in range(arguments.repeats + 1):
        started = time.process_time_ns()
        for batch in batches:
            predict(batch)
        nanoseconds.append((time.process_time_ns() - started) / len(rows))
    result = {"cpu_ns_per_row": statistics.median(nanoseconds[1:])}
    if arguments.margins:
        ours = numpy.fromfile(arguments.margins, "<f4")
        theirs = model.inplace_predict(rows, predict_type="margin").ravel()
        result["largest_difference"] = float(numpy.abs(ours - theirs).max())
    return result


def converted(model):
    """XGBoost's model in oneDAL's form."""
    import daal4py

    daal4py.daalinit(1)
    return daal4py.mb.convert_model(model).predict_proba


def end_to_end(arguments):
    """The mean of xgboost's predictions over a Parquet file that the engine reads."""
    importlib.import_module("xgboost")  # outside of the phases
    clock = Clock()
    mean = READERS[arguments.engine](clock, arguments.model, str(arguments.data), arguments.threads)
    return clock.result() | {"quality": {"mean prediction": mean}}


def features_of(path):
    import pyarrow.parquet

    return pyarrow.parquet.read_schema(path).names


def polars(clock, model_path, path, threads):
    import polars

    with clock.phase("load and predict"):
        rows = polars.read_parquet(path).to_numpy()
        return float(booster(model_path, threads).inplace_predict(rows).mean(dtype="f8"))


def duckdb(clock, model_path, path, threads):
    """DuckDB reads, xgboost predicts batch by batch."""
    import duckdb

    with clock.phase("load and predict"):
        connection = duckdb.connect(config={"threads": threads})
        batches = connection.sql(f"SELECT * FROM '{path}'").to_arrow_reader(122_880)
        return mean_of(booster(model_path, threads), batches)


def duckdb_udf(clock, model_path, path, threads):
    """The model as a function in DuckDB's SQL, vectorised over Arrow."""
    import duckdb
    import pyarrow
    from duckdb.sqltypes import FLOAT

    with clock.phase("load and predict"):
        names = features_of(path)
        model = booster(model_path, threads)
        connection = duckdb.connect(config={"threads": threads})

        def predict(*columns):
            return pyarrow.array(model.inplace_predict(matrix(columns)))

        arguments = ", ".join(names)  # DuckDB asks the function for how many it takes
        function = eval(f"lambda {arguments}: predict({arguments})", {"predict": predict})
        connection.create_function("predict", function, [FLOAT] * len(names), FLOAT, type="arrow")
        return connection.execute(f"SELECT avg(predict({arguments})) FROM '{path}'").fetchone()[0]


def pyarrow(clock, model_path, path, threads):
    """The whole table in memory."""
    import pyarrow.parquet

    with clock.phase("load and predict"):
        pyarrow.set_cpu_count(threads)
        table = pyarrow.parquet.read_table(path)
        return float(booster(model_path, threads).inplace_predict(matrix(table.columns)).mean(dtype="f8"))


def pyarrow_batches(clock, model_path, path, threads):
    import pyarrow.parquet

    with clock.phase("load and predict"):
        pyarrow.set_cpu_count(threads)
        return mean_of(booster(model_path, threads), pyarrow.parquet.ParquetFile(path).iter_batches(250_000))


def mean_of(model, batches):
    total, rows = 0.0, 0
    for batch in batches:
        total += float(model.inplace_predict(matrix(batch.columns)).sum(dtype="f8"))
        rows += batch.num_rows
    return total / rows


def matrix(columns):
    """Row-major single precision."""
    import numpy

    rows = numpy.empty((len(columns[0]), len(columns)), "f4")
    for index, column in enumerate(columns):
        rows[:, index] = column.to_numpy()
    return rows


READERS = {function.__name__: function for function in (polars, duckdb, duckdb_udf, pyarrow, pyarrow_batches)}
