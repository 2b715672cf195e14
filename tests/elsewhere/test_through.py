"""Every case of ``tests/cases`` through a server that passes it on to another: as if it were that one."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

CASES = runpy.run_path(str(Path(__file__).parents[1] / "test_cases.py"))
DOORS = {door.__name__.removeprefix("through_"): door for door in CASES["DOORS"]}


def turns() -> list[tuple[Any, str]]:
    """Each case through one of its doors, in turn; caches are kept by the server before it, and not passed on."""
    cases = [case for case in CASES["CASES"] if "cache" not in case]
    open_to = [[name for name in DOORS if name not in case.get("not_through", {})] for case in cases]
    return [
        (case, names[index % len(names)]) for index, (case, names) in enumerate(zip(cases, open_to, strict=True))
    ]


@pytest.mark.parametrize(("case", "door"), turns(), ids=[f"{door}-{case['case']}" for case, door in turns()])
async def test_case(start: Any, before: Any, case: dict[str, Any], door: str) -> None:
    script = case.get("engine", {"chunks": ["unexpected"]})
    server = await before(await start(*(script if isinstance(script, list) else [script])))

    got = await DOORS[door](server, case.get("model", "gemini-1.5-flash-002"), CASES["request_of"](case))

    assert got == CASES["expected"](case, got, CASES["BLIND"].get(DOORS[door], set()))
