"""Asks the judged server by vertexai, and prints what it got. The argument: grpc or rest."""

import json
import os
import sys
import warnings
from collections.abc import Callable

warnings.simplefilter("ignore")

import vertexai  # noqa: E402
from vertexai.generative_models import (  # noqa: E402
    GenerativeModel,
    HarmBlockThreshold,
    HarmCategory,
    ResponseValidationError,
    SafetySetting,
)

transport = sys.argv[1]
vertexai.init(
    project="p",
    location="us-central1",
    api_transport=transport,
    api_endpoint=os.environ["GEMINID_TLS" if transport == "grpc" else "GEMINID_URL"],
)
model = GenerativeModel("gemini-1.5-flash-001")
PROMPT = "HARASSMENT:HIGH, you."
HARASSMENT = HarmCategory.HARM_CATEGORY_HARASSMENT
MEDIUM, NONE = HarmBlockThreshold.BLOCK_MEDIUM_AND_ABOVE, HarmBlockThreshold.BLOCK_NONE
BY_SEVERITY = SafetySetting(category=HARASSMENT, threshold=MEDIUM, method=SafetySetting.HarmBlockMethod.SEVERITY)


def category(rating) -> str:
    return HarmCategory(rating.category).name.removeprefix("HARM_CATEGORY_")


def scores(rating) -> list:
    severity = rating.severity.name.removeprefix("HARM_SEVERITY_")
    return [round(rating.probability_score, 6), severity, round(rating.severity_score, 6)]


def withheld(reason, ratings) -> list:
    return [reason.name, [category(rating) for rating in ratings if rating.blocked]]


def cited(text: str, citations) -> list:
    written = text.encode()
    return [[written[one.start_index : one.end_index].decode(), one.uri, one.license] for one in citations]


def told(citation) -> list:
    date = citation.publication_date
    return [citation.title, date.year, date.month, date.day]


def raised(act: Callable[[], object], reason: str) -> list:
    """The library's error, and whether it says the reason."""
    try:
        act()
    except (ValueError, ResponseValidationError) as error:
        return [type(error).__name__, reason in str(error)]
    return []


mild = model.generate_content("mild")
ratings = mild.candidates[0].safety_ratings
prompt = model.generate_content(PROMPT)
(only,) = model.generate_content(PROMPT, stream=True)
harsh = model.generate_content("harsh")
*let_out, last = model.generate_content("far", stream=True)
quote = model.generate_content("quote")
citations = quote.candidates[0].citation_metadata.citations
quoted = list(model.generate_content("quote", stream=True))
chat = model.start_chat()
report = {
    "text": mild.text,
    "ratings": [[category(rating), rating.probability.name] for rating in ratings],
    "scores": scores(ratings[2]),
    "blocked_prompt": withheld(prompt.prompt_feedback.block_reason, prompt.prompt_feedback.safety_ratings),
    "blocked_answer": withheld(harsh.candidates[0].finish_reason, harsh.candidates[0].safety_ratings),
    "tolerated": model.generate_content("harsh", safety_settings={HARASSMENT: NONE}).text,
    "by_severity": model.generate_content("harsh", safety_settings=[BY_SEVERITY]).text,
    "let_out": "".join(chunk.text for chunk in let_out),
    "ended": last.candidates[0].finish_reason.name,
    "cited": cited(quote.text, citations),
    "told": [told(one) for one in citations],
    "cited_in_stream": sum(len(chunk.candidates[0].citation_metadata.citations) for chunk in quoted),
    "recited": model.generate_content("recite").candidates[0].finish_reason.name,
    "candidates_of_blocked": [len(prompt.candidates), len(only.candidates)],
    "raised": [
        raised(lambda: prompt.text, "SAFETY"),
        raised(lambda: harsh.text, "SAFETY"),
        raised(lambda: chat.send_message(PROMPT), "The prompt is blocked due to safety filters"),
        raised(lambda: chat.send_message("harsh"), "Finish reason:"),
        raised(lambda: list(chat.send_message("far", stream=True)), "Finish reason:"),
    ],
    "history": len(chat.history),
}
print(json.dumps(report))
