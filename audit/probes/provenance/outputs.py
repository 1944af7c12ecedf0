"""Reading one output for the duties to mark it: what kind it is, which layers it has, which words and which marks."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.errors import DataError
from audit.files import decoding
from audit.probes.provenance.files import FileReader, decoded, digest_of, said
from audit.watermarks.origin import Origin, media_type

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Ask
    from audit.watermarks.text.finding import Sought

__all__ = ["disclosed_in", "kind_of", "read_output", "read_texts"]

_DOCUMENTS = ("application/pdf", "application/epub+zip", "application/msword", "application/vnd.")
_MADE = ("c2pa.created", "c2pa.edited", "c2pa.opened", "c2pa.placed")
"""Actions that say whether something was made or altered."""


def kind_of(data: bytes, name: str) -> str:
    """Return text, image, audio, video, document (a container of text) or other, by the bytes, else the name."""
    media = media_type(data, name)
    head = media.partition("/")[0]
    if head in ("text", "image", "audio", "video"):
        return head
    return "document" if media.startswith(_DOCUMENTS) else "other"


def read_output(reader: FileReader, notices: Sequence[str], name: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of one output, `text` too where it is one; marks in texts are left for `read_texts`."""
    if isinstance(cells.get("file"), str) or not any(_given(cells.get(one)) for one in ("text", "tokens", "p_value")):
        name = str(cells["name"]) if _given(cells.get("name")) else name
        data = decoded(cells.get("file"))
        kind = kind_of(data, name)
        if kind != "text":
            return _file(reader, data, name, kind, cells)
        text = data.decode("utf-8", "replace") if data else None
    else:
        text = str(cells["text"]) if _given(cells.get("text")) else None
    return _text(name, text, notices, cells)


def _given(cell: Any) -> bool:
    return cell is not None and not (isinstance(cell, float) and math.isnan(cell))


def _file(reader: FileReader, data: bytes, name: str, kind: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    origin, mark = reader.origin(data, name), reader.mark(data, name) if reader.keys_for(kind) else None
    lost, told = origin.state is None, said(origin, mark)
    label = _label_share(data, name, cells.get("label_height")) if kind == "image" else None
    found = None if reader.keys_for(kind) else "not sought"
    if mark is not None:
        found = "found" if mark.key is not None else "not found"
    return {
        "name": name, "kind": kind, "digest": digest_of(data), "text": None, "tokens": None, "p_value": None,
        "state": origin.state, "time_stamped": None if lost else any(one["time"] for one in origin.manifests[:1]),
        "mark": None if lost else found, "source_type": None if lost else told["model_source"],
        "aigc": None if lost else _well_formed(origin), "worded": True if label else None, "label_share": label,
        "disclosed": None if lost else disclosed_in(origin), "layers": told["layers"], "problem": told["problem"],
    }  # fmt: skip


def _text(name: str, text: str | None, notices: Sequence[str], cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of a text; it has no manifest, and what was read elsewhere stands as it was given."""
    tokens, p_value = (float(cells[one]) if _given(cells.get(one)) else None for one in ("tokens", "p_value"))
    there = text is not None or tokens is not None
    said_so = None if text is None else any(one.casefold() in text.casefold() for one in notices)
    return {
        "name": name, "kind": "text", "digest": digest_of((text or name).encode()), "text": text, "tokens": tokens,
        "p_value": p_value, "state": "none" if there else None, "time_stamped": False, "mark": "not sought",
        "source_type": False, "aigc": False, "worded": said_so, "label_share": None, "disclosed": [], "layers": [],
        "problem": None,
    }  # fmt: skip


def read_texts(ask: Ask, outputs: pd.DataFrame, marks: Sequence[Sought], tokenizer: str | None, alpha: float) -> None:
    """Count the tokens of the texts and seek the marks in them, where a model of the plan has their tokenizer.

    A text of which `p_value` was given keeps it.
    """
    texts = outputs.loc[outputs["text"].notna(), "text"]
    if tokenizer is not None and len(texts):
        read = ask("token_ids", texts.tolist(), model=tokenizer)
        ids = list(read["ids"])
        outputs.loc[texts.index, "tokens"] = [float(len(one)) for one in ids]
        if marks:
            schemes = [one.mark.scheme(int(read["vocabulary"].iloc[0])) for one in marks]
            outputs.loc[texts.index, "p_value"] = [*_least(schemes, ids)]
            outputs.loc[texts.index, "mark"] = None
    given = outputs["p_value"].notna() & outputs["kind"].eq("text")
    outputs.loc[given, "mark"] = outputs.loc[given, "p_value"].map(lambda p: "found" if p <= alpha else "not found")


def _least(schemes: Sequence[Any], ids: Sequence[Any]) -> Iterator[float | None]:
    """Yield the least p-value of each text, all marks counted; 1 where nothing in it can be tested."""
    for each in zip(*(scheme.read(ids) for scheme in schemes), strict=True):
        p_value = min((one.p_value for one in each if one.scored), default=1.0)
        yield 1.0 if p_value >= 1 else -math.expm1(len(schemes) * math.log1p(-p_value))


def _well_formed(origin: Origin) -> bool:
    """Tell whether there is an AIGC label that names its kind, its producer and the producer's number."""
    told = origin.aigc or {}
    return all(told.get(name, "").strip() for name in ("Label", "ContentProducer", "ProduceID"))


def disclosed_in(origin: Origin) -> list[str]:
    """Return which of `detectors.provenance.duties.ITEMS` the active manifest tells."""
    if not origin.manifests or origin.state not in ("Trusted", "Valid"):
        return []
    one = origin.manifests[0]
    actions = one["actions"]
    there = {
        "provider": one["signer"], "system": any(act["agent"] for act in actions),
        "version": any(act["version"] for act in actions), "time": one["time"] or any(act["when"] for act in actions),
        "id": one["id"] or one["label"], "kind": any(act["action"] in _MADE for act in actions),
    }  # fmt: skip
    return [name for name, told in there.items() if told]


def _label_share(data: bytes, name: str, height: Any) -> float | None:
    """Return the height of a visible label over the shorter side of its image; None where one is not known."""
    try:
        with decoding(io.BytesIO(data), name) as image:
            return float(height) / min(image.size) if _given(height) else None
    except (DataError, ValueError, TypeError):
        return None
