"""When a server looks for garbage, in a process of its own, since it is for the whole process."""

from __future__ import annotations

import subprocess
import sys

GROWS = """
import asyncio, gc, weakref
from geminid.cli.garbage import settle

class Cycle:
    def __init__(self):
        self.self = self
        self.blocks = [object() for _ in range(BLOCKS)]

async def main():
    settle(seconds=0.01, few=200_000)
    cycle = weakref.ref(Cycle())
    print(gc.get_threshold()[0], gc.get_freeze_count() > 1_000)
    for _ in range(50):
        await asyncio.sleep(0.01)
    print("there" if cycle() else "gone")

asyncio.run(main())
"""


def grown_by(blocks: int) -> list[str]:
    script = GROWS.replace("BLOCKS", str(blocks))
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return ran.stdout.splitlines()


def test_twice_as_much_is_looked_through() -> None:
    assert grown_by(1_000_000) == ["5000 True", "gone"]


def test_a_little_more_is_not() -> None:
    assert grown_by(1_000) == ["5000 True", "there"]
