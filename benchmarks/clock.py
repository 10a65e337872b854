"""What this process has cost so far. To be imported before anything that takes time."""

import resource
import time
from contextlib import contextmanager
from pathlib import Path

START = time.perf_counter()
"""About the start of the process: the interpreter's own start-up (some 10 ms) is left out of the wall time."""


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


class Clock:
    """Costs of the phases of this process."""

    def __init__(self):
        self.phases = {}
        self.wall_s = 0.0

    @contextmanager
    def phase(self, name):
        cpu, wall = cpu_seconds(), time.perf_counter()
        yield
        self.phases[name] = cpu_seconds() - cpu
        self.wall_s += time.perf_counter() - wall

    def result(self):
        """To be called at the end of the work."""
        return {
            "cpu_s": sum(self.phases.values()),
            "wall_s": self.wall_s,
            "cpu_with_start_up_s": cpu_seconds(),
            "wall_with_start_up_s": time.perf_counter() - START,
            "peak_mb": peak_mb(),
            "phases": self.phases,
        }
