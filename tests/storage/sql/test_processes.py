"""Several processes write to one SQLite file, each through its own group commit: nothing is lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

PROCESSES, WRITES = 4, 150

WRITER = """
    import asyncio, datetime as dt, sys
    from geminid.storage.sql.database import open_database

    async def main(url, writes):
        database = await open_database(url)
        now = dt.datetime.now(dt.UTC)
        settle = database.buckets.settle
        await asyncio.gather(*(settle("b", 1, per_minute=0, burst=1_000_000, now=now) for _ in range(writes)))
        await database.aclose()

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_no_write_of_several_processes_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "geminid.db"
    command = [sys.executable, "-c", textwrap.dedent(WRITER), f"sqlite:///{file}", str(WRITES)]

    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(PROCESSES)]

    assert [writer.communicate(timeout=50)[1] for writer in writers] == [""] * PROCESSES
    with sqlite3.connect(file) as connection:
        ((level,),) = connection.execute("SELECT level FROM buckets").fetchall()
    connection.close()
    assert level == 1_000_000 - PROCESSES * WRITES
