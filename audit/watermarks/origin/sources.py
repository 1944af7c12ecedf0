"""What a layer of metadata says a file is: IPTC's digital source type, China's AIGC label, and whether layers agree.

    camera   the pixels were captured          model   a trained model made them, or some of them
    human    a person made it by hand

A layer that says camera or human beside one that says model is a conflict: at least one of them is wrong. A layer that
is not there says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

__all__ = ["AIGC_FIELDS", "SOURCE_TYPES", "aigc_label", "in_conflict", "said_by", "term_of"]

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""Where IPTC's terms stand."""
CAMERA = frozenset({"digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print"})
HUMAN = frozenset({"digitalCreation", "digitalArt", "humanEdits", "minorHumanEdits"})
MODEL = frozenset({
    "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic",
    "trainedAlgorithmicData",
})
AIGC_FIELDS = (
    "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"
)
"""Of the label of GB 45438-2025; `Label` 1 = made by AI, 2 = possibly, 3 = suspected."""
_LABELS = ("1", "2", "3")


def term_of(address: Any) -> str | None:
    """Return IPTC's term of an address, or None where it is none of IPTC's."""
    head, slash, term = str(address).strip().replace("https://", "http://").rpartition("/")
    return term if slash and head + slash == SOURCE_TYPES and term.isalnum() else None


def aigc_label(text: Any) -> dict[str, str] | None:
    """Return the fields of an AIGC label in JSON, alone or under the key AIGC; None where it is no such label."""
    try:
        told = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return None
    told = told.get("AIGC", told) if isinstance(told, dict) else None
    if not isinstance(told, dict) or str(told.get("Label")) not in _LABELS:
        return None
    return {name: str(told[name]) for name in AIGC_FIELDS if name in told}


def said_by(terms: Iterable[str]) -> Literal["camera", "human", "model"] | None:
    """Return what a layer says by its terms; a model's part in it outweighs the others, a camera's a person's."""
    there = set(terms)
    return "model" if there & MODEL else "camera" if there & CAMERA else "human" if there & HUMAN else None


def in_conflict(layers: Mapping[str, str | None]) -> bool:
    """Tell whether one layer says model and another camera or human."""
    said = set(layers.values())
    return "model" in said and bool(said & {"camera", "human"})
