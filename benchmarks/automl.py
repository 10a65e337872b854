#!/usr/bin/env python3
"""AUTO ON beside default boosters, FLAML and AutoGluon: held-out quality on real tables, same split, same CPUs.

    automl.py --data DIR --dfml target/release/dfml [--flaml PYTHON] [--autogluon PYTHON] [--only TABLE,...]
              [--engines dfml10,dfml60,...] [--splits N]

DIR holds the tables as Parquet: customer_activity, banknote, abalone, diamonds, wine_quality, flights; a table that is
not there is left out. FLAML (`flaml[automl]`) and AutoGluon (`autogluon.tabular[lightgbm,xgboost,catboost]`) need
environments of their own, whose interpreters are given; without them they are left out. Every fifth row, by a seeded
shuffle, is held out; --splits repeats that with other seeds and prints means. Measurements are kept in
`measured.json` of --work, so that engines can be run one by one, in turns or at quiet times.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

# table, file, target, SQL of the target (None: as it is), problem, columns left out
TASKS = {
    "churn": ("customer_activity", "churn", None, "binary", []),
    "banknote": ("banknote", "class", None, "binary", []),
    "abalone": ("abalone", "rings", None, "regression", []),
    "diamonds_price": ("diamonds", "price", None, "regression", []),
    "diamonds_cut": ("diamonds", "cut", None, "multiclass", []),
    "wine_quality": ("wine_quality", "quality", None, "multiclass", []),
    "flights_late": ("flights", "late", "arr_delay > 15", "binary", ["arr_delay", "arr_time", "air_time"]),
}
ENGINES = ["dfml10", "dfml60", "xgboost", "lightgbm", "flaml", "autogluon"]
METRIC = {"binary": "AUC", "multiclass": "accuracy", "regression": "RMSE"}


def split(data, task, work, seed):
    """Writes training and test tables as Parquet; flights keeps the rows that arrived."""
    import numpy as np
    import pandas as pd

    name, target, rule, _, dropped = TASKS[task]
    table = pd.read_parquet(data / f"{name}.parquet")
    if rule:
        table = table[table["arr_delay"].notna()].reset_index(drop=True)
        table[target] = (table["arr_delay"] > 15).astype("int64")
        table = table.drop(columns=dropped)
    order = np.random.default_rng(seed).permutation(len(table))
    cut = len(table) // 5
    table.iloc[np.sort(order[cut:])].to_parquet(work / f"{task}.train.parquet", index=False)
    table.iloc[np.sort(order[:cut])].to_parquet(work / f"{task}.test.parquet", index=False)


def quality(problem, truth, prediction, classes=None):
    """AUC of the second class's probability, accuracy of labels, or RMSE."""
    import numpy as np
    from sklearn.metrics import accuracy_score, roc_auc_score

    if problem == "binary":
        return float(roc_auc_score(truth, prediction))
    if problem == "multiclass":
        return float(accuracy_score(truth, prediction))
    return float(np.sqrt(np.mean((np.asarray(truth, float) - np.asarray(prediction, float)) ** 2)))


def run_dfml(dfml, task, work, seconds):
    """CREATE MODEL in one process, the predictions of the test rows in another."""
    import pandas as pd

    _, target, _, problem, _ = TASKS[task]
    test = pd.read_parquet(work / f"{task}.test.parquet")
    features = [column for column in test.columns if column != target]
    problem_type = {"binary": "BINARY_CLASSIFICATION", "multiclass": "MULTICLASS_CLASSIFICATION", "regression": "REGRESSION"}
    objective = {"binary": " OBJECTIVE 'AUC'"}.get(problem, "")
    with tempfile.TemporaryDirectory() as store:
        def sql(statement, *flags):
            command = [dfml, "--quiet", "--store", store, *flags, "-c", statement]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout
        started = time.monotonic()
        sql(f"CREATE MODEL m FROM (SELECT * FROM '{work}/{task}.train.parquet') TARGET {target} FUNCTION f AUTO ON "
            f"PROBLEM_TYPE {problem_type[problem]}{objective} SETTINGS (MAX_RUNTIME {seconds})")
        wall = time.monotonic() - started
        arguments = ", ".join(f'"{column}"' for column in features)
        call = f"f_probabilities({arguments})" if problem == "binary" else f"f({arguments})"
        started = time.monotonic()
        out = work / f"{task}.{os.getpid()}.json"
        # One partition keeps the order of the rows.
        sql(f"SET datafusion.execution.target_partitions = 1; COPY (SELECT {call} AS p FROM '{work}/{task}.test.parquet') TO '{out}' STORED AS JSON")
        scoring = time.monotonic() - started
        rows = [json.loads(line)["p"] for line in out.read_text().splitlines()] if out.is_file() else [
            json.loads(line)["p"] for part in sorted(out.glob("*")) for line in part.read_text().splitlines()]
        artifact = max(path.stat().st_size for path in Path(store, "artifacts").glob("*.arrow"))
    truth = test[target]
    if problem == "binary":
        positive = str(sorted(truth.unique())[1])
        rows = [row["probabilities"][row["labels"].index(positive)] for row in rows]
        truth = (truth.astype(str) == positive).astype(int)
    return {"quality": quality(problem, truth, rows), "seconds": wall, "score_seconds": scoring, "bytes": artifact}


