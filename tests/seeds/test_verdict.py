from __future__ import annotations

import pytest
from seed_samples.extract import Language, Sample
from seed_samples.verdict import Outcome, judge

TEXT = Sample(language=Language.PYTHON, line=1, code="print()")
MEDIA = Sample(language=Language.PYTHON, line=1, code="'gs://bucket/file'")
CURL = Sample(language=Language.CURL, line=1, code="curl")
CURL_MEDIA = Sample(language=Language.CURL, line=1, code="curl", body='{"fileUri": ""}')

ERROR = '{\n  "error": {\n    "code": 501,\n    "message": "Not here.",\n    "status": "UNIMPLEMENTED"\n  }\n}\n'


@pytest.mark.parametrize(
    ("sample", "exit_code", "stdout", "stderr", "outcome"),
    [
        (TEXT, 0, "Hello\n", "a warning\n", Outcome.OK),
        (TEXT, 1, "", "Traceback\nValueError: bad\n", Outcome.FAILED),
        (TEXT, 1, "", "grpc: UNIMPLEMENTED\n", Outcome.FAILED),
        (MEDIA, 1, "", "501 Not here\n", Outcome.UNIMPLEMENTED),
        (MEDIA, 1, "", "ValueError: bad\n", Outcome.FAILED),
        (CURL, 0, '{"candidates": []}', "", Outcome.OK),
        (CURL, 0, ERROR, "", Outcome.FAILED),
        (CURL, 0, f"[{ERROR}]", "", Outcome.FAILED),
        (CURL_MEDIA, 0, ERROR, "", Outcome.UNIMPLEMENTED),
    ],
)
def test_outcomes(sample: Sample, exit_code: int, stdout: str, stderr: str, outcome: Outcome) -> None:
    assert judge(sample, exit_code, stdout, stderr).outcome is outcome


def test_the_remark_is_the_line_that_tells() -> None:
    trace = "Exception in thread main Error: bad model\n\tat Ask.main(Ask.java:3)\n\tat java.base\n"

    assert judge(TEXT, 1, "", trace).remark == "Exception in thread main Error: bad model"
    assert judge(CURL, 0, ERROR, "").remark == '"message": "Not here.",'
    assert judge(TEXT, 0, "one\ntwo\n\n}\n", "").remark == "two"
