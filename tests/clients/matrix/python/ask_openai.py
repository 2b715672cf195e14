"""Asks by openai and prints what it got. Arguments: the base path of the API on the server, and perhaps adc."""

import asyncio
import json
import os
import sys

from openai import AsyncOpenAI, OpenAI

path = sys.argv[1]
model = "google/gemini-2.5-flash" if "endpoints" in path else "gemini-2.5-flash"
server = {"base_url": os.environ["GEMINID_URL"] + path, "api_key": "any"}
if sys.argv[2:] == ["adc"]:
    import google.auth
    from google.auth.transport.requests import Request

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(Request())
    server["api_key"] = credentials.token
question = {"model": model, "messages": [{"role": "user", "content": os.environ["PROMPT"]}]}

client = OpenAI(**server)
answer = client.chat.completions.create(**question)
chunks = list(client.chat.completions.create(**question, stream=True, stream_options={"include_usage": True}))
said = [chunk.choices[0] for chunk in chunks if chunk.choices]
usage = answer.usage
report = {
    "text": answer.choices[0].message.content,
    "finish": answer.choices[0].finish_reason.upper(),
    "usage": [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens],
    "stream": [choice.delta.content for choice in said if choice.delta.content],
    "stream_finish": said[-1].finish_reason.upper(),
}
if "endpoints" not in path:
    report["models"] = [found.id.split("/")[-1] for found in client.models.list()]


async def ask() -> None:
    async with AsyncOpenAI(**server) as client:
        report["async"] = (await client.chat.completions.create(**question)).choices[0].message.content
        stream = await client.chat.completions.create(**question, stream=True)
        report["async_stream"] = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]


asyncio.run(ask())
print(json.dumps(report))
