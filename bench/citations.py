"""What recognising texts costs: building an index, its size, and each token of an answer.

    python bench/citations.py [--megabytes 10 1000] [--folder FOLDER]

A corpus is made of the texts of the installed packages: as they are while they last, then of runs of four of their
words in random order, which is as many different words and groups as a real corpus has. It is deleted afterwards.
An answer is fed in pieces of four characters, each of which counts as a token: 2,000 words that are in no text of
the index, and 2,000 words of one of them, with a word in 150 changed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from geminid.citations.index import Index

MB = 1_000_000
FILE = 10 * MB
TOKEN = 4
WORDS = 2_000
KINDS = {".py", ".txt", ".md", ".rst", ".pyi", ".html"}

console = Console()


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds a token: the mean of the first answer and of later ones, and what 99 of 100 stay below."""

    first: float
    mean: float
    slow: float
    citations: int


def texts(size: int) -> Iterator[str]:
    """Texts of the installed packages, about ``size`` bytes."""
    for path in sorted(Path(sysconfig.get_path("purelib")).rglob("*")):
        if path.suffix in KINDS and path.is_file():
            with contextlib.suppress(UnicodeDecodeError):
                text = path.read_text(encoding="utf-8")
                yield text
                size -= len(text)
        if size <= 0:
            return


def write(folder: Path, size: int) -> None:
    """Files of 10 MB; the first are the texts as they are."""
    left = size
    pieces: list[str] = []
    for number in itertools.count():
        if not left:
            return
        want = min(FILE, left)
        text = "".join(texts(want)) if not number else shuffled(pieces, want)
        if not number:
            words = text.split(" ")
            pieces = [" ".join(words[at : at + 4]) for at in range(0, len(words), 4)]
        data = text.encode()[:want].decode(errors="ignore").encode()
        (folder / f"{number:04}.txt").write_bytes(data)
        left -= want


def shuffled(pieces: list[str], size: int) -> str:
    chosen = random.choices(pieces, k=size // 20)
    text = " ".join(chosen)
    while len(text) < size:
        text += " " + " ".join(random.choices(pieces, k=size // 100))
    return text


def strange() -> str:
    """Words that no text has in this order."""
    words = "".join(texts(MB)).split()
    return " ".join(random.choices(words, k=WORDS))


def copied(folder: Path) -> str:
    """Words of the corpus, one in 150 changed."""
    path = sorted(folder.iterdir())[-1]
    with path.open(encoding="utf-8") as file:
        words = file.read(MB).split()[-WORDS:]
    return " ".join("otherwise" if not number % 150 else word for number, word in enumerate(words))


def cost(index: Index, answer: str) -> Cost:
    tokens = [answer[at : at + TOKEN] for at in range(0, len(answer), TOKEN)]
    runs = []
    for _ in range(5):
        matcher = index.matcher()
        times = []
        for token in tokens:
            began = time.perf_counter()
            matcher.feed(token)
            times.append(time.perf_counter() - began)
        began = time.perf_counter()
        matcher.finish()
        found = matcher.citations()
        times[-1] += time.perf_counter() - began
        runs.append(times)
    later = [time for times in runs[1:] for time in times]
    slow = statistics.quantiles(later, n=100)[-1]
    mean = statistics.mean(later)
    return Cost(statistics.mean(runs[0]) * 1e6, mean * 1e6, slow * 1e6, len(found))


def own_memory() -> int:
    """Bytes of this process that are no pages of a file. Linux only; elsewhere 0."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
    return 0


ADD = """
import sys
from pathlib import Path
from geminid.cli import app
app(["citations", "--state", sys.argv[1], "add", sys.argv[2]], standalone_mode=False)
status = Path("/proc/self/status")
peaks = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")]
print(peaks[0])
"""


def added(corpus: Path, state: Path) -> tuple[float, int]:
    """Seconds of ``geminid citations add``, and the most bytes of memory that it took. Linux only."""
    command = [sys.executable, "-c", ADD, str(state), str(corpus)]
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - began, int(done.stdout.split()[-1]) * 1024


def measured(megabytes: int, folder: Path, building: Table, matching: Table) -> None:
    corpus, state = folder / "corpus", folder / "state"
    corpus.mkdir()
    write(corpus, megabytes * MB)
    seconds, peak = added(corpus, state)
    index_bytes = sum(path.stat().st_size for path in (state / "citations").iterdir())
    before, began = own_memory(), time.perf_counter()
    index = Index.open(state / "citations")
    opening = time.perf_counter() - began
    answers = {"not in the index": strange(), "copied": copied(corpus)}
    costs = {name: cost(index, answer) for name, answer in answers.items()}
    building.add_row(
        f"{megabytes} MB", f"{seconds:.1f} s", f"{megabytes / seconds:.0f} MB/s", f"{peak // MB} MB",
        f"{index_bytes / (megabytes * MB):.2f}", str(len(index.segments)), f"{opening:.2f} s",
    )  # fmt: skip
    for name, each in costs.items():
        matching.add_row(
            f"{megabytes} MB", name, f"{each.first:.1f}", f"{each.mean:.1f}", f"{each.slow:.1f}",
            str(each.citations), f"{max(own_memory() - before, 0) / MB:.1f} MB",
        )  # fmt: skip


def main(sizes: list[int], parent: Path | None) -> None:
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    random.seed(1)
    building = Table("texts", "add", "speed", "peak memory", "index bytes a byte", "segments", "opening")
    matching = Table("texts", "answer", "µs a token, first", "later", "99 of 100 below", "citations", "memory")
    for megabytes in sizes:
        folder = Path(tempfile.mkdtemp(dir=parent))
        try:
            measured(megabytes, folder, building, matching)
        finally:
            shutil.rmtree(folder)
    console.print(building)
    console.print(matching)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 1000], help="sizes of the corpora")
    parser.add_argument("--folder", type=Path, help="where they are made, and deleted")
    options = parser.parse_args()
    main(options.megabytes, options.folder)
