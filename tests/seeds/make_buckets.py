"""Makes the folders that stand for the buckets of the samples, and prints the settings that say so.

python tests/seeds/make_buckets.py FOLDER >>geminid.toml
"""

from __future__ import annotations

import argparse
from pathlib import Path

from seed_samples import buckets

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Makes folders that stand for the buckets of samples.")
    parser.add_argument("folder", type=Path, help="where they are to be; files of these names are overwritten")
    folder = parser.parse_args().folder
    buckets.make(folder)
    print(buckets.settings(folder), end="")