def run_peer(engine, task, work, seconds):
    """One peer, in this process."""
    import numpy as np
    import pandas as pd

    _, target, _, problem, _ = TASKS[task]
    train, test = (pd.read_parquet(work / f"{task}.{part}.parquet") for part in ("train", "test"))
    for column in train.columns:
        if pd.api.types.is_datetime64_any_dtype(train[column]) and engine != "autogluon":
            for table in (train, test):
                table[column] = table[column].astype("int64")
    classes = sorted(train[target].unique()) if problem != "regression" else None
    started = time.monotonic()
    if engine == "autogluon":
        from autogluon.tabular import TabularPredictor
        metric = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "root_mean_squared_error"}[problem]
        with tempfile.TemporaryDirectory() as folder:
            predictor = TabularPredictor(target, path=folder, eval_metric=metric, problem_type=problem, verbosity=0)
            predictor.fit(train, time_limit=seconds, presets="best_quality", num_cpus=os.cpu_count(),
                          dynamic_stacking=False)
            wall = time.monotonic() - started
            if problem == "binary":
                prediction = predictor.predict_proba(test)[classes[1]]
            else:
                prediction = predictor.predict(test)
    else:
        codes = {value: code for code, value in enumerate(classes)} if classes else None
        y = train[target].map(codes) if codes else train[target]
        x, x_test = train.drop(columns=[target]), test.drop(columns=[target])
        for column in x.columns:
            if x[column].dtype == object or str(x[column].dtype) in ("string", "str"):
                levels = sorted(set(x[column].dropna()))
                codes_of = {value: code for code, value in enumerate(levels)}
                x[column] = pd.Categorical(x[column].map(codes_of), range(len(levels)))
                x_test[column] = pd.Categorical(x_test[column].map(codes_of), range(len(levels)))
        if engine == "xgboost":
            import xgboost
            kind = xgboost.XGBRegressor if problem == "regression" else xgboost.XGBClassifier
            model = kind(enable_categorical=True, n_jobs=os.cpu_count())
            model.fit(x, y)
        elif engine == "lightgbm":
            import lightgbm
            kind = lightgbm.LGBMRegressor if problem == "regression" else lightgbm.LGBMClassifier
            model = kind(verbose=-1, n_jobs=os.cpu_count())
            model.fit(x, y)
        else:
            from flaml import AutoML
            model = AutoML()
            metric = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "rmse"}[problem]
            task_name = "regression" if problem == "regression" else "classification"
            model.fit(x, y, task=task_name, metric=metric, time_budget=seconds, verbose=0, seed=7, n_jobs=os.cpu_count())
        wall = time.monotonic() - started
        if problem == "binary":
            prediction = model.predict_proba(x_test)[:, 1]
        else:
            prediction = np.asarray(model.predict(x_test)).ravel()
            if classes:
                prediction = [classes[int(code)] for code in prediction]
    truth = test[target]
    if problem == "binary":
        truth = (truth == classes[1]).astype(int)
    return {"quality": quality(problem, truth, prediction), "seconds": wall}


def page(measured):
    """The table of all measurements."""
    lines = ["| table | metric | " + " | ".join(ENGINES) + " |", "|---|---|" + "---:|" * len(ENGINES)]
    for task, (_, _, _, problem, _) in TASKS.items():
        cells = []
        for engine in ENGINES:
            found = [value for key, value in measured.items() if key.split("/")[::2] == [task, engine]]
            if not found:
                cells.append("")
                continue
            mean, seconds = (sum(value[name] for value in found) / len(found) for name in ("quality", "seconds"))
            splits = f", {len(found)} splits" if len(found) > 1 else ""
            cells.append(f"{mean:.4f} ({seconds:.0f} s{splits})")
        if any(cells):
            lines.append(f"| {task} | {METRIC[problem]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dfml", default=str(HERE.parent / "target/release/dfml"))
    parser.add_argument("--flaml")
    parser.add_argument("--autogluon")
    parser.add_argument("--only", default=",".join(TASKS))
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "automl")
    parser.add_argument("--peer", nargs=3, metavar=("ENGINE", "TABLE", "SECONDS"), help="one measurement, as JSON")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.peer:
        engine, task, seconds = args.peer
        print("MEASURED " + json.dumps(run_peer(engine, task, args.work, int(seconds))))
        return
    cache = args.work / "measured.json"
    measured = json.loads(cache.read_text()) if cache.exists() else {}
    for task in args.only.split(","):
        if not (args.data / f"{TASKS[task][0]}.parquet").exists():
            print(f"{task}: no table, left out", file=sys.stderr)
            continue
        for seed, engine in itertools.product(range(7, 7 + args.splits), args.engines.split(",")):
            split(args.data, task, args.work, seed)
            if engine.startswith("dfml"):
                found = run_dfml(args.dfml, task, args.work, int(engine.removeprefix("dfml")))
            else:
                python = {"flaml": args.flaml, "autogluon": args.autogluon}.get(engine, sys.executable)
                if not python:
                    continue
                command = [python, __file__, "--data", args.data, "--work", args.work, "--peer", engine, task, "60"]
                ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
                lines = [line for line in ran.stdout.splitlines() if line.startswith("MEASURED ")]
                if not lines:
                    print(f"{task} {seed} {engine} failed:\n{ran.stderr[-2000:]}", file=sys.stderr)
                    continue
                found = json.loads(lines[-1].removeprefix("MEASURED "))
            measured[f"{task}/{seed}/{engine}"] = found
            cache.write_text(json.dumps(measured, indent=1))
            print(task, seed, engine, json.dumps(found), flush=True)
    print(page(measured))


if __name__ == "__main__":
    main()
