"""What is kept of an exchange has no secrets in it: tokens, keys and passwords, told by their form or their name.

Headers and URLs of calls are not kept at all; this is about what stands in bodies, such as the arguments of a
function. Media is left as it is. Pure; called by ``exchanges.py`` on plain JSON values.
"""

from __future__ import annotations

import re
from typing import Any

REDACTED = "REDACTED"

_BASE64 = frozenset({"data", "thoughtSignature"})
"""Fields of bytes, in which every form occurs by chance."""

_NAMES = re.compile(
    r"(?:proxy-)?authorization|(?:x-goog-|x-)?api[-_]?key|(?:access|refresh|id|auth|session|bearer)[-_]?token"
    r"|client[-_]?secret|password|passwd|private[-_]?key|(?:set-)?cookie",
    re.IGNORECASE,
)

_FORMS = re.compile(
    r"""-----BEGIN[A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[A-Z ]*PRIVATE[ ]KEY-----|\Z)
      | \bAIza[\w-]{30,}                                # Google's API keys
      | \bya29\.[\w.-]{10,} | \b1//[\w-]{20,}           # Google's access and refresh tokens
      | \bGOCSPX-[\w-]{10,}                             # Google's client secrets
      | \beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}            # JSON Web Tokens
      | \bgh[oprsu]_\w{20,} | \bgithub_pat_\w{20,} | \bglpat-[\w-]{16,}
      | \b(?:sk|rk|pk)[-_](?:[a-z]+[-_])*[\w-]{20,}     # OpenAI, Anthropic, Stripe
      | \bhf_[A-Za-z0-9]{20,} | \bxox[abeoprs]-[\w-]{10,} | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b
      | (?<=Bearer[ ])[\w.~+/=-]{8,} | (?<=Basic[ ])[A-Za-z0-9+/=]{12,}
      | (?<=[?&]key=)[^&\s"'\#]+
      | (?<=[?&]access_token=)[^&\s"'\#]+
      | (?<=[?&]X-Goog-Signature=)[^&\s"'\#]+ | (?<=[?&]X-Amz-Signature=)[^&\s"'\#]+
      | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                 # user and password of a URL
    """,
    re.VERBOSE | re.DOTALL,
)


def redacted(value: Any) -> Any:
    """The same values with ``REDACTED`` in place of each secret; what is redacted already stays as it is."""
    match value:
        case str():
            return _FORMS.sub(REDACTED, value)
        case list():
            return [redacted(one) for one in value]
        case dict():
            return {key: _field(key, one) for key, one in value.items()}
    return value


def _field(name: str, value: Any) -> Any:
    if isinstance(value, str):
        if name in _BASE64:
            return value
        if value and _NAMES.fullmatch(name):
            return REDACTED
    return redacted(value)
