"""Settings -> who judges: the rater, the lists and patterns that are looked for, the texts that are recognised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from geminid.citations.base import Limits
from geminid.citations.index import Watched
from geminid.engines.base import Engine
from geminid.judgement import Reason
from geminid.safety.base import Rater
from geminid.safety.guard import Finder, Guard
from geminid.safety.lists import Blocklist, ListError
from geminid.safety.patterns import Patterns
from geminid.safety.raters.cached import CachedRater
from geminid.safety.raters.embedded import EmbeddedRater
from geminid.safety.raters.guard_models import GUARD_MODELS
from geminid.safety.raters.http import HttpRater
from geminid.safety.raters.judge import Judge
from geminid.safety.raters.scripted import Rules, RulesError, ScriptedRater
from geminid.settings import Citations, Safety, SettingsError

_SLACK_SECONDS = 1.0
"""A judge has its own time limit; that of the cache around it comes later."""


def guard_of(safety: Safety, engines: Mapping[str, Engine]) -> Guard:
    """``engines`` are those of ``Registry.observing``. Raises SettingsError for what cannot be read or used."""
    rater = rater_of(safety, engines)
    if rater is not None and (remedy := rater.ready()):
        raise SettingsError(f"[safety] rater {safety.rater!r} cannot be used yet: {remedy}")
    cached = CachedRater(rater, seconds=safety.seconds + _SLACK_SECONDS) if rater else None
    return Guard(cached, finders_of(safety), lenient=safety.on_failure == "open")


def works_of(citations: Citations, folder: Path) -> Watched:
    """The index that ``geminid citations`` keeps in ``folder``. It is not opened yet."""
    return Watched(folder, Limits(cited_words=citations.cited_words, recited_words=citations.recited_words))


def rater_of(safety: Safety, engines: Mapping[str, Engine]) -> Rater | None:
    name, _, rest = safety.rater.partition(":")
    match name:
        case "embedded":
            return EmbeddedRater()
        case "judge" if rest:
            return _judge(safety, rest, engines[rest])
        case "http" if safety.url:
            return HttpRater(safety.url, key_env=safety.key_env or None, seconds=safety.seconds)
        case "scripted":
            return _scripted(rest)
        case "none":
            return None
    raise SettingsError(
        f"[safety] rater is {safety.rater!r}. Give embedded, judge:ENGINE, http (with a url), scripted[:FILE] or "
        "none."
    )


def finders_of(safety: Safety) -> dict[Reason, Finder]:
    """In the order in which they are tried."""
    found: dict[Reason, Finder] = {}
    if safety.prohibited:
        found[Reason.PROHIBITED_CONTENT] = _blocklist(safety.prohibited, leet=safety.leet)
    if safety.blocklists:
        found[Reason.BLOCKLIST] = _blocklist(safety.blocklists, leet=safety.leet)
    if safety.spii:
        if remedy := Patterns.ready():
            raise SettingsError(f"[safety] spii cannot be used yet: {remedy}")
        found[Reason.SPII] = Patterns()
    return found


def _judge(safety: Safety, expression: str, engine: Engine) -> Judge:
    if safety.guard not in GUARD_MODELS:
        known = ", ".join(GUARD_MODELS)
        raise SettingsError(f"[safety] guard is {safety.guard!r}, which is none of {known}.")
    return Judge(engine, GUARD_MODELS[safety.guard], title=expression, seconds=safety.seconds)


def _scripted(path: str) -> ScriptedRater:
    try:
        return ScriptedRater(Rules.load(Path(path)) if path else None)
    except RulesError as error:
        raise SettingsError(f"[safety] {error}") from error


def _blocklist(paths: list[str], *, leet: bool) -> Blocklist:
    try:
        return Blocklist.load([Path(path) for path in paths], leet=leet)
    except ListError as error:
        raise SettingsError(f"[safety] {error}") from error
