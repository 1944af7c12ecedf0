"""What is left of a mark: how often it is found in texts that were attacked, and in texts cut to a length.

    power             share of marked texts of which the test says so, p <= alpha
    shortest length   from which on at least `power` of the texts are found at an alpha that is promised

A text is a trial, unless a column says which texts are one. One that an attack leaves without anything to test is not
found: whoever looks would be told "cannot tell". One that an attack does not change is not attacked, and left out of
that attack. A text that the model did not give might have been found or not, and bounds every share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from math import ceil, log
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import places_in_order, units_of
from detectors.changes.attacks import FORGERY
from detectors.immutable import immutable
from detectors.intervals import exact_binomial, mean_over_units
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, undefined

__all__ = [
    "ATTACK_MEASURES", "CELL_LISTS", "Attacked", "Promise", "attack_cells", "from_on", "name_of", "power_table",
    "under_attack",
]

ATTACK_MEASURES = (
    "worst_power_under_attack", "shortest_length", "power_by_length", "forgery_rate", "power_under_attack",
)
_HIGH: Direction = "higher is better"
_LOW: Direction = "lower is better"
_NOTHING = Cause("no text was changed by it")
_NO_CUT = Cause("no text is as long as the shortest length that is asked for")
CELL_LISTS = ("kinds", "strengths", "lengths", "altered", "p_values")


@immutable
class Promise:
    """What is promised of a mark."""

    power: float = 0.99
    """Share of the marked texts that are to be found."""
    alpha: float = 1e-6
    """The false-positive rate at which they are."""

    def texts_needed(self, level: float) -> int:
        """Return how many texts, all found, put the lower end of an exact interval at `power`."""
        return ceil(log((1 - level) / 2) / log(self.power))


def name_of(kind: str, strength: float) -> str:
    """Return how an attack is called in measures, such as `delete at 0.3`."""
    return f"{kind} at {strength:g}"


def attack_cells(outputs: pd.DataFrame) -> pd.DataFrame:
    """Return `item` (place), `kind`, `strength`, `length`, `altered`, `p_value` of each text, attack and length.

    outputs, one row per text: `kinds`, `strengths`, `lengths`, `altered`, `p_values`, lists as long as each other; kind
    `none` is no attack, length 0 the whole text, a null p-value that nothing could be tested. Null lists = no text.
    """
    there = np.flatnonzero(outputs["kinds"].notna())
    lists = {name: outputs[name].to_numpy()[there] for name in CELL_LISTS}
    told = {name: list(chain.from_iterable(cells)) for name, cells in lists.items()}
    return pd.DataFrame({
        "item": np.repeat(there, [*map(len, lists["kinds"])]), "kind": told["kinds"],
        "strength": np.array(told["strengths"], float), "length": np.array(told["lengths"], int),
        "altered": np.array(told["altered"], bool), "p_value": np.array(told["p_values"], float),
    })  # fmt: skip


def power_table(cells: pd.DataFrame, alphas: Sequence[float], level: float) -> pd.DataFrame:
    """Return `kind, strength, length, alpha, texts, found, low, high` for each cell: exact, of each cell by itself."""
    rows = cells[cells["altered"] | cells["kind"].eq("none")]
    parts = []
    for alpha in alphas:
        found = rows.assign(found=rows["p_value"].le(alpha)).groupby(["kind", "strength", "length"], sort=False)
        table = found["found"].agg(["size", "sum"]).reset_index().rename(columns={"size": "texts", "sum": "found"})
        parts.append(table.assign(alpha=alpha))
    table = pd.concat(parts, ignore_index=True)
    low, high = exact_binomial(table["found"].to_numpy(), table["texts"].to_numpy(), level)
    return table.assign(low=low, high=high)


def under_attack(
    outputs: pd.DataFrame, *, alpha: float, promise: Promise, level: float, rng: np.random.Generator
) -> list[Measure]:
    """Return `ATTACK_MEASURES`; outputs as in `attack_cells`, with `unit` where a column names the independent units.

    `power_under_attack` is of each attack on whole texts, in intervals that hold for all of them at once, and
    `worst_power_under_attack` the least of them; `power_by_length` of no attack; both at `alpha`. `forgery_rate` is the
    power under the attack that changes what is said, in which a mark should not be found.
    """
    judge = Attacked(outputs, attack_cells(outputs), alpha, promise, level, rng)
    attacks = [one for one in judge.attacks if one[0] not in ("none", FORGERY)]
    worst, *each = judge.after(attacks)
    forged = next((one for one in judge.attacks if one[0] == FORGERY), (FORGERY, 1.0))
    return [
        worst, judge.shortest(), *judge.by_length(), judge.power(forged, 0, "forgery_rate", direction=_LOW), *each
    ]


@immutable
class Attacked:
    """Outputs that were read after attacks, and how often the mark is found in them."""

    outputs: pd.DataFrame
    """As in `attack_cells`, with `unit` where a column names the independent units."""
    cells: pd.DataFrame
    """What `attack_cells` says of them."""
    alpha: float
    promise: Promise
    level: float
    rng: np.random.Generator
    nothing: Cause = _NOTHING
    """Why there may be no output that an attack changed."""

    def after(self, attacks: Sequence[tuple[str, float]]) -> list[Measure]:
        """Return `worst_power_under_attack`, then `power_under_attack` of each attack, all of them at once."""
        strict = 1 - (1 - self.level) / max(1, len(attacks))
        joint = [self.power(one, 0, "power_under_attack", level=strict, group=name_of(*one)) for one in attacks]
        alone = [self.power(one, 0, "power_under_attack", group=name_of(*one)) for one in attacks]
        return [_worst(alone, joint, self.level, self.nothing), *(_at_once(one, len(joint)) for one in joint)]

    @cached_property
    def attacks(self) -> list[tuple[str, float]]:
        """Kind and strength of each, no attack too."""
        return list(dict.fromkeys(zip(self.cells["kind"], self.cells["strength"], strict=True)))

    @cached_property
    def lost(self) -> NDArray[np.intp]:
        """Places of texts that were asked for and not given."""
        return np.flatnonzero(self.outputs["kinds"].isna().to_numpy())

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """The independent unit of each output, as its place among the units."""
        return places_in_order(units_of(self.outputs))

    @cached_property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The cells, name -> [cell]."""
        return {str(name): cells.to_numpy() for name, cells in self.cells.items()}

    def of(self, attack: tuple[str, float], length: int = 0) -> NDArray[np.bool_]:
        """Tell which cells are of an attack on texts of a length, 0 = whole; [cell]."""
        kind, strength = attack
        told = self.columns
        return np.asarray(
            (told["kind"] == kind) & (told["strength"] == strength) & (told["length"] == length), dtype=bool
        )

    def found(self, attack: tuple[str, float], length: int, alpha: float) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return 1 for a text in which the mark is found, 0, or NaN where there is no text, and its place."""
        told = self.columns
        rows = self.of(attack, length) & (told["altered"] | (attack[0] == "none"))
        values = np.append(1.0 * (told["p_value"][rows] <= alpha), np.full(len(self.lost), np.nan))
        return values, np.append(told["item"][rows], self.lost)

    def power(
        self, attack: tuple[str, float], length: int, name: str, *, alpha: float | None = None,
        level: float | None = None, group: str | None = None, direction: Direction = _HIGH,
    ) -> Measure:
        """Return the share of texts in which the mark is found; at `self.alpha` and `self.level` unless told."""
        values, places = self.found(attack, length, self.alpha if alpha is None else alpha)
        told: dict[str, Any] = {"unit": "share", "direction": direction, "level": self.level, "group": group}
        if np.isnan(values).all():
            return undefined(name, self.nothing, n={"items": 0, "units": 0}, missing=len(values), **told)
        found = mean_over_units(
            values, self.units[places.astype(int)], level=level or self.level, rng=self.rng, binary=True
        )
        return Measure(
            name=name, value=found.value, low=found.low, high=found.high, n=found.n, method=found.method,
            missing=found.missing, **told,
        )

    @cached_property
    def cuts(self) -> list[int]:
        """Lengths to which texts were cut, in order."""
        return sorted(set(self.cells["length"]) - {0})

    def by_length(self) -> Iterator[Measure]:
        """Yield the power of no attack at each length."""
        for length in self.cuts:
            yield self.power(("none", 0.0), length, "power_by_length", group=f"{length} tokens")

    def shortest(self) -> Measure:
        """Return the shortest length that keeps the promise, between the one that may and the one that surely does.

        Its ends hold for all lengths at once.
        """
        level = 1 - (1 - self.level) / max(1, len(self.cuts))
        each = {
            length: self.power(("none", 0.0), length, "power", alpha=self.promise.alpha, level=level)
            for length in self.cuts
        }
        known = {length: one for length, one in each.items() if one.value is not None}
        told: dict[str, Any] = {"unit": "tokens", "direction": _LOW, "level": self.level, "missing": len(self.lost)}
        if not known:
            return undefined("shortest_length", _NO_CUT, n={"items": 0, "units": 0}, **told)
        told["n"] = max((one.n for one in known.values()), key=lambda n: n["units"])
        value, low, high = (from_on(known, end, self.promise.power) for end in ("value", "high", "low"))
        if value is None:
            reason = Cause(
                "at no length are {power} of the texts found at {alpha}; to show so much takes {count} texts",
                power=self.promise.power, alpha=self.promise.alpha, count=self.promise.texts_needed(level),
            )  # fmt: skip
            return undefined("shortest_length", reason, **told)
        method = Method("{method}; every length at once (Bonferroni)", method=known[value].method)
        if high is None:
            return Measure(name="shortest_length", value=float(value), method=Method("none; too few texts"), **told)
        return Measure(
            name="shortest_length", value=float(value), low=float(low or value), high=float(high), method=method, **told
        )


def from_on(known: Mapping[int, Measure], end: str, power: float) -> int | None:
    """Return the least length from which on this end of the interval is at least `power`; None for none."""
    found = None
    for length in sorted(known, reverse=True):
        number = getattr(known[length], end)
        if number is None or number < power:
            break
        found = length
    return found


def _worst(alone: Sequence[Measure], joint: Sequence[Measure], level: float, nothing: Cause) -> Measure:
    """Return the least power, whichever attack has it."""
    told: dict[str, Any] = {"unit": "share", "direction": _HIGH, "level": level}
    told["missing"] = max((one.missing for one in alone), default=0)
    known = [(one, all_) for one, all_ in zip(alone, joint, strict=True) if one.value is not None]
    if not known:
        return undefined("worst_power_under_attack", nothing, n={"items": 0, "units": 0}, **told)
    least = min((one for one, _ in known), key=lambda one: one.value or 0.0)
    lows, highs = [one.low or 0.0 for one, _ in known], [one.high for _, one in known if one.high is not None]
    method = least.method
    if len(known) > 1:
        method = Method("least of {count} attacks: {method}", count=len(known), method=least.method)
    return Measure(
        name="worst_power_under_attack", value=least.value, low=min(lows), high=min(highs), n=least.n, method=method,
        **told,
    )


def _at_once(one: Measure, count: int) -> Measure:
    if one.value is None or count == 1:
        return one
    return replace(one, method=Method("{method}; all attacks at once (Bonferroni)", method=one.method))
