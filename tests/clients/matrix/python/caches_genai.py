"""Keeps prompts by google-genai, in the order of Google's pages on context caching, and prints what it got.

The argument: v1 or v1beta1, which are Vertex AI's, or developer, which has no buckets.
"""

import asyncio
import base64
import datetime as dt
import json
import os
import sys

from google import genai
from google.genai import errors, types

mode = sys.argv[1]
options = {"base_url": os.environ["GEMINID_URL"]}
if mode == "developer":
    client = genai.Client(api_key="any", http_options=options)
else:
    place = {"project": os.environ["PROJECT"], "location": "us-central1"}
    client = genai.Client(vertexai=True, http_options=options | {"api_version": mode}, **place)

MODEL, QUESTION = "gemini-2.0-flash-001", os.environ["PROMPT"]
PDF, PNG = "application/pdf", "image/png"
PICTURE = types.Part.from_bytes(data=base64.b64decode(os.environ["PICTURE"]), mime_type=PNG)
if mode == "developer":
    papers = [types.Part.from_bytes(data=base64.b64decode(os.environ["PAGE"]), mime_type=PDF)] * 2
else:
    papers = [types.Part.from_uri(file_uri=uri, mime_type=PDF) for uri in os.environ["PAPERS"].split()]
PAPERS = {
    "contents": [types.Content(role="user", parts=papers)],
    "system_instruction": os.environ["SYSTEM"],
    "display_name": "papers",
    "ttl": "3600s",
}
BOOK = {"contents": ["Another book."]}


def asked(cached: types.CachedContent) -> dict:
    return {"model": MODEL, "contents": QUESTION, "config": {"cached_content": cached.name}}


def usage_of(answer: types.GenerateContentResponse) -> list[int]:
    usage = answer.usage_metadata
    return [usage.prompt_token_count, usage.cached_content_token_count, usage.total_token_count]


def details_of(answer: types.GenerateContentResponse) -> list:
    return sorted([one.modality.name, one.token_count] for one in answer.usage_metadata.cache_tokens_details)


def lifetime(cached: types.CachedContent) -> float:
    """In seconds, from its last change on."""
    return (cached.expire_time - cached.update_time).total_seconds()


def error_of(act, **arguments) -> int:
    try:
        act(**arguments)
    except errors.APIError as error:
        return error.code
    return 200


def from_making_to_end() -> dict:
    """The pages: create, use, list, get, update by both times, delete."""
    made = client.caches.create(model=MODEL, config=PAPERS)
    report = {"made": [made.display_name, made.usage_metadata.total_token_count], "lives": [lifetime(made)]}
    report["named"] = made.model.endswith(f"models/{MODEL}") and "cachedContents/" in made.name

    answer = client.models.generate_content(**asked(made))
    chunks = list(client.models.generate_content_stream(**asked(made)))
    report |= {"text": answer.text, "usage": usage_of(answer), "details": details_of(answer)}
    report |= {"stream": [chunk.text for chunk in chunks], "usage_in_stream": usage_of(chunks[-1])}

    mine = [made.name, *(client.caches.create(model=MODEL, config=BOOK).name for _ in range(2))]
    listed = [each.name for each in client.caches.list(config={"page_size": 2})]
    report["listed"] = [name for name in listed if name in mine] == mine[::-1]

    got = client.caches.get(name=made.name)
    report["got"] = [got.display_name, got.expire_time == made.expire_time]
    moment = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=7)
    report["lives"].append(lifetime(client.caches.update(name=made.name, config={"ttl": "7200s"})))
    changed = client.caches.update(name=made.name, config=types.UpdateCachedContentConfig(expire_time=moment))
    report["until"] = changed.expire_time == moment

    for name in mine:
        client.caches.delete(name=name)
    gone = error_of(client.models.generate_content, **asked(made))
    return report | {"gone": [gone, error_of(client.caches.get, name=made.name)]}


def tools() -> dict:
    """All that a cache can hold: the model is told to call what only the cache declares."""
    zone = {"type": "OBJECT", "properties": {"zone": {"type": "STRING"}}, "required": ["zone"]}
    declared = [{"name": name, "description": name, "parameters": zone} for name in ("get_date", "get_time")]
    calling = {"mode": "ANY", "allowed_function_names": ["get_time"]}
    tower = types.Content(role="user", parts=[PICTURE, types.Part(text="A clock tower.")])
    config = {
        "contents": [tower, types.Content(role="model", parts=[types.Part(text="I see it.")])],
        "system_instruction": os.environ["SYSTEM"],
        "tools": [{"function_declarations": declared}],
        "tool_config": {"function_calling_config": calling},
    }
    made = client.caches.create(model=MODEL, config=config)
    answer = client.models.generate_content(**asked(made))
    (call,) = answer.function_calls
    client.caches.delete(name=made.name)
    of_all = usage_of(answer)[1] == made.usage_metadata.total_token_count
    return {"called": [call.name, call.args], "of_all": of_all, "pictured": details_of(answer)[0]}


async def by_coroutines() -> dict:
    caches, models = client.aio.caches, client.aio.models
    made = await caches.create(model=MODEL, config=PAPERS)
    answer = await models.generate_content(**asked(made))
    stream = await models.generate_content_stream(**asked(made))
    texts = [chunk.text async for chunk in stream]
    listed = [each.name async for each in await caches.list(config={"page_size": 1})]
    changed = await caches.update(name=made.name, config={"ttl": "7200s"})
    await caches.delete(name=made.name)
    report = {"async": [answer.text, "".join(texts)], "async_usage": usage_of(answer)}
    report |= {"async_lives": [lifetime(made), lifetime(changed)], "async_listed": made.name in listed}
    try:
        await caches.get(name=made.name)
    except errors.APIError as error:
        report["async_gone"] = [error.code]
    return report


print(json.dumps(from_making_to_end() | tools() | asyncio.run(by_coroutines())))
