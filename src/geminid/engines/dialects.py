"""What model servers have beyond OpenAI's API, one row for each. Data only; read by ``openai_http.py``.

``generic`` sends nothing that https://platform.openai.com/docs/api-reference/chat does not know. The rest is from
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md and
https://docs.vllm.ai/en/latest/serving/openai_compatible_server/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TokenizeRoute:
    """``POST path`` with the text in ``text_field``; the answer has ``count`` or a list ``tokens``.

    With ``pieces`` added to the request each token comes with its text; None where the server cannot do that.
    """

    path: str
    text_field: str
    fixed: Mapping[str, object]
    pieces: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to speak to one kind of server. Paths are below the address without ``/v1``; None: it has no such thing.
    A server without a ``health`` route is asked for its models instead.

    ``extras`` are sent with every chat request, ``stream_options`` beside ``include_usage``. ``most_stops`` is how
    many stop sequences the server takes. ``keep_alive`` is False where it hangs up after each stream.
    """

    name: str
    health: str | None = None
    tokenize: TokenizeRoute | None = None
    max_tokens: str = "max_tokens"
    top_k: str | None = None
    seed: str | None = "seed"
    penalties: bool = True
    most_stops: int | None = None
    extras: Mapping[str, object] = field(default_factory=dict)
    stream_options: Mapping[str, object] = field(default_factory=dict)
    keep_alive: bool = True


GENERIC = Dialect("generic", most_stops=4)

LLAMA = Dialect(
    "llama",
    health="/health",
    tokenize=TokenizeRoute(
        "/tokenize", "content", {"add_special": False, "parse_special": False}, pieces={"with_pieces": True}
    ),
    top_k="top_k",
    extras={
        # Gemini samples by topK, topP and temperature alone; llama-server adds min_p = 0.05 unless told not to.
        "min_p": 0,
        # Without it the server writes nothing during the prompt and does not notice that its client has left.
        "return_progress": True,
    },
    keep_alive=False,
)

VLLM = Dialect(
    "vllm",
    health="/health",
    tokenize=TokenizeRoute("/tokenize", "prompt", {"add_special_tokens": False}),
    top_k="top_k",
    stream_options={"continuous_usage_stats": True},
)

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (GENERIC, LLAMA, VLLM)}
