"""Asks by LangChain's chat models over a cache that google-genai made, and prints what it got.

The argument: genai, vertexai-rest or vertexai-grpc.
"""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

from google import genai  # noqa: E402

url, tls = os.environ["GEMINID_URL"], os.environ["GEMINID_TLS"]
kind, prompt = sys.argv[1], os.environ["PROMPT"]
place = {"project": os.environ["PROJECT"], "location": "us-central1"}
name = "gemini-2.5-flash"

if kind == "genai":
    from langchain_google_genai import ChatGoogleGenerativeAI as Chat

    client = genai.Client(api_key="any", http_options={"base_url": url})
    server = {"api_key": "any", "base_url": url}
else:
    from langchain_google_vertexai import ChatVertexAI as Chat

    client = genai.Client(vertexai=True, http_options={"base_url": url}, **place)
    transport = kind.removeprefix("vertexai-")
    server = {"api_transport": transport, "api_endpoint": tls if transport == "grpc" else url, **place}

made = client.caches.create(model=name, config={"contents": "A book.", "system_instruction": os.environ["SYSTEM"]})


def asked(model: Chat, **more) -> list:
    answer = model.invoke(prompt, **more)
    usage = answer.usage_metadata
    counts = [usage["input_tokens"], usage["input_token_details"]["cache_read"], usage["total_tokens"]]
    return [answer.text if isinstance(answer.text, str) else answer.text(), counts]


model = Chat(model=name, cached_content=made.name, **server)
chunks = [str(chunk.content) for chunk in model.stream(prompt)]
report = {
    "of_model": asked(model),
    "of_call": asked(Chat(model=name, **server), cached_content=made.name),
    "stream": [chunk for chunk in chunks if chunk],
}
if kind != "genai":
    report["by_id"] = asked(Chat(model=name, cached_content=made.name.split("/")[-1], **server))
client.caches.delete(name=made.name)
print(json.dumps(report))
