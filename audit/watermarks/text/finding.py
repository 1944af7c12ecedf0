"""Which mark does a text carry: every key at hand, and keys that are published, tried on it, and all of them counted.

    p = 1 - (1 - min p)^n        n marks, each read on the whole text and on the passage that says most

That no mark is found says nothing of who wrote a text. A text in which one is not found, though its tokens lean to it,
is told how many more of them it would take.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit import plugins
from audit.errors import DokimasiaError
from audit.model import CanTokenise
from detectors.immutable import immutable

if TYPE_CHECKING:
    from detectors.provenance.text.scheme import Reading, TextScheme

__all__ = ["Sought", "found_in", "published_marks"]


@immutable
class Sought:
    """A mark that texts are tried for."""

    told: Mapping[str, str]
    """What may be said of its key: id, variant, commitment; variant alone where the key is published."""
    mark: Any


def published_marks() -> list[Sought]:
    """Return the marks whose keys are their defaults: public, so that anybody may have put them in."""
    found = []
    for name in plugins.names("watermarks"):
        try:
            made: Any = plugins.build("watermarks", name, {})
        except (DokimasiaError, ValueError):  # it has no key of its own
            continue
        found.append(Sought({"id": "published", "variant": made.variant}, made))
    return list({one.told["variant"]: one for one in found}.values())


def found_in(
    texts: Sequence[str], sought: Sequence[Sought], reader: CanTokenise, alpha: float
) -> Iterator[dict[str, Any]]:
    """Yield of each text `found` (None: nothing to test), `p_value`, `tried`, `key` and `scored` of what says most.

    Where it is found in a passage, `passage` has its first and last token, and where the mark carries a message,
    `message` has it; where it is not found, `more` tokens of the
    same kind would do. `reader` has the tokenizer that the texts were drawn with.
    """
    ids = reader.tokenise(list(texts))
    schemes = [one.mark.scheme(reader.vocabulary) for one in sought]
    readings = [scheme.read(ids) for scheme in schemes]
    for each in zip(*readings, strict=True):
        yield _told(sought, schemes, each, alpha)


def _told(
    sought: Sequence[Sought], schemes: Sequence[TextScheme], readings: Sequence[Reading], alpha: float
) -> dict[str, Any]:
    from detectors.provenance.text.scan import scan

    tried, best = 2 * len(sought), None
    for one, scheme, reading in zip(sought, schemes, readings, strict=True):
        if not reading.scored:
            continue
        passage = scan(scheme, reading)
        inside = passage is not None and passage.p_value < reading.p_value
        p_value = passage.p_value if passage is not None and inside else reading.p_value
        if best is None or p_value < best[0]:
            best = (p_value, one, scheme, reading, passage if inside else None)
    if best is None:
        return {"found": None, "tried": tried}
    p_value, one, scheme, reading, passage = best
    counted = 1.0 if p_value >= 1 else -math.expm1(tried * math.log1p(-p_value))
    told = {
        "found": counted <= alpha, "p_value": counted, "tried": tried, "key": dict(one.told), "scored": reading.scored
    }  # fmt: skip
    if counted > alpha:
        return {**told, "more": scheme.more_needed(reading, alpha / tried)}
    if passage is not None:
        told["passage"] = [passage.first, passage.last]
    message = getattr(reading if passage is None else passage, "message", None)
    return told if message is None else {**told, "message": message}
