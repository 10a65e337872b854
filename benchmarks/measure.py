"""One process, measured from outside.

The kernel counts the memory of the process that starts another into the peak of the other (`ru_maxrss` survives exec),
so the process that calls `run` must be smaller than what it measures: it imports no numpy, and has others do such work.
"""

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


class Failed(Exception):
    """A measured process ended with an error; the message is the end of what it wrote to stderr."""


@dataclass(frozen=True)
class Run:
    """What a process printed, and what it cost from start to end."""

    output: str
    cpu_s: float
    """User and system time of all its threads."""
    wall_s: float
    peak_mb: float
    """Peak of the resident set, in MiB."""
    others_share: float
    """The share of the machine's CPU time that other processes took meanwhile, from 0 to 1."""

    def last_json(self):
        """The last line of the output, which is JSON."""
        return json.loads(self.output.strip().splitlines()[-1])


def machine_busy_seconds():
    """The time that all CPUs have spent on anything but idling since the machine was started."""
    user, nice, system, _idle, _io_wait, interrupts, soft_interrupts, stolen, *_ = (
        int(ticks) for ticks in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + interrupts + soft_interrupts + stolen) / os.sysconf("SC_CLK_TCK")


def run(command):
    """Runs a command to its end. Raises `Failed` if there is no such program or its exit code is not 0."""
    if not Path(command[0]).exists():
        raise Failed(f"there is no program {command[0]}")
    with tempfile.TemporaryFile() as errors:
        busy, started = machine_busy_seconds(), time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=errors)
        output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s, busy = time.perf_counter() - started, machine_busy_seconds() - busy
        process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            message = errors.read().decode(errors="replace").strip() or f"exit code {process.returncode}"
            raise Failed(message[-400:])
    cpu_s = usage.ru_utime + usage.ru_stime
    others_share = max(0.0, busy - cpu_s) / (wall_s * os.cpu_count())
    return Run(output, cpu_s, wall_s, usage.ru_maxrss / 1024, others_share)
