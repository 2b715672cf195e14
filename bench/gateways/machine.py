"""The machine of a measurement: what it is, which cores are for what, and how busy they are."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Machine:
    cpu: str
    cores: int
    python: str
    system: str
    load_average: float

    @classmethod
    def told(cls) -> Machine:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return cls(
            names[0] if names else platform.machine(),
            len(os.sched_getaffinity(0)),
            platform.python_version(),
            f"{platform.system()} {platform.release()}",
            os.getloadavg()[0],
        )

    def __str__(self) -> str:
        what = f"{self.cpu}, {self.cores} cores, Python {self.python}, {self.system}"
        return f"{what}, load average {self.load_average:.1f} at the start"


@dataclass(frozen=True, slots=True)
class Cores:
    """Where what is measured runs, and where what measures it: the client and the upstream."""

    gateway: int | None
    harness: int | None

    @classmethod
    def split(cls) -> Cores:
        """The first core and the last; with one core, wherever the system puts them."""
        mine = sorted(os.sched_getaffinity(0))
        return cls(mine[0], mine[-1]) if len(mine) > 1 else cls(None, None)


def busy_seconds(core: int | None) -> float:
    """What a core has worked since it started, for whomever; 0 for no core in particular."""
    if core is None:
        return 0.0
    times = psutil.cpu_times(percpu=True)[core]
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)
