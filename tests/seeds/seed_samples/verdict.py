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
    """``remark`` is one line: the last that was printed, or why it was not run."""

    outcome: Outcome
    remark: str = ""


_ERROR_BODY = re.compile(r'^\s*(\[\s*)?\{\s*"error"\s*:')
_UNIMPLEMENTED = re.compile(r"UNIMPLEMENTED|Unimplemented|\b501\b")


def judge(sample: Sample, exit_code: int, stdout: str, stderr: str) -> Verdict:
    """A sample is ok when it ends with 0 and, for curl, which ends so in any case, with no error for an answer.

    UNIMPLEMENTED is a clean answer only to media, which a server may do without. Where the sample breaks before it
    tells of it, geminid's list of calls does, on stderr.
    """
    refused = sample.language is Language.CURL and bool(_ERROR_BODY.match(stdout))
    if exit_code == 0 and not refused:
        return Verdict(Outcome.OK, _last_line(stdout))
    unimplemented = sample.has_media and _UNIMPLEMENTED.search(stdout + stderr)
    if unimplemented:
        return Verdict(Outcome.UNIMPLEMENTED, _telling_line(stdout + "\n" + stderr))
    return Verdict(Outcome.FAILED, _telling_line(stdout if refused else stderr or stdout))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if re.search(r"\w", line)]
    return lines[-1] if lines else ""


def _telling_line(text: str) -> str:
    """The last line that speaks of an error, and is neither of a stack trace nor geminid's own."""
    lines = [line.strip() for line in text.splitlines() if re.search(r"error|exception|message|panic", line, re.I)]
    telling = [line for line in lines if not line.startswith(("at ", "geminid: "))]
    return telling[-1] if telling else _last_line(text)
