"""The embedded model in openvino-genai, for ``embedded_sides.py``. Needs that package and nothing of geminid.

    python bench/openvino_side.py WEIGHTS

Loads a GGUF file and says ``{}`` in a line. For each line ``{"prompt", "tokens", "streams"}`` on its input it
answers in so many streams at once and says ``{"written", "seconds", "first", "prompt_tokens"}``; ``first`` is the
median of the seconds to the first token. To ``{"alike": true}`` it says whether a greedy answer is the same alone
and beside others.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import openvino_genai as genai

CACHE_GIGABYTES = 1
"""About what the embedded engine takes for its eight slots."""
STREAMS = 16
ALIKE_TOKENS = 64


@dataclass
class Stream:
    handle: Any
    first: float = 0.0
    tokens: list[int] = field(default_factory=list)

    def read(self, started: float) -> None:
        while self.handle.can_read():
            for output in self.handle.read().values():
                self.first = self.first or time.perf_counter() - started
                self.tokens += output.generated_ids


class Model:
    def __init__(self, weights: str) -> None:
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = CACHE_GIGABYTES
        scheduler.max_num_seqs = STREAMS
        scheduler.enable_prefix_caching = False  # a prompt that comes again is to be read again
        self._pipeline = genai.ContinuousBatchingPipeline(weights, scheduler, "CPU")
        self._tokenizer = self._pipeline.get_tokenizer()

    def write(self, prompts: list[str], tokens: int) -> tuple[float, list[Stream], int]:
        """The seconds it took, the streams, and the tokens of the last prompt."""
        config = genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos, config.do_sample = tokens, True, False
        config.apply_chat_template = False
        asked = [self._encode(prompt) for prompt in prompts]
        started = time.perf_counter()
        streams = [Stream(self._pipeline.add_request(at, ids, config)) for at, ids in enumerate(asked)]
        while self._pipeline.has_non_finished_requests():
            self._pipeline.step()
            for stream in streams:
                stream.read(started)
        return time.perf_counter() - started, streams, asked[-1].shape[1]

    def _encode(self, prompt: str) -> Any:
        chat = [{"role": "user", "content": prompt}]
        text = self._tokenizer.apply_chat_template(chat, add_generation_prompt=True)
        return self._tokenizer.encode(text, add_special_tokens=False).input_ids


def answers_alike(model: Model) -> bool:
    asked = "Tell me a long story about a river."
    _, (alone,), _ = model.write([asked], ALIKE_TOKENS)
    others = [f"Write {number} lines on the wind." for number in range(7)]
    _, (beside, *_), _ = model.write([asked, *others], ALIKE_TOKENS)
    return alone.tokens == beside.tokens


def answer(model: Model, asked: dict[str, Any]) -> dict[str, Any]:
    if "alike" in asked:
        return {"alike": answers_alike(model)}
    seconds, streams, prompt_tokens = model.write([asked["prompt"]] * asked["streams"], asked["tokens"])
    return {
        "written": sum(len(stream.tokens) for stream in streams),
        "seconds": seconds,
        "first": statistics.median(stream.first for stream in streams),
        "prompt_tokens": prompt_tokens,
    }


def main() -> None:
    model = Model(sys.argv[1])
    print("{}", flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(model, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
