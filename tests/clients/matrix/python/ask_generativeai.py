"""Asks by google-generativeai, the Developer API's first library, over REST, and prints what it got."""

import json
import os
import warnings

warnings.simplefilter("ignore")

import google.generativeai as genai  # noqa: E402

genai.configure(api_key="any", transport="rest", client_options={"api_endpoint": os.environ["GEMINID_URL"]})
model = genai.GenerativeModel("gemini-1.5-flash")
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
    "chat": chat.send_message(prompt).text,
    "counted": model.count_tokens(prompt).total_tokens,
    "model": genai.get_model("models/gemini-1.5-flash").name == "models/gemini-1.5-flash",
    "models": [found.name.split("/")[-1] for found in genai.list_models()],
}
print(json.dumps(report))
