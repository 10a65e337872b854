#!/usr/bin/env python3
"""dfml beside its peers: runs them in turns on this machine and writes a page of tables.

    compare.py --work DIR --dfml target/release/dfml [--only training,small] [--rounds 3]

DIR is what `data.py` filled. Every round runs every engine once, and every round starts with another engine; figures
are medians over the rounds, ratios medians of the ratios within a round. Measurements of a suite are kept in
DIR/measurements until it is run again; the page shows all that are there.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from cases import END_TO_END_PEERS, FORESTS, SCORING, SCORING_PEERS, SUITES, TRAINING_SUITES
from dfml import Dfml
from measure import Failed, run
from report import write_report

HERE = Path(__file__).resolve().parent
OURS = "dfml"


class Comparison:
    """What the suites share."""

    def __init__(self, arguments):
        self.work, self.rounds = arguments.work.resolve(), arguments.rounds
        self.threads = arguments.threads
        self.dfml = Dfml(arguments.dfml.resolve(), arguments.score_forest.resolve(), self.work)

    def description(self, data):
        return json.loads((self.work / f"{data}.json").read_text())

    def in_turns(self, title, engines):
        """Calls every engine once a round. Gives the measurements by engine, a list each; one that fails has the
        message of its failure instead, and is not called again."""
        results = {engine: [] for engine in engines}
        names = list(engines)
        for round_number in range(self.rounds):
            shift = round_number % len(names)
            for name in names[shift:] + names[:shift]:
                if isinstance(results[name], str):
                    continue
                try:
                    measurement = engines[name]()
                except Failed as failure:
                    results[name] = str(failure)
                    print(f"{title}: {name} failed: {failure}", file=sys.stderr)
                    continue
                results[name].append(measurement)
                print(f"{title}: {name}: {json.dumps(measurement)}", flush=True)
        return results

    def peer(self, *arguments):
        """A measurement of a peer."""
        measured = run([sys.executable, HERE / "peers.py", *arguments])
        return measured.last_json() | {"others_share": measured.others_share}

    def train(self, case):
        """A table of a training suite."""
        description = self.description(case.data)
        threads = case.threads or self.threads
        engines = {OURS: lambda: self.dfml.train(case, description, threads)}
        for engine in case.peers:
            arguments = ["train", engine, case.data, "--work", self.work, "--threads", threads, "--rounds", case.rounds]
            engines[engine] = lambda arguments=arguments: self.peer(*arguments)
        rows = description["rows"]["train"]
        title = f"{case.data}: {rows:,} rows, {description['title']}; {threads} thread{'s' if threads > 1 else ''}"
        if case.algorithm == "xgboost":
            title += f"; {case.rounds} rounds"
        return table(title, self.in_turns(case.data, engines), case.counts_start_up)

    def training_suite(self, suite):
        """Its tables; data sets that were not generated are left out."""
        cases = [case for case in TRAINING_SUITES[suite] if (self.work / f"{case.data}.json").exists()]
        return [self.train(case) for case in cases]

    def end_to_end(self):
        """The one table of the suite."""
        description = self.description("scoring")
        rows, features = self.work / "scoring_test.parquet", description["features"]
        with tempfile.TemporaryDirectory() as store:
            self.dfml.train_for_end_to_end(store, self.threads)
            engines = {OURS: lambda: self.dfml.end_to_end(store, features, self.threads)}
            for engine in END_TO_END_PEERS:
                arguments = ["end_to_end", engine, self.work / "model_a.json", rows, "--threads", self.threads]
                engines[engine] = lambda arguments=arguments: self.peer(*arguments)
            title = f"{description['rows']['test']:,} rows, {len(features)} features, Parquet to the mean of the "
            title += f"predictions of model (a); {self.threads} threads"
            return [table(title, self.in_turns("end_to_end", engines), counts_start_up=False)]

    def scoring(self):
        """The measurements of the suite: a list of columns."""
        return [self.score(model, columns) for model, columns in SCORING]

    def score(self, model, columns):
        """Nanoseconds per row of each engine, ours once for each instruction set."""
        forest = FORESTS[model]
        description = self.description(forest.data)
        with tempfile.TemporaryDirectory() as folder:
            margins = Path(folder) / "margins.f32"
            arguments = [self.work / f"model_{model}.json", self.work / f"{columns}.f32", len(description["features"])]
            engines = {OURS: lambda: self.dfml.score(model, columns, description, 5, margins)}
            for engine in SCORING_PEERS:
                engines[engine] = lambda engine=engine: self.peer("score", engine, *arguments)
            results = self.in_turns(f"{model} on {columns}", engines)
            check = {}
            if isinstance(results[OURS], list) and isinstance(results["xgboost"], list):
                check = self.peer("score", "xgboost", *arguments, "--repeats", 1, "--margins", margins)
        classes = f"{description['classes']} classes x " if description["classes"] else ""
        title = f"({model}) {classes}{forest.trees} trees, depth {forest.depth}"
        title += f", {len(description['features'])} features"
        title += ", 5 % missing" if columns.endswith("_nan") else ""
        return {"title": title, "results": results, "largest_difference": check.get("largest_difference")}

    def suite(self, name):
        if name == "scoring":
            return self.scoring()
        return self.end_to_end() if name == "end_to_end" else self.training_suite(name)


def table(title, results, counts_start_up):
    """A table as `report.py` takes it."""
    return {"title": title, "results": results, "counts_start_up": counts_start_up}


def parse_arguments():
    parser = argparse.ArgumentParser(description="Compares dfml with its peers on this machine.")
    parser.add_argument("--work", type=Path, required=True, help="the folder that data.py filled")
    parser.add_argument("--dfml", type=Path, required=True, help="the program, built with --release")
    parser.add_argument("--score-forest", type=Path, help="the example of that name; default: examples/ beside --dfml")
    parser.add_argument("--only", default=",".join(SUITES), help=f"suites, of {', '.join(SUITES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the suites that use several")
    parser.add_argument("--output", type=Path, default=HERE / "results.md")
    arguments = parser.parse_args()
    arguments.score_forest = arguments.score_forest or arguments.dfml.parent / "examples" / "score_forest"
    unknown = set(arguments.only.split(",")) - set(SUITES)
    if unknown:
        parser.error(f"there is no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    return arguments


def main():
    arguments = parse_arguments()
    comparison = Comparison(arguments)
    measurements = comparison.work / "measurements"
    measurements.mkdir(exist_ok=True)
    for name in arguments.only.split(","):
        result = {"rounds": arguments.rounds, "tables": comparison.suite(name)}
        (measurements / f"{name}.json").write_text(json.dumps(result))
        write_report(measurements, arguments.dfml.resolve(), arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
