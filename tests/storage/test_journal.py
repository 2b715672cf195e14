from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from geminid.storage.journal import Journal, Segment
from geminid.storage.records import UsageRecord

NOW = dt.datetime(2026, 11, 22, 10, 30, 0, 123_456, tzinfo=dt.UTC)


def a_record(id: str) -> UsageRecord:
    return UsageRecord(
        id, NOW, "p", "me", "gemini-2.5-flash", "GenerateContent", "OK", "STOP",
        {"team": "部署"}, {"TEXT": 12, "IMAGE": 258}, {"TEXT": 30}, {"TEXT": 4}, 5, 0.25, 0.125,
    )  # fmt: skip


def all_of(segment: Segment) -> list[UsageRecord]:
    return [record for batch in segment.batches(2) for record in batch]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """One that is appended to."""
    journal = Journal(tmp_path)
    journal.put(journal.create())
    return journal


def sealed(journal: Journal) -> Segment:
    segment = journal.put(None)
    assert segment is not None
    return segment


def test_what_is_appended_is_read(journal: Journal) -> None:
    records = [a_record(str(number)) for number in range(5)]

    for record in records:
        journal.append(record)

    assert all_of(sealed(journal)) == records


def test_it_comes_in_batches(journal: Journal) -> None:
    for number in range(5):
        journal.append(a_record(str(number)))

    assert [len(batch) for batch in sealed(journal).batches(2)] == [2, 2, 1]


def test_a_line_that_a_crash_cut_off_hides_no_other(journal: Journal, tmp_path: Path) -> None:
    journal.append(a_record("a"))
    journal.append(a_record("b"))
    segment = sealed(journal)
    os.truncate(segment.path, segment.size - 40)

    assert all_of(segment) == [a_record("a")]


def test_zeros_that_a_power_failure_left_are_passed_over(journal: Journal) -> None:
    journal.append(a_record("a"))
    segment = sealed(journal)
    os.write(segment.descriptor, bytes(4096) + b"\n")

    assert all_of(segment) == [a_record("a")]


def test_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    journal = Journal(tmp_path, limit_bytes=800)
    journal.put(journal.create())

    for number in range(5):
        journal.append(a_record(str(number)))

    assert len(all_of(sealed(journal))) + journal.lost == 5
    assert journal.lost > 0


def test_a_disk_that_refuses_fails_nobody(journal: Journal) -> None:
    os.close(sealed(journal).descriptor)
    full = os.open("/dev/full", os.O_RDWR)
    journal.put(Segment(Path("/dev/full"), full))

    journal.append(a_record("a"))

    assert journal.lost == 1
    os.close(full)


def test_nobody_takes_what_is_in_use(journal: Journal, tmp_path: Path) -> None:
    journal.append(a_record("a"))

    assert Journal(tmp_path).abandoned() == []


def test_what_was_left_is_taken_once(journal: Journal, tmp_path: Path) -> None:
    journal.append(a_record("a"))
    sealed(journal).close()

    (segment,) = Journal(tmp_path).abandoned()

    assert all_of(segment) == [a_record("a")]
    assert Journal(tmp_path).abandoned() == []
    segment.remove()
    assert list(tmp_path.glob("*.jsonl")) == []


_KILLED = """
import dataclasses, datetime, os, pathlib, signal, sys
from geminid.storage.journal import Journal
from geminid.storage.records import UsageRecord
journal = Journal(pathlib.Path(sys.argv[1]))
journal.put(journal.create())
for number in range(1000):
    journal.append(UsageRecord(str(number), datetime.datetime.now(datetime.UTC), "", "", "", "", "OK"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_every_record(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False)

    (segment,) = Journal(tmp_path).abandoned()

    assert killed.returncode == -signal.SIGKILL
    assert [record.id for record in all_of(segment)] == [str(number) for number in range(1000)]
