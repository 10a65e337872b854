#!/usr/bin/env python3
"""One measurement of one peer, in a process of its own; prints one line of JSON.

    peers.py train ENGINE DATA --work DIR [--threads 2] [--rounds 100]
    peers.py score ENGINE MODEL.json COLUMNS.f32 FEATURES [--repeats 5] [--margins OURS.f32]
    peers.py end_to_end ENGINE MODEL.json DATA.parquet [--threads 2]

`train` and `end_to_end` give `cpu_s` (user and system time of all threads) and `wall_s` of the work alone, and of the
whole process up to the end of the work (`..._with_start_up_s`: the interpreter and the imports too); `peak_mb` is the
peak of the resident set up to then, in MiB; `phases` has seconds of CPU; `quality` is measured on held-out rows,
afterwards. `score` gives nanoseconds of CPU per row, and the largest difference of xgboost's margins from those in a
file of dfml's.
"""

import clock  # noqa: F401, isort: skip  (first: it notes when the process started)

import argparse
import json
import os
from pathlib import Path

from peers_scoring import READERS, end_to_end, score
from peers_training import TRAINERS, train


def parser():
    top = argparse.ArgumentParser(description="Measures one peer.")
    commands = top.add_subparsers(required=True)

    command = commands.add_parser("train")
    command.set_defaults(function=train)
    command.add_argument("engine", choices=TRAINERS)
    command.add_argument("data")
    command.add_argument("--work", type=Path, required=True)
    command.add_argument("--rounds", type=int, default=100)
    command.add_argument("--threads", type=int, default=os.cpu_count())

    command = commands.add_parser("score")
    command.set_defaults(function=score, threads=1)
    command.add_argument("engine", choices=("xgboost", "daal4py"))
    command.add_argument("model", type=Path)
    command.add_argument("columns", type=Path)
    command.add_argument("features", type=int)
    command.add_argument("--repeats", type=int, default=5)
    command.add_argument("--margins", type=Path)

    command = commands.add_parser("end_to_end")
    command.set_defaults(function=end_to_end)
    command.add_argument("engine", choices=READERS)
    command.add_argument("model", type=Path)
    command.add_argument("data", type=Path)
    command.add_argument("--threads", type=int, default=os.cpu_count())
    return top


def main():
    arguments = parser().parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[variable] = str(arguments.threads)
    print(json.dumps(arguments.function(arguments)))


if __name__ == "__main__":
    main()
