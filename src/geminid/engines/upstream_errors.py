"""What a model server's refusals mean to the clients of this one. Pure; called by ``openai_http.py``.

The texts that go out are Google's. Of the server's own words only those of a refused request pass, shortened, and
without anything that names the server: no address, path, key, or stack.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from geminid import errors

LONGEST_MESSAGE = 300
EXHAUSTED = "Resource exhausted. Please try again later."
INVALID = "Request contains an invalid argument."


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    code: int | str | None = None
    n_prompt_tokens: int | None = None
    n_ctx: int | None = None


class _Body(msgspec.Struct):
    """OpenAI's form has ``error``; older vLLM has its fields at the top."""

    error: _Error | str | None = None
    message: str | None = None
    type: str | None = None
    code: int | str | None = None


@dataclass(frozen=True, slots=True)
class Overflow:
    """Prompt, or prompt and wanted output, exceed the window; counts of tokens."""

    prompt: int
    window: int

    @property
    def by_prompt(self) -> bool:
        """Whether the prompt alone leaves no room for a token of output."""
        return self.prompt >= self.window


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer, or an error in a stream. ``message`` is the server's own: for the log."""

    status: int
    message: str = ""
    overflow: Overflow | None = None

    @classmethod
    def read(cls, status: int, body: bytes) -> Refusal:
        """``status`` is that of the HTTP answer; for an error in a stream, what holds when it names none."""
        try:
            told = msgspec.json.decode(body, type=_Body)
        except msgspec.DecodeError:
            # A model server says what is wrong with a request; what only says that something is stands before it.
            return cls(502 if status in (400, 422) else status)
        error = told.error
        if isinstance(error, str):
            error = _Error(message=error)
        elif error is None:
            error = _Error(told.message, told.type, told.code)
        message = error.message or ""
        return cls(_status(status, error), message, _overflow(error, message))

    def as_error(self, secret: str | None = None) -> errors.ApiError:
        """The error that the client sees. ``secret`` is the key that the server was addressed with."""
        if self.overflow is not None and self.overflow.by_prompt:
            most = min(self.overflow.window, self.overflow.prompt - 1)
            return errors.PromptTooLong(self.overflow.prompt, most)
        if self.status in _OF_MEDIA and (about_media := _about_media(self.message)):
            return about_media
        match self.status:
            case 429:
                return errors.ResourceExhausted(EXHAUSTED)
            case 503:
                return errors.Unavailable(errors.OVERLOADED)
            case 424:  # TGI's status for a generation that failed
                return errors.Internal(errors.INTERNAL)
            case 401 | 403 | 404 | 408 | 502 | 504:  # the operator's settings, or something between us
                return errors.Unavailable(errors.UNAVAILABLE)
            case status if 400 <= status < 500:
                return errors.InvalidArgument(_presentable(self.message, secret))
        return errors.Internal(errors.INTERNAL)


def _status(status: int, error: _Error) -> int:
    """In a stream the HTTP status is long gone: the error's own code counts then, or what its type says."""
    if status >= 400:
        return status
    if isinstance(error.code, int) and 400 <= error.code < 600:
        return error.code
    kind = (error.type or "").lower()
    if "badrequest" in kind or "invalid_request" in kind:
        return 400
    return 429 if "rate_limit" in kind else 500


_WINDOW = re.compile(
    r"(?:maximum context length (?:is|of)|model's context length \() ?(\d+)|max_new_tokens` must be <= (\d+)"
    r"|`inputs` must have less than (\d+) tokens"
)
_PROMPT = re.compile(
    r"\((\d+) in the (?:messages|prompt)|prompt contains (?:at least )?(\d+)|has (\d+) input tokens"
    r"|resulted in (\d+) tokens|you requested (\d+) tokens|The input \((\d+) tokens\)"
    r"|(\d+) tokens from the input|Given: (\d+)"
)


def _overflow(error: _Error, message: str) -> Overflow | None:
    """llama-server tells the counts as fields, all others in a sentence that has changed over the years."""
    if error.type == "exceed_context_size_error" and error.n_prompt_tokens and error.n_ctx:
        return Overflow(error.n_prompt_tokens, error.n_ctx)
    window, prompts = _WINDOW.search(message), list(_PROMPT.finditer(message))
    if not (window and prompts):
        return None
    # A sum stands before its parts, and the prompt's own count is the last of those that the pattern knows.
    return Overflow(int(next(filter(None, prompts[-1].groups()))), int(next(filter(None, window.groups()))))


_OF_MEDIA = frozenset({400, 422, 500, 501})
"""llama-server says 500 where its model has no projector."""

_ABOUT_MEDIA: Sequence[tuple[str, type[errors.ApiError], str]] = [
    (
        "(?P<kind>image|audio|video) input is not supported",
        errors.Unimplemented,
        "The model takes no {kind} input.",
    ),
    (r"at most 0 (?P<kind>image|audio|video)\(s\)", errors.Unimplemented, "The model takes no {kind} input."),
    ("missing data required for (?P<kind>image) input", errors.Unimplemented, "The model takes no {kind} input."),
    ("(?P<kind>image)_url is only supported by", errors.Unimplemented, "The model takes no {kind} input."),
    ("is not a multimodal model", errors.Unimplemented, "The model takes text input alone."),
    (
        r"at most (?P<most>\d+) (?P<kind>image|audio|video)\(s\) may be provided",
        errors.InvalidArgument,
        "At most {most} {kind}(s) may be provided in one prompt.",
    ),
    (
        r"set (?P<kind>image|audio|video)=(?P<most>\d+) .{0,80}but passed",
        errors.InvalidArgument,
        "At most {most} {kind}(s) may be provided in one prompt.",
    ),
    (
        "failed to load image or audio|cannot identify image file|image: unknown format",
        errors.InvalidArgument,
        "The model cannot read one of the images or recordings of the prompt.",
    ),
]
"""What llama-server, vLLM, Ollama and OpenAI have said over the years, and what is said instead: their own words
name flags and files. The first that matches counts."""


def _about_media(message: str) -> errors.ApiError | None:
    for pattern, kind, text in _ABOUT_MEDIA:
        if found := re.search(pattern, message, re.IGNORECASE):
            return kind(text.format(**{name: value.lower() for name, value in found.groupdict().items()}))
    return None


_PRIVATE = re.compile(
    r"""\bhttps?://\S+ | \bBearer\s+\S+ | \b(?:sk|hf|AIza)[-_A-Za-z0-9]{8,}
      | (?<![\w/])/(?:[\w.@-]+/)+[\w.@-]* | \b0x[0-9a-fA-F]{6,} | \b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b""",
    re.VERBOSE,
)


def _presentable(message: str, secret: str | None) -> str:
    if not message or "Traceback" in message:
        return INVALID
    if secret:
        message = message.replace(secret, "…")
    message = " ".join(_PRIVATE.sub("…", message).split())
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
