"""How much of the machine the embedded engine takes: threads, slots, context. Runs in the child process.

Containers are asked for their limits, since a child that plans with the host's cores and memory is slow or dead.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from geminid.engines.gguf import Header

SLOTS = 8
LEAST_CONTEXT = 8192
"""As long as a slot has this many tokens, memory is saved by shorter slots, below it by fewer."""

_MEMORY_SHARE = 1 / 8
_QUANTISED_BYTES = 34 / 32
"""Bytes of an element in a q8_0 cache: blocks of 32 with a scale of two bytes."""
_BLOCK = 32
_STEP = 256
"""llama.cpp rounds contexts to multiples of this."""
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Sizes:
    """``context_tokens`` is that of each slot. Not every head size allows the quantised cache."""

    slots: int
    context_tokens: int
    quantised_cache: bool


def sizes(header: Header, slots: int | None, context_tokens: int | None, memory: int) -> Sizes:
    """``slots`` as asked for, ``context_tokens`` at most, and caches that take an eighth of ``memory`` bytes."""
    quantised = all(size % _BLOCK == 0 for size in header.head_sizes)
    token_bytes = header.kv_heads * sum(header.head_sizes) * (_QUANTISED_BYTES if quantised else 2)
    room = int(memory * _MEMORY_SHARE / token_bytes)
    context = min(context_tokens or header.context_tokens, header.context_tokens)
    wanted = slots or SLOTS
    if wanted * context > room:
        context = min(context, max(room // wanted // _STEP * _STEP, LEAST_CONTEXT))
        wanted = slots or max(min(wanted, room // context), 1)
    return Sizes(wanted, context, quantised)


def memory_bytes() -> int:
    """The memory of the machine, or of the container where that is less."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [_number(_CGROUP / name) for name in ("memory.max", "memory/memory.limit_in_bytes")]
    return min([machine, *(limit for limit in limits if limit)])


def threads() -> int:
    """Physical cores that this process may use: a second thread on a core only waits for the first."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    cores = {_siblings(cpu) for cpu in allowed}
    quota = _cpu_quota()
    return max(1, min(len(cores), quota) if quota else len(cores))


def _siblings(cpu: int) -> str:
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)


def _cpu_quota() -> int | None:
    """Whole cores of the container's quota, rounded up."""
    try:
        quota, period = (_CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        quota, period = "max", "0"
    if quota == "max":
        quota_v1 = _number(_CGROUP / "cpu/cpu.cfs_quota_us")
        period_v1 = _number(_CGROUP / "cpu/cpu.cfs_period_us")
        return -(-quota_v1 // period_v1) if quota_v1 and period_v1 else None
    return -(-int(quota) // int(period))


def _number(file: Path) -> int | None:
    """A positive number in a file of its own; None for ``max``, -1 and a file that is not there."""
    try:
        value = int(file.read_text())
    except (OSError, ValueError):
        return None
    return value if value > 0 else None
