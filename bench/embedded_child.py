"""The embedded engine's child process with other settings than geminid's own. Run by ``embedded_sides.py``.

Its one argument is a JSON object: dotted names of ``xllamacpp.CommonParams`` with their values, enumerations as
numbers; names in capitals are environment variables.
"""

from __future__ import annotations

import functools
import json
import operator
import os
import sys
from typing import Any

from geminid.engines import llama_child


def adjust(settings: dict[str, Any], params: Any) -> None:
    for name, value in settings.items():
        path, _, last = name.rpartition(".")
        owner = operator.attrgetter(path)(params) if path else params
        if not hasattr(owner, last):
            sys.exit(f"this llama.cpp has no setting {name}")
        setattr(owner, last, value)


def main() -> None:
    told = json.loads(sys.argv[1])
    os.environ.update({name: value for name, value in told.items() if name.isupper()})
    settings = {name: value for name, value in told.items() if not name.isupper()}
    llama_child.main(functools.partial(adjust, settings))


if __name__ == "__main__":
    main()
