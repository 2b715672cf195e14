"""Keeps prompts by vertexai, in the order of Google's pages on context caching, and prints what it got.

The argument: grpc or rest. There is a report for each module whose GenerativeModel can use caches.
"""

import base64
import datetime as dt
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

import google.api_core.exceptions  # noqa: E402
import vertexai  # noqa: E402
from vertexai import generative_models  # noqa: E402
from vertexai.generative_models import Content, FunctionDeclaration, Part, Tool, ToolConfig  # noqa: E402
from vertexai.preview import caching  # noqa: E402
from vertexai.preview import generative_models as preview  # noqa: E402

transport = sys.argv[1]
vertexai.init(
    project=os.environ["PROJECT"],
    location="us-central1",
    api_transport=transport,
    api_endpoint=os.environ["GEMINID_TLS" if transport == "grpc" else "GEMINID_URL"],
)
MODEL = "gemini-2.0-flash-001"
SYSTEM, QUESTION = os.environ["SYSTEM"], os.environ["PROMPT"]
PAPERS = [Part.from_uri(uri, mime_type="application/pdf") for uri in os.environ["PAPERS"].split()]
PICTURE = Part.from_data(base64.b64decode(os.environ["PICTURE"]), mime_type="image/png")
NAMES = ["UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"]


def create(*contents, **more) -> caching.CachedContent:
    return caching.CachedContent.create(model_name=MODEL, contents=list(contents), **more)


def used(usage) -> dict:
    told = {"usage": [usage.prompt_token_count, usage.cached_content_token_count, usage.total_token_count]}
    if hasattr(usage, "cache_tokens_details"):
        told["details"] = sorted([NAMES[one.modality], one.token_count] for one in usage.cache_tokens_details)
    return told


def lifetime(cached: caching.CachedContent) -> float:
    """In seconds, from its last change on."""
    told = cached.to_dict()
    times = [dt.datetime.fromisoformat(told[name].replace("Z", "+00:00")) for name in ("expireTime", "updateTime")]
    return (times[0] - times[1]).total_seconds()


def error_of(act, *arguments) -> int:
    try:
        act(*arguments)
    except google.api_core.exceptions.GoogleAPICallError as error:
        return error.code
    return 200


def papers(module) -> dict:
    """The pages: create, use, list, get, update by both times, delete."""
    made = create(*PAPERS, system_instruction=SYSTEM, ttl=dt.timedelta(hours=1), display_name="papers")
    told = made.to_dict()
    report = {"made": [told["displayName"], told["usageMetadata"]["totalTokenCount"]], "lives": [lifetime(made)]}
    home = f"projects/{os.environ['PROJECT']}/locations/us-central1"
    report["named"] = made.model_name == f"{home}/publishers/google/models/{MODEL}"

    model = module.GenerativeModel.from_cached_content(cached_content=caching.CachedContent(made.name))
    answer = model.generate_content(QUESTION)
    chunks = list(model.generate_content(QUESTION, stream=True))
    report |= {
        "text": answer.text,
        "stream": "".join(chunk.text for chunk in chunks),
        **used(answer.usage_metadata),
    }
    report["usage_in_stream"] = used(chunks[-1].usage_metadata)["usage"]

    others = [create("Another book.") for _ in range(2)]
    listed = [each.resource_name for each in caching.CachedContent.list()]
    report["listed"] = listed == [each.resource_name for each in (*reversed(others), made)]

    got = caching.CachedContent(cached_content_name=made.resource_name)
    report["got"] = [got.display_name, got.expire_time == made.expire_time]

    moment = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=7)
    got.update(ttl=dt.timedelta(hours=2))
    got.refresh()
    report["lives"].append(lifetime(got))
    got.update(expire_time=moment)
    got.refresh()
    report["until"] = got.expire_time == moment

    for each in (*others, got):
        each.delete()
    report["gone"] = [
        error_of(model.generate_content, QUESTION),
        error_of(caching.CachedContent, made.resource_name),
    ]
    return report


def tools(module) -> dict:
    """All that a cache can hold: the model is told to call what only the cache declares."""
    parameters = {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]}
    names = ("get_date", "get_time")
    declared = [FunctionDeclaration(name=name, description=name, parameters=parameters) for name in names]
    calling = ToolConfig.FunctionCallingConfig
    made = create(
        Content(role="user", parts=[PICTURE, Part.from_text("A clock tower.")]),
        Content(role="model", parts=[Part.from_text("I see it.")]),
        system_instruction=SYSTEM,
        tools=[Tool(declared)],
        tool_config=ToolConfig(calling(mode=calling.Mode.ANY, allowed_function_names=["get_time"])),
    )
    answer = module.GenerativeModel.from_cached_content(made).generate_content(QUESTION)
    (call,) = answer.candidates[0].function_calls
    made.delete()
    told = used(answer.usage_metadata)
    report = {"called": [call.name, dict(call.args)]}
    report["of_all"] = told["usage"][1] == made.to_dict()["usageMetadata"]["totalTokenCount"]
    return report | ({"pictured": told["details"][0]} if "details" in told else {})


report = {}
for module in (preview, generative_models):
    if hasattr(module.GenerativeModel, "from_cached_content"):
        report[module.__name__] = papers(module) | tools(module)
print(json.dumps(report))
