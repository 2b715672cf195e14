"""Calls functions and asks for schemas by vertexai, and prints what it got. The argument: grpc or rest."""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

import vertexai  # noqa: E402
from vertexai.generative_models import (  # noqa: E402
    FunctionDeclaration,
    GenerationConfig,
    GenerativeModel,
    Part,
    Tool,
    ToolConfig,
)
from vertexai.preview import generative_models as preview  # noqa: E402

transport = sys.argv[1]
vertexai.init(
    project="p",
    location="us-central1",
    api_transport=transport,
    api_endpoint=os.environ["GEMINID_TLS" if transport == "grpc" else "GEMINID_URL"],
)
MODEL = "gemini-1.5-flash-002"
PARIS, BOTH = "What is the weather in Paris?", "Is it warmer in Paris or in Rome?"
WEATHER = {"Paris": "sunny", "Rome": "rainy"}
RECIPE = {
    "type": "OBJECT",
    "properties": {
        "title": {"type": "STRING"},
        "kind": {"type": "STRING", "enum": ["bread", "cake"]},
        "grams": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": 2, "maxItems": 3},
    },
    "required": ["kind", "grams", "title"],
    "propertyOrdering": ["grams", "title", "kind"],
}


def get_weather(city: str) -> str:
    """Tells the weather of a city.

    Args:
        city: The name of the city.
    """
    return WEATHER[city]


time = FunctionDeclaration(
    name="get_time",
    description="Tells the time.",
    parameters={
        "type": "object",
        "properties": {"zone": {"type": "string", "enum": ["Europe/Rome"]}, "hours": {"type": "integer"}},
        "required": ["zone", "hours"],
    },
)
tool = Tool(function_declarations=[FunctionDeclaration.from_func(get_weather), time])
model = GenerativeModel(MODEL, tools=[tool])


def calls_of(answer) -> list:
    return [[call.name, dict(call.args)] for call in answer.candidates[0].function_calls]


def responses(calls: list) -> list[Part]:
    return [Part.from_function_response(name, {"content": WEATHER[args["city"]]}) for name, args in calls]


def by_hand() -> list:
    chat = model.start_chat()
    one = calls_of(chat.send_message(PARIS))
    texts = [chat.send_message(responses(one)).text]
    two = calls_of(list(chat.send_message(BOTH, stream=True))[-1])
    texts.append("".join(chunk.text for chunk in chat.send_message(responses(two), stream=True)))
    return [one, two, texts, [content.role for content in chat.history]]


def by_itself() -> list[str]:
    declared = preview.Tool(function_declarations=[preview.FunctionDeclaration.from_func(get_weather)])
    responder = preview.AutomaticFunctionCallingResponder(max_automatic_function_calls=3)
    chat = preview.GenerativeModel(MODEL, tools=[declared]).start_chat(responder=responder)
    return [chat.send_message(text).text for text in (PARIS, BOTH, "And now?")]


def forced(mode: str, *allowed: str) -> list:
    calling = ToolConfig.FunctionCallingConfig
    config = ToolConfig(calling(mode=calling.Mode[mode], allowed_function_names=list(allowed) or None))
    answer = model.generate_content("Hello", tool_config=config)
    return calls_of(answer) or answer.text


def configured(prompt: str = "A recipe", **config):
    return GenerativeModel(MODEL).generate_content(prompt, generation_config=GenerationConfig(**config))


several = configured("Hello", candidate_count=3)
colour = configured("Name a colour.", response_logprobs=True, logprobs=2).candidates[0]
report = {
    "by_hand": by_hand(),
    "by_itself": by_itself(),
    "any": forced("ANY"),
    "allowed": forced("ANY", "get_time"),
    "auto": forced("AUTO"),
    "none": forced("NONE"),
    "object": configured(response_mime_type="application/json", response_schema=RECIPE).text,
    "enum": configured(response_mime_type="text/x.enum", response_schema=RECIPE["properties"]["kind"]).text,
    "candidates": [[candidate.index, candidate.text] for candidate in several.candidates],
    "usage": [several.usage_metadata.prompt_token_count, several.usage_metadata.candidates_token_count],
    "average": colour.avg_logprobs,
    "chosen": [[one.token, one.log_probability] for one in colour.logprobs_result.chosen_candidates],
}
print(json.dumps(report))
