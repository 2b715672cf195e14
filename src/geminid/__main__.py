"""``python -m geminid``."""

from geminid.cli import main

main()
