"""The page of tables, from what `compare.py` measured."""

import json
import os
import platform
import statistics
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cases import SUITES
from measure import run

PACKAGES = ("xgboost", "lightgbm", "scikit-learn", "scikit-learn-intelex", "polars", "duckdb", "pyarrow", "numpy")

OURS = "dfml"

TITLES = {
    "training": "Gradient boosting: Parquet file to fitted model",
    "scoring": "Scoring: nanoseconds of CPU per row",
    "end_to_end": "End to end: Parquet file to predictions",
    "linear": "Linear models and k-means: Parquet file to fitted model",
    "small": "Small tables, start-up included",
    "scaling": "Gradient boosting, as the rows grow",
}

COSTS = {
    "CPU s": "cpu_s",
    "with start-up": "cpu_with_start_up_s",
    "wall s": "wall_s",
    "with start-up ": "wall_with_start_up_s",
    "peak MiB": "peak_mb",
}
"""Columns of a table, and where their figures are."""

RATIOS = {"CPU": "cpu_s", "wall time": "wall_s", "memory": "peak_mb"}
RATIOS_WITH_START_UP = {
    "CPU": "cpu_with_start_up_s",
    "CPU, their start-up left out": "cpu_s",
    "wall time": "wall_with_start_up_s",
    "memory": "peak_mb",
}

BUSY = 0.05
"""A table says so if other processes took more of the machine than this, on average."""


def write_report(measurements, dfml, output):
    """Writes the page; `measurements` has a file for each suite that was run."""
    sections = [HEADER, machine(dfml)]
    for suite in SUITES:
        path = measurements / f"{suite}.json"
        if path.exists():
            measured = json.loads(path.read_text())
            sections.append(f"## {TITLES[suite]}\n\nRounds: {measured['rounds']}.")
            if suite == "scoring":
                sections.append(scoring_table(measured["tables"]))
            else:
                sections += [training_table(table) for table in measured["tables"]]
    output.write_text("\n\n".join(sections) + "\n")


HEADER = """# Results

Written by `compare.py`; [README.md](README.md) says what is measured and how. The columns "dfml's" give dfml as a
multiple of the engine in that row: 0.50 is half of its CPU time, wall time or memory; in parentheses, the least
and the greatest ratio within a round."""


def machine(dfml):
    processor = first_value("/proc/cpuinfo", "model name")
    memory_gib = int(first_value("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    versions = [run([dfml, "--version"]).output.strip(), f"Python {platform.python_version()}"]
    versions += [f"{package} {installed(package)}" for package in PACKAGES]
    return (
        f"Machine: {processor}, {os.cpu_count()} CPUs, {memory_gib:.0f} GiB, Linux {platform.release()}.\n"
        f"Versions: {', '.join(versions)}."
    )


def first_value(path, key):
    line = next(line for line in Path(path).read_text().splitlines() if line.startswith(key))
    return line.split(":", 1)[1].strip()


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def training_table(table):
    """Costs and quality of every engine, and ours as a multiple of it."""
    results = table["results"]
    ratio_keys = RATIOS_WITH_START_UP if table["counts_start_up"] else RATIOS
    measures = next((list(runs[0]["quality"]) for runs in results.values() if isinstance(runs, list)), [])
    header = ["engine", *COSTS, *measures, *(f"dfml's {name}" for name in ratio_keys)]
    rows = [header, ["---"] + ["---:"] * (len(header) - 1)]
    for engine, runs in results.items():
        if isinstance(runs, str):
            rows.append([engine, f"failed: {short(runs)}"] + [""] * (len(header) - 2))
            continue
        row = [engine, *(amount(median(run[key] for run in runs)) for key in COSTS.values())]
        row += [f"{median(run['quality'][measure] for run in runs):.4f}" for measure in measures]
        row += [ratios(results[OURS], runs, key) if engine != OURS else "" for key in ratio_keys.values()]
        rows.append(row)
    return f"### {table['title']}\n\n{markdown(rows)}{busy_note(results)}"


def amount(value):
    """Three digits, or all of a whole number."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratios(ours, theirs, key):
    """Median, least and greatest of ours / theirs within a round."""
    if isinstance(ours, str):
        return ""
    of_rounds = [mine[key] / other[key] for mine, other in zip(ours, theirs, strict=True)]
    return f"**{statistics.median(of_rounds):.2f}** ({min(of_rounds):.2f} to {max(of_rounds):.2f})"


def busy_note(results):
    shares = [run["others_share"] for runs in results.values() if isinstance(runs, list) for run in runs]
    share = statistics.mean(shares or [0])
    if share <= BUSY:
        return ""
    return (
        f"\n\nNot a quiet machine: other processes took {share:.0%} of its CPU time on average,"
        f" {max(shares):.0%} at most; threads of OpenMP burn CPU while they wait for a CPU."
    )


def scoring_table(columns):
    """A row for each engine (ours: for each instruction set), a column for each model."""
    engines = {}
    for index, column in enumerate(columns):
        for name, text in scores(column["results"]):
            engines.setdefault(name, {})[index] = text
    rows = [["engine", *(column["title"] for column in columns)], ["---"] + ["---:"] * len(columns)]
    rows += [[name, *(cells.get(index, "") for index in range(len(columns)))] for name, cells in engines.items()]
    differences = [column["largest_difference"] for column in columns]
    cells = ["" if difference is None else f"{difference:.1e}" for difference in differences]
    rows.append(["largest difference of a margin from xgboost's", *cells])
    return f"In parentheses: the time of dfml's fastest as a multiple.\n\n{markdown(rows)}"


def scores(results):
    """Every engine's name, and what its cell says."""
    by_set = {}
    if isinstance(results[OURS], list):
        for name in results[OURS][0]:
            by_set[f"{OURS}, {name}"] = [run[name]["cpu_ns_per_row"] for run in results[OURS]]
    fastest = min(by_set.values(), key=median, default=[])
    for name, values in by_set.items():
        yield name, amount(median(values))
    for name, runs in results.items():
        if isinstance(runs, str):
            yield name, f"failed: {short(runs)}"
        elif name != OURS:
            values = [run["cpu_ns_per_row"] for run in runs]
            ratio = [mine / other for mine, other in zip(fastest, values, strict=bool(fastest))]
            yield name, amount(median(values)) + (f" (**{median(ratio):.3f}**)" if ratio else "")


def short(message):
    """The end of a message, in a table's cell."""
    return " ".join(message.split())[-80:].replace("|", "/")


def median(values):
    return statistics.median(list(values))


def markdown(rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
