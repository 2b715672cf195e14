"""The files with which a program takes this server for Google: whom to trust, an account's key, a ``gcloud``.

They go into a folder that lives as long as the program. Which variables name them is ``cli/proxied.py``'s to say.
Called by ``geminid run``.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from geminid.doors.authority import Authority

TRUST_STORE_PASSWORD: Final = "changeit"
"""Java's own default; the store holds nothing secret."""

_TOKEN_URI: Final = "https://oauth2.googleapis.com/token"
"""As in Google's own key files; the proxy leads there too."""

_GCLOUD: Final = """\
#!/bin/sh
# Stands in for Google's command in samples that ask it for a token.
case "$*" in
  "auth print-access-token"* | "auth application-default print-access-token"*) echo {token} ;;
  "config get-value project"* | "config get project"*) echo {project} ;;
  *)
    echo "gcloud: under geminid run this stands in for Google's command, and knows only" >&2
    echo "  auth print-access-token, auth application-default print-access-token, config get-value project" >&2
    echo "It was called as: gcloud $*" >&2
    exit 1
    ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Kit:
    """Paths, and the access token that ``gcloud`` prints. ``programs`` is a folder for the front of PATH."""

    ca: Path
    trust_store: Path
    key_file: Path
    programs: Path
    token: str


def make(folder: Path, authority: Authority, *, project: str, system_roots: bool) -> Kit:
    """Writes the files. ``system_roots`` lets the program trust the public authorities as well."""
    programs = folder / "bin"
    kit = Kit(
        ca=folder / "roots.pem",
        trust_store=folder / "roots.p12",
        key_file=folder / "service-account.json",
        programs=programs,
        token="ya29." + secrets.token_urlsafe(32),
    )
    if system_roots:
        authority.bundle(kit.ca)
    else:
        kit.ca.write_bytes(authority.ca.read_bytes())
    authority.trust_store(kit.trust_store, TRUST_STORE_PASSWORD)
    kit.key_file.write_text(_key_file(project), encoding="utf-8")
    programs.mkdir()
    gcloud = programs / "gcloud"
    gcloud.write_text(_GCLOUD.format(token=shlex.quote(kit.token), project=shlex.quote(project)), encoding="utf-8")
    gcloud.chmod(0o755)
    return kit


def _key_file(project: str) -> str:
    from geminid.storage.minting import service_account

    key_file, _ = service_account("geminid-run", project, token_uri=_TOKEN_URI, now=dt.datetime.now(dt.UTC))
    return json.dumps(key_file, indent=2)
