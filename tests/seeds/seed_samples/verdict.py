"""What became of a sample. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from seed_samples.extract import Language, Sample


class Outcome(StrEnum):
    OK = "ok"
    UNIMPLEMENTED = "unimplemented"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``remark`` is one line: the answer, the error, or why it was not run."""

    outcome: Outcome
    remark: str = ""


_DUMP = re.compile(r"finish_?reason|response_?id", re.I)
_DUMPED_TEXT = re.compile(
    r"""(?:\b(?:text|content)"?\s*[:=]|"Parts":\s*\[)\s*(["'])((?:\\.|(?!\1)[^\\])*)\1""", re.S
)
"""A whole response as programs print it, and a text in it: in JSON, as protobuf's text, as Python's repr."""

_NOTHING = frozenset({"undefined", "null", "None", "<nil>", "[object Object]"})

_ERROR_BODY = re.compile(r'^\s*(\[\s*)?\{\s*"error"\s*:')
_UNIMPLEMENTED = re.compile(r"UNIMPLEMENTED|Unimplemented|\b501\b")


def judge(sample: Sample, exit_code: int, stdout: str, stderr: str) -> Verdict:
    """A sample is ok when it ends with 0 and has printed words of an answer. Curl ends so with an error, too.

    UNIMPLEMENTED is a clean answer only to media, which a server may do without. Where the sample breaks before it
    tells of it, geminid's list of calls does, on stderr.
    """
    refused = sample.language is Language.CURL and bool(_ERROR_BODY.match(stdout))
    answer = _answer(sample, stdout)
    if exit_code == 0 and not refused and answer:
        return Verdict(Outcome.OK, answer)
    unimplemented = sample.has_media and _UNIMPLEMENTED.search(stdout + stderr)
    if unimplemented:
        return Verdict(Outcome.UNIMPLEMENTED, _telling_line(stdout + "\n" + stderr))
    if exit_code == 0 and not refused:
        return Verdict(Outcome.FAILED, f"no answer was printed, but {_last_line(stdout)!r}")
    return Verdict(Outcome.FAILED, _telling_line(stdout if refused else stderr or stdout))


def _answer(sample: Sample, stdout: str) -> str:
    """In one line the words of the answer, empty without: not what the sample itself says, nor what is said about
    the response."""
    if _DUMP.search(stdout):
        return _in_one_line("".join(text for _, text in _DUMPED_TEXT.findall(stdout)))
    lines = [line for line in stdout.splitlines() if line.strip() not in sample.code]
    return _in_one_line(" ".join(line for line in lines if line.strip() not in _NOTHING))


def _in_one_line(text: str) -> str:
    r"""Characters that are written as ``\n`` and the like count as spaces. Empty where there is no word."""
    line = " ".join(re.sub(r"\\[nrt]", " ", text).split())
    return line if re.search(r"\w", line) else ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if re.search(r"\w", line)]
    return lines[-1] if lines else ""


def _telling_line(text: str) -> str:
    """The last line that speaks of an error, and is neither of a stack trace nor geminid's own."""
    lines = [line.strip() for line in text.splitlines() if re.search(r"error|exception|message|panic", line, re.I)]
    telling = [line for line in lines if not line.startswith(("at ", "geminid: "))]
    return telling[-1] if telling else _last_line(text)
