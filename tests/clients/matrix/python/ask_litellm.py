"""Asks by litellm, as Gemini's Developer API, and prints what it got."""

import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch its list of prices

import litellm

server = {"api_base": os.environ["GEMINID_URL"] + "/v1beta", "api_key": "any"}
question = {"model": "gemini/gemini-2.5-flash", "messages": [{"role": "user", "content": os.environ["PROMPT"]}]}

answer = litellm.completion(**question, **server)
choices = [chunk.choices[0] for chunk in litellm.completion(**question, **server, stream=True)]
usage = answer.usage
report = {
    "text": answer.choices[0].message.content,
    "finish": answer.choices[0].finish_reason.upper(),
    "usage": [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens],
    "stream": [choice.delta.content for choice in choices if choice.delta.content],
    "stream_finish": choices[-1].finish_reason.upper(),
}
print(json.dumps(report))
