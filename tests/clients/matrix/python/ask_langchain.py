"""Asks by LangChain's chat models and prints what it got. The argument: genai, vertexai-rest or vertexai-grpc."""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

url, tls = os.environ["GEMINID_URL"], os.environ["GEMINID_TLS"]
kind, prompt = sys.argv[1], os.environ["PROMPT"]
if kind == "genai":
    from langchain_google_genai import ChatGoogleGenerativeAI

    model = ChatGoogleGenerativeAI(model="gemini-2.5-flash", api_key="any", base_url=url)
else:
    from langchain_google_vertexai import ChatVertexAI

    transport = kind.removeprefix("vertexai-")
    model = ChatVertexAI(
        model="gemini-2.5-flash",
        project="p",
        location="us-central1",
        api_transport=transport,
        api_endpoint=tls if transport == "grpc" else url,
    )

answer = model.invoke(prompt)
chunks = list(model.stream(prompt))
usage = answer.usage_metadata
finishes = [chunk.response_metadata.get("finish_reason") for chunk in chunks]
report = {
    "text": answer.text if isinstance(answer.text, str) else answer.text(),
    "finish": answer.response_metadata["finish_reason"],
    "usage": [usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]],
    "stream": [str(chunk.content) for chunk in chunks if chunk.content],
    "stream_finish": next(finish for finish in reversed(finishes) if finish),
}
print(json.dumps(report))
