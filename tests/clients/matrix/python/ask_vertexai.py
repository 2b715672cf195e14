"""Asks by vertexai (google-cloud-aiplatform) and prints what it got. The argument: grpc or rest."""

import asyncio
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

import vertexai  # noqa: E402
from vertexai.generative_models import GenerativeModel  # noqa: E402

transport = sys.argv[1]
vertexai.init(
    project="p",
    location="us-central1",
    api_transport=transport,
    api_endpoint=os.environ["GEMINID_TLS" if transport == "grpc" else "GEMINID_URL"],
)
model = GenerativeModel("gemini-1.5-flash-002")
prompt = os.environ["PROMPT"]

answer = model.generate_content(prompt)
chunks = list(model.generate_content(prompt, stream=True))
chat = model.start_chat()
chat.send_message(prompt)
usage = answer.usage_metadata
report = {
    "text": answer.text,
    "finish": answer.candidates[0].finish_reason.name,
    "usage": [usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count],
    "stream": [chunk.text for chunk in chunks],
    "stream_finish": chunks[-1].candidates[0].finish_reason.name,
    "chat": "".join(chunk.text for chunk in chat.send_message(prompt, stream=True)),
    "counted": model.count_tokens(prompt).total_tokens,
    "computed": len(model.compute_tokens(prompt).tokens_info[0].tokens),
}


async def ask() -> None:
    stream = await model.generate_content_async(prompt, stream=True)
    report["async"] = (await model.generate_content_async(prompt)).text
    report["async_stream"] = [chunk.text async for chunk in stream]


if transport == "grpc":
    asyncio.run(ask())
print(json.dumps(report))
