"""What is understood of media, how soon, and with how much memory: every figure of docs/media.md.

    python bench/media.py [--only pictures,speech] [--quick]

With the observers of the default settings and ``geminid models pull`` for their models; what has no need of them,
as large files, has scripted ones. Parts that need something that is not here say so.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).parents[1] / "tests" / "media" / "makers"))

import media_prompts
import media_scale
import media_serving

Part: TypeAlias = Callable[[bool], Awaitable[Table]]

PARTS: dict[str, Part] = {
    "pictures": media_prompts.pictures_read,
    "documents": media_prompts.documents_read,
    "speech": media_prompts.speech_heard,
    "captions": media_prompts.captions_seen,
    "hours": media_scale.hours,
    "large": media_scale.large,
    "fit": media_scale.what_cannot_fit,
    "beside": media_serving.beside,
    "again": media_serving.again,
}

console = Console(width=150)


async def main(names: list[str], quick: bool) -> None:
    memory = psutil.virtual_memory().total / 1e9
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} from others"
    )
    for name in names:
        console.print(await PARTS[name](quick))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, figures only to look at")
    asked = parser.parse_args()
    if unknown := set(asked.only.split(",")) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    uvloop.run(main(asked.only.split(","), asked.quick))
