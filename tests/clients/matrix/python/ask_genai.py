"""Asks by google-genai and prints what it got. The argument: vertex, express, developer or variables."""

import asyncio
import json
import os
import sys

from google import genai

options = {"base_url": os.environ["GEMINID_URL"]}
match sys.argv[1]:
    case "vertex":
        client = genai.Client(vertexai=True, project="p", location="us-central1", http_options=options)
    case "express":
        client = genai.Client(vertexai=True, api_key="any", http_options=options)
    case "variables":
        client = genai.Client()
    case _:
        client = genai.Client(api_key="any", http_options=options)
model, prompt = "gemini-2.5-flash", os.environ["PROMPT"]

answer = client.models.generate_content(model=model, contents=prompt)
chunks = list(client.models.generate_content_stream(model=model, contents=prompt))
chat = client.chats.create(model=model)
chat.send_message(prompt)
usage = answer.usage_metadata
report = {
    "text": answer.text,
    "finish": answer.candidates[0].finish_reason.name,
    "usage": [usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count],
    "stream": [chunk.text for chunk in chunks],
    "stream_finish": chunks[-1].candidates[0].finish_reason.name,
    "chat": chat.send_message(prompt).text,
    "counted": client.models.count_tokens(model=model, contents=prompt).total_tokens,
    "model": client.models.get(model=model).name.endswith(f"models/{model}"),
    "models": [found.name.split("/")[-1] for found in client.models.list()],
}


async def ask() -> None:
    async with client.aio as aio:
        report["async"] = (await aio.models.generate_content(model=model, contents=prompt)).text
        stream = await aio.models.generate_content_stream(model=model, contents=prompt)
        report["async_stream"] = [chunk.text async for chunk in stream]


if hasattr(client.aio, "__aenter__"):
    asyncio.run(ask())
print(json.dumps(report))
