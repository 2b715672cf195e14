"""How model servers differ from each other, one row for each. Data only.

Read by ``model_server.py``, and by ``chat_request.py``, ``chat_form.py`` and ``chat_reply.py`` for what is said.

``generic`` sends nothing that https://platform.openai.com/docs/api-reference/chat does not know. The rest is from
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md,
https://docs.vllm.ai/en/latest/serving/openai_compatible_server/,
https://docs.sglang.io/basic_usage/openai_api_completions.html,
https://huggingface.co/docs/text-generation-inference/reference/api_reference,
https://docs.ollama.com/api/openai-compatibility and https://lmstudio.ai/docs/developer/openai-compat
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from geminid.engines.base import Capabilities

ASSUMED_WINDOW = 32_768
"""The window of a server that does not tell its own, unless the settings do."""


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
class Sign:
    """What tells a kind of server: ``GET path`` answers with a JSON object that has ``key``."""

    path: str
    key: str


class Constraining(enum.Enum):
    """How a server is told what an answer may be."""

    GRAMMAR = "grammar"
    """A grammar of llguidance, which says all of it: schemas, choices, and calls beside them."""
    STRUCTURED_OUTPUTS = "structured_outputs"
    """A JSON Schema or choices."""
    RESPONSE_FORMAT = "response_format"
    """A JSON Schema alone."""
    FORMAT_OR_REGEX = "response_format or regex"
    """The same; and choices as a regular expression in a field of its own."""
    FORMAT_VALUE = "response_format with a value"
    """A JSON Schema or a regular expression, as the ``value`` of the format."""


class Reasoning(enum.Enum):
    """How a server is told to think more, less, or not at all."""

    TEMPLATE = "chat_template_kwargs"
    """The model's chat template knows ``enable_thinking``, or ignores it."""
    EFFORT = "reasoning_effort"
    """By a word."""
    UNTOLD = "nothing"
    """It cannot be told, or its model does not think."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to speak to one kind of server. Paths are below the address without ``/v1``; None: it has no such thing.
    A server without a ``health`` route, or with one that generates, is asked for its models instead.

    A server of unknown kind is known by ``owned_by`` in its list of models, or by its ``sign``.
    ``extras`` are sent with every chat request, ``stream_options`` beside ``include_usage``. ``most_stops`` is how
    many stop sequences the server takes. ``keep_alive`` is False where it hangs up after each stream.
    ``native_tools``: the server has a format for functions and calls; where it has none, they are told in the
    prompt and read from the text. ``thinking_budget`` is the field for a bound of thoughts, in tokens.
    ``least_top_logprobs`` is how many alternatives must be asked for to be told any probability;
    ``average_logprobs``: probabilities cost so little that every answer may have them. ``audio_url``: sound comes
    by data URL, as pictures do, and not as OpenAI's ``input_audio``.

    ``constrains_beside_tools``: a constraint of the text leaves calls alone; elsewhere the model is only told.
    ``named_choice``: a function can be named that must be called. ``strict_functions``: arguments are held to the
    schema of a function that says ``strict``, and only there. ``open_top_p``: topP must be less than 1.
    ``keeps_prefixes``: what was read once is read faster the next time. ``salt`` is the field that keeps prompts
    of one tenant from those of another. ``assumed_window`` is that of a server that tells none;
    ``window_later``: it tells it once the model is loaded.
    """

    name: str
    owned_by: str | None = None
    sign: Sign | None = None
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
    native_tools: bool = True
    constraining: Constraining = Constraining.RESPONSE_FORMAT
    reasoning: Reasoning = Reasoning.EFFORT
    thinking_budget: str | None = None
    top_logprobs: int = 20
    least_top_logprobs: int = 0
    average_logprobs: bool = True
    audio_url: bool = False
    constrains_beside_tools: bool = True
    named_choice: bool = True
    strict_functions: bool = False
    open_top_p: bool = False
    keeps_prefixes: bool = False
    salt: str | None = None
    assumed_window: int = ASSUMED_WINDOW
    window_later: bool = False

    def capabilities(self, context_tokens: int, *, sees: bool = False, hears: bool = False) -> Capabilities:
        """What such a server can do, with a window of so many tokens and such a model."""
        return Capabilities(
            context_tokens=context_tokens,
            counts_tokens=self.tokenize is not None,
            top_k=self.top_k is not None,
            seed=self.seed is not None,
            penalties=self.penalties,
            top_logprobs=self.top_logprobs,
            average_logprobs=self.average_logprobs,
            choices=self.constraining is not Constraining.RESPONSE_FORMAT,
            sees=sees,
            hears=hears,
        )


