from __future__ import annotations

import pytest
from seed_samples.extract import Language, Sample
from seed_samples.verdict import Outcome, judge

TEXT = Sample(language=Language.PYTHON, line=1, code="print()")
PROMPTED = Sample(language=Language.NODE, line=1, code="console.log('Prompt:');\nask('Why?')")
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
        (TEXT, 0, "", "a warning\n", Outcome.FAILED),
        (TEXT, 0, "undefined\n", "", Outcome.FAILED),
        (PROMPTED, 0, "Prompt:\nWhy?\n", "", Outcome.FAILED),
        (PROMPTED, 0, "Prompt:\nWhy?\nBecause.\n", "", Outcome.OK),
        (CURL, 0, '{"candidates": [], "responseId": "a"}', "", Outcome.FAILED),
        (CURL, 0, '{"text": "", "finishReason": "STOP"}', "", Outcome.FAILED),
        (CURL, 0, '{"text": "Why", "finishReason": "STOP"}', "", Outcome.OK),
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
    assert judge(TEXT, 0, "", "").remark == "no answer was printed, but ''"
    assert judge(PROMPTED, 0, "Prompt:\none\ntwo\n", "").remark == "one two"
    assert judge(CURL, 0, '{"text": "one\\ntwo", "finishReason": "STOP"}', "").remark == "one two"


@pytest.mark.parametrize(
    "answer",
    [
        '"text": "{}"\n"finishReason": "STOP"',
        'text: "{}"\nresponse_id: "a"',
        "ChoiceDelta(content='{}', role='assistant'), finish_reason=None",
        'message=Message(content="{}"), finish_reason=None',
        '"Parts": [\n  "{}"\n],\n"FinishReason": 1',
    ],
)
def test_a_response_that_is_printed_whole_has_to_have_a_text(answer: str) -> None:
    assert judge(TEXT, 0, answer.replace("{}", "\\n It is."), "").outcome is Outcome.OK
    assert judge(TEXT, 0, answer.replace("{}", "\\n ."), "").outcome is Outcome.FAILED
    assert judge(TEXT, 0, answer.replace("{}", ""), "").outcome is Outcome.FAILED
