"""Scripts that are refused, and why."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from geminid.engines.script import FinishName, Script, ScriptError
from geminid.generation import FinishReason


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"answer": []}', "unknown field `answer`"),
        ('{"answers": [{"chunks": ["a"], "repeat": 0}]}', r"at `\$\.answers\[0\]\.repeat`"),
        ('{"answers": [{"chunks": [{"txt": "a"}]}]}', r"at `\$\.answers\[0\]\.chunks\[0\]`"),
        ('{"answers": [{"fail": {"code": "BUSY"}}]}', r"`code` is 'BUSY', .* at `\$\.answers\[0\]\.fail`"),
        ('{"answers": [{"chunks": [{"text": "a", "top": {"b": -1}}]}]}', "`top` lacks 'a'"),
        ('{"answers": [{"chunks": [{"text": "a", "call": {"name": "f"}}]}]}', "either a `text` or a `call`"),
        ('{"answers": [{"chunks": [{"delay_ms": 1}]}]}', "either a `text` or a `call`"),
        ('{"answers": [{"chunks": [{"call": {"name": "f"}, "thought": true}]}]}', "not for a `call`"),
        (
            '{"answers": [{"chunks": [{"call": {"name": "f"}}, "a"]}]}',
            r"a text comes after a call: .* at `\$\.answers\[0\]`",
        ),
        ('{"answers": [{"chunks": ["a", {"text": "b", "thought": true}]}]}', "a thought comes after a text"),
        ('{"answers": [{"chunks": ["a", {"call": {"name": "f"}}], "repeat": 2}]}', "a text comes after a call"),
        ('{"answers": [{"conform": true, "chunks": ["a"]}]}', "no `chunks` and no `repeat`"),
        ('{"answers": [{"finish": "DONE"}]}', r"'DONE' - at `\$\.answers\[0\]\.finish`"),
        ("{", "truncated"),
    ],
)
def test_a_wrong_script_is_refused_by_file_and_key(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)

    with pytest.raises(ScriptError, match=rf"wrong\.json: .*{complaint}"):
        Script.load(path)


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"cannot read .*none\.toml: No such file"):
        Script.load(tmp_path / "none.toml")


def test_every_finish_reason_has_a_name_in_scripts() -> None:
    assert set(get_args(FinishName)) == {reason.name for reason in FinishReason}