GENERIC = Dialect("generic", most_stops=4, average_logprobs=False)

LLAMA = Dialect(
    "llama",
    owned_by="llamacpp",
    sign=Sign("/props", "default_generation_settings"),
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
    # Its own formats for calls differ from model to model, and not one of them goes together with a grammar.
    native_tools=False,
    constraining=Constraining.GRAMMAR,
    reasoning=Reasoning.TEMPLATE,
    thinking_budget="thinking_budget_tokens",
    least_top_logprobs=1,
    keeps_prefixes=True,
)

VLLM = Dialect(
    "vllm",
    owned_by="vllm",
    sign=Sign("/version", "version"),
    health="/health",
    tokenize=TokenizeRoute("/tokenize", "prompt", {"add_special_tokens": False}),
    top_k="top_k",
    stream_options={"continuous_usage_stats": True},
    constraining=Constraining.STRUCTURED_OUTPUTS,
    # It holds calls to it as well as text: https://github.com/vllm-project/vllm/issues/39929
    constrains_beside_tools=False,
    # Without it even a call that is required has arguments of any kind: https://github.com/vllm-project/vllm/pull/56268
    strict_functions=True,
    reasoning=Reasoning.TEMPLATE,
    # Since 0.5.5, which knew no ``input_audio``.
    audio_url=True,
    keeps_prefixes=True,
    salt="cache_salt",
)

SGLANG = Dialect(
    "sglang",
    owned_by="sglang",
    sign=Sign("/model_info", "is_generation"),
    # Not ``/health``: unless SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION is off that generates a token, takes a
    # second or more, and waits behind long prompts.
    tokenize=TokenizeRoute("/tokenize", "prompt", {"add_special_tokens": False}),
    top_k="top_k",
    stream_options={"continuous_usage_stats": True},
    constraining=Constraining.FORMAT_OR_REGEX,
    constrains_beside_tools=False,
    # Since calls are held to their models' own formats, as with vLLM: https://github.com/sgl-project/sglang/pull/40051
    strict_functions=True,
    reasoning=Reasoning.TEMPLATE,
    audio_url=True,
    keeps_prefixes=True,
    salt="cache_salt",
)

TGI = Dialect(
    "tgi",
    sign=Sign("/info", "max_total_tokens"),
    # Not ``/health``: that generates a token, and fails where the server is merely full.
    # No ``tokenize``: the route adds special tokens.
    penalties=False,  # one of the two is taken and not used
    most_stops=4,
    constraining=Constraining.FORMAT_VALUE,
    constrains_beside_tools=False,
    reasoning=Reasoning.UNTOLD,
    top_logprobs=5,
    average_logprobs=False,
    open_top_p=True,
)

LMSTUDIO = Dialect(
    "lmstudio",
    sign=Sign("/api/v0/models", "data"),
    top_k="top_k",
    named_choice=False,
    top_logprobs=0,
    average_logprobs=False,
)

OLLAMA = Dialect(
    "ollama",
    sign=Sign("/api/version", "version"),
    health="/api/version",
    average_logprobs=False,
    # The least that it gives a model when it loads it; it cuts off prompts that are longer and does not say so.
    assumed_window=4096,
    window_later=True,
)

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect for dialect in (GENERIC, LLAMA, VLLM, SGLANG, TGI, LMSTUDIO, OLLAMA)
}
