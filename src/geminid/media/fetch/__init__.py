"""Media by reference: what a ``fileUri`` names, brought here within limits and never from where it must not.

``fetcher.py`` leads; ``uris.py`` says what a URI names; ``local.py``, ``gcs.py``, ``http.py`` and ``youtube.py``
bring it; ``addresses.py`` says which hosts are public; ``cache.py`` keeps what came. Called by ``understand.py``.
"""

from geminid.media.fetch.fetcher import Fetcher, FindUploaded
from geminid.media.fetch.policy import Policy

__all__ = ["Fetcher", "FindUploaded", "Policy"]
