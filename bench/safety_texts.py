"""Labelled texts, and what is measured with them. Used by ``safety.py`` and ``safety_weights.py``.

A folder has a YAML file for each category, which maps how bad it is to texts, and ``neutral.yaml``, which maps
kinds of harmless texts to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from geminid.judgement import Category

NEUTRAL: None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """``category`` is None for harmless texts; ``kind`` is how bad it is, or which kind of harmless text."""

    text: str
    category: Category | None
    kind: str


def read(folder: Path) -> list[Labelled]:
    """The texts of a folder, the harmful ones first."""
    files: dict[Category | None, Path] = {category: folder / f"{category.value}.yaml" for category in Category}
    return [
        Labelled(text, category, kind)
        for category, path in (*files.items(), (NEUTRAL, folder / "neutral.yaml"))
        for kind, texts in yaml.safe_load(path.read_text("utf-8")).items()
        for text in texts
    ]


def is_negative(each: Labelled, category: Category) -> bool:
    """Whether a text surely does not belong to a category.

    Contempt for a group is often abuse of a person as well, and a threat is often danger: neither is held against
    a rater that says so.
    """
    if each.category is category:
        return False
    if category is Category.HARASSMENT:
        return each.category is not Category.HATE_SPEECH
    if category is Category.DANGEROUS_CONTENT:
        return each.kind != "high" or each.category is Category.SEXUALLY_EXPLICIT
    return True


def auc(
    positive: Sequence[float] | np.ndarray[Any, Any], negative: Sequence[float] | np.ndarray[Any, Any]
) -> float:
    """How often a harmful text scores higher than a harmless one; a tie counts half."""
    above = np.asarray(positive)[:, None] - np.asarray(negative)
    return float((above > 0).mean() + (above == 0).mean() / 2)
