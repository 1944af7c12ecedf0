"""Canaries among their alternatives: which place each has, and what could not be counted.

    rank = 1 + #{alternatives at least as likely},   exposure = log2 (m + 1) / rank,   p = rank / (m + 1)

An alternative that could not be scored counts as likelier. One that comes again, that equals its canary or, where it is
shared, any canary, is left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import Floats, Items, field_of, items_of
from detectors.immutable import immutable
from detectors.intervals import exact_binomial
from detectors.memorisation.chance_exposure import Luck, chance_exposure, luck_of
from detectors.memorisation.patterns import Form

__all__ = ["ROLES", "Alternatives", "Canaries", "keys_of", "ranked", "shared_alternatives"]

ROLES = ("items", "held_out")
"""Canaries that were planted, or perhaps were; canaries that never were."""


@immutable
class Alternatives:
    """What else has the form of a canary, each once."""

    scores: Floats
    """Nats, or minus a loss [alternative]; higher = likelier, NaN = not scored."""
    tokens: Floats
    """Tokens of each [alternative]; NaN = not known."""
    repeated: int = 0
    equal: int = 0
    """How many were left out: that came again, that equal a canary."""


@immutable
class Canaries:
    """Ranked canaries, a row each; of one that was not scored `rank`, `exposure`, `p_value` are NaN.

    `rank, exposure, p_value, alternatives, cap` (bits), `chance` (mean exposure by luck), `ahead` (alternatives that
    are surely at least as likely), `space` (bits of its form, at most), `whole` (no more of its form are there),
    `shared`, `ties, repeated, equal, other_length`.
    """

    items: pd.DataFrame
    luck: Luck | None
    """What chance gives so many; None for none."""

    @cached_property
    def known(self) -> pd.DataFrame:
        """Those that were scored."""
        return self.items[self.items["exposure"].notna()]

    @property
    def n(self) -> dict[str, int]:
        """What a measure of them rests on."""
        return {"items": len(self.known), "units": len(self.known)}

    @property
    def missing(self) -> int:
        """How many were not scored."""
        return len(self.items) - len(self.known)

    @property
    def least(self) -> float:
        """Mean exposure, of one that was not scored 0."""
        return float(self.items["exposure"].fillna(0.0).mean())

    def p_value(self) -> float | None:
        """Return the p-value of their mean exposure being chance; None where none was scored."""
        return self.luck.p_value(self.least) if self.luck is not None and len(self.known) else None

    def of(self, rows: pd.DataFrame, rng: np.random.Generator) -> Canaries:
        """Return some of them."""
        return _with_luck(rows, rng)

    def highest(self, tail: float) -> Floats:
        """Return what the exposure [canary] is at most, in bits: all of them but with a probability of `tail`."""
        items = self.items
        m, ahead, space = (items[name].to_numpy(float) for name in ("alternatives", "ahead", "space"))
        rate, _ = exact_binomial(ahead, m, 1 - tail / max(1, len(items)), "lower")
        with np.errstate(divide="ignore"):
            seen = np.where(items["whole"], np.log2((m + 1) / (ahead + 1)), np.minimum(-np.log2(rate), space))
        return np.where(items["exposure"].notna(), seen, space)


def keys_of(frame: pd.DataFrame) -> list[Hashable]:
    """Return for every item what equal ones share."""
    return [one if isinstance(one, str) else np.asarray(one, dtype=float).tobytes() for one in items_of(frame)]


def shared_alternatives(frame: pd.DataFrame | None, canaries: Iterable[Hashable]) -> Alternatives:
    """Return the alternatives that canaries share, those left out that equal one; `canaries`: their keys."""
    if frame is None or not len(frame):
        return Alternatives(np.empty(0), np.empty(0))
    return _once(keys_of(frame), frame["score"], frame["tokens"], set(canaries))


def ranked(frame: pd.DataFrame, shared: Alternatives, space: int | None, rng: np.random.Generator) -> Canaries:
    """Return canaries ranked among their own alternatives, or the shared ones; columns as `exposure` takes them."""
    content, signs = field_of(frame), _bits_of(items_of(frame)) if len(frame) else []
    read = [name for name in _READ if name in frame]
    cells = (dict(zip(read, row, strict=True)) for row in zip(*(frame[name] for name in read), strict=True))
    rows = [
        _row(row, key, shared, space, most)
        for row, key, most in zip(cells, keys_of(frame) if len(frame) else [], signs, strict=True)
    ]
    kept = [one for one in (content, "prompt", "group") if one in frame]
    if not rows:
        return _with_luck(frame[kept].reindex(columns=[*kept, *_COLUMNS]), rng)
    return _with_luck(pd.concat([frame[kept], pd.DataFrame(rows, frame.index)], axis=1), rng)


_READ = ("score", "tokens", "pattern", "members", "member_score", "member_tokens")
_COLUMNS = (
    "exposure", "rank", "alternatives", "cap", "p_value", "chance", "ahead", "space", "whole", "shared", "ties",
    "repeated", "equal", "other_length",
)  # fmt: skip


def _with_luck(items: pd.DataFrame, rng: np.random.Generator) -> Canaries:
    if not len(items):
        return Canaries(items, None)
    sizes = items["alternatives"].to_numpy(np.int64) + 1
    return Canaries(items, luck_of(sizes, items["shared"].to_numpy(bool), rng))


def _row(
    row: Mapping[Any, Any], key: Hashable, shared: Alternatives, space: int | None, most: float
) -> dict[str, Any]:
    """Return what is told of a canary."""
    own = row.get("members") is not None
    among = shared
    if own:
        tokens = row["member_tokens"] if row["member_tokens"] is not None else [None] * len(row["members"])
        among = _once(row["members"], row["member_score"], tokens, {key})
    score = np.nan if row["score"] is None else float(row["score"])
    lost = np.isnan(among.scores)
    m, ahead = len(among.scores), int((among.scores >= score).sum())
    size = Form(row["pattern"]).size if row.get("pattern") is not None else space
    rank = np.nan if np.isnan(score) else 1.0 + ahead + lost.sum()
    length = np.nan if row["tokens"] is None else float(row["tokens"])
    told = np.array([rank, np.log2((m + 1) / rank), rank / (m + 1)])
    return {
        "exposure": told[1], "rank": told[0], "alternatives": m, "cap": float(np.log2(m + 1)), "p_value": told[2],
        "chance": float(chance_exposure(np.array([m + 1]))[0]), "ahead": ahead,
        "space": float(np.log2(size)) if size is not None else max(most, np.log2(m + 1)),
        "whole": size == m + 1, "shared": not own, "ties": int((among.scores == score).sum()),
        "repeated": among.repeated, "equal": among.equal,
        "other_length": int((np.abs(among.tokens - length) > 0).sum()),
    }  # fmt: skip


def _once(
    members: Iterable[Hashable], scores: Iterable[Any], tokens: Iterable[Any], canaries: set[Hashable]
) -> Alternatives:
    """Return each member once, without those that equal a canary."""
    keys = list(members)
    others = [at for at, key in enumerate(keys) if key not in canaries]
    kept = sorted({keys[at]: at for at in reversed(others)}.values())  # of equal ones the first
    score, length = (np.array([*told], dtype=float)[kept] for told in (scores, tokens))
    return Alternatives(score, length, len(others) - len(kept), len(keys) - len(others))


def _bits_of(items: Items) -> list[float]:
    """Return the bits of each item, were all characters, or numbers, that occur in any as likely."""
    signs = [list(one) for one in items] if not isinstance(items, np.ndarray) else list(items.reshape(len(items), -1))
    each = float(np.log2(len(np.unique(np.concatenate(signs)))))
    return [each * len(one) for one in signs]
