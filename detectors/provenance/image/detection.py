"""Is a mark there in images, what takes it out, whom does it accuse, and what does it cost.

    an image is found  <=>  its p-value is at most alpha
    power       share of marked images that are found, after each attack, at 1e-2, 1e-3, 1e-6 and alpha
    accused     share of images without the mark that are found, counted; theory says at most alpha, over keys
    under other keys    every image under keys that were not put in: a trial each, as each key is drawn anew, so that
                the count of alarms is a sum of independent ones and the binomial interval of their mean rate holds
                (Hoeffding 1956, Ann. Math. Stat. 27:713), whatever the images are

The image is the independent unit, unless a column says which are one, such as crops of one photograph. Of an image that
cannot be read nobody can say that it is marked: it is missing as it came, and not found after an attack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, places_in_order, units_of
from detectors.immutable import immutable
from detectors.intervals import mean_over_units
from detectors.phrases import Cause, Method
from detectors.provenance.detection import median_of
from detectors.provenance.image.lifting import COPY
from detectors.provenance.image.sets import set_measures
from detectors.provenance.under_attack import Attacked, Promise, attack_cells, name_of
from detectors.result import COUNT, Direction, Measure, Remark, Result, undefined

__all__ = ["IMAGE_MARK_MEASURES", "LEVELS", "MarkJudge", "image_mark_detection", "level_named"]

IMAGE_MARK_MEASURES = (
    "detection_rate", "worst_power_under_attack", "false_positive_rate", "own_false_positive_rate", "other_key_rate",
    "forgery_rate", "bit_accuracy", "psnr", "ssim", "cells_below_promise", "not_tested", "power_under_attack",
)
LEVELS = (1e-2, 1e-3, 1e-6)
"""P-values at which power and false alarms are told beside alpha."""
_HIGH: Direction = "higher is better"
_LOW: Direction = "lower is better"
_UNREAD = Cause("in no image is there anything to read")
_UNCHANGED = Cause("no image was changed by it")
_NO_CLEAN = Cause("the plan gives no images that are known to be without the mark")
_NO_ORIGINALS = Cause("there are no originals beside the marked images")
_NO_KEYS = Cause("no image was read under another key")
_NOT_LIFTED = Cause("there are no further marked images to lift the mark from, or no originals to copy it into")
_NO_MESSAGE = Cause("the mark carries no message that is known")
_NO_ATTACKS = Cause("no attack was asked for")
_FEW = Cause("there are no pairs that can be compared")


def level_named(level: float) -> str:
    """Return how the rate at a p-value is called in measures, such as `p at most 0.001`."""
    return f"p at most {level:g}"


def image_mark_detection(
    outputs: pd.DataFrame, unmarked: pd.DataFrame | None, *, alpha: float, promise: Promise, level: float,
    rng: np.random.Generator, remarks: Sequence[Remark] = (),
) -> Result:
    """Return `IMAGE_MARK_MEASURES`, some of them by p-value or attack too.

    outputs, one row per image: `p_value`, `right_bits` (share of the message; null: none), `other_p_values` (list, one
    a key that was not put in), and where there are originals `plain_p_value` (under the key), `psnr`, `ssim`. Where it
    was attacked, the lists of `under_attack.attack_cells` and `bits` (share of right bits, in the same order); an
    attack of the kind `copy` is the original with the mark lifted from other images. `unit` names the independent unit.
    Where images were read together, the lists of `sets.set_measures`, which are returned too.
    unmarked, one row per image that is known to be without the mark: `p_value`, `other_p_values`, `unit`.

    `items` has the rows with `value` (found 1, not 0), `against`, `weight` (p); `table` those of the unmarked images.
    """
    judge = MarkJudge(outputs, unmarked, alpha, promise, level, rng)
    measures = (
        *judge.detection(), judge.worst, *judge.accused(), *judge.under_other_keys(), judge.forged(), *judge.bits(),
        *judge.quality(), judge.below(), judge.not_tested(), *judge.together(), *judge.after,
    )  # fmt: skip
    said = [*remarks, *judge.remarks()]
    return Result(measures, judge.items(), judge.table(), remarks=tuple(said))


@immutable
class MarkJudge:
    """Works out the measures of outputs of one kind; why one may be undefined is told in the words of that kind."""

    unread: ClassVar[Cause] = _UNREAD
    unchanged: ClassVar[Cause] = _UNCHANGED
    no_clean: ClassVar[Cause] = _NO_CLEAN
    no_originals: ClassVar[Cause] = _NO_ORIGINALS
    no_keys: ClassVar[Cause] = _NO_KEYS
    costs: ClassVar[Sequence[tuple[str, str]]] = (("psnr", "dB"), ("ssim", "score"))
    """Columns that tell what the mark costs, with their units."""

    outputs: pd.DataFrame
    unmarked: pd.DataFrame | None
    alpha: float
    promise: Promise
    level: float
    rng: np.random.Generator

    @property
    def levels(self) -> list[float]:
        """P-values beside alpha."""
        return [one for one in LEVELS if one != self.alpha]

    @cached_property
    def p(self) -> Floats:
        """P-value of each output under the key."""
        return self.outputs["p_value"].to_numpy(float)

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """The independent unit of each image, as its place among the units."""
        return places_in_order(units_of(self.outputs))

    @cached_property
    def attacked(self) -> Attacked | None:
        """What was attacked; None where nothing was."""
        if "kinds" not in self.outputs:
            return None
        cells = attack_cells(self.outputs)
        return Attacked(self.outputs, cells, self.alpha, self.promise, self.level, self.rng, self.unchanged)

    @cached_property
    def attacks(self) -> list[tuple[str, float]]:
        """Kind and strength of each attack, copies aside."""
        found = [] if self.attacked is None else self.attacked.attacks
        return [one for one in found if one[0] not in ("none", COPY)]

    @cached_property
    def _power(self) -> list[Measure]:
        return [] if self.attacked is None or not self.attacks else self.attacked.after(self.attacks)

    @property
    def worst(self) -> Measure:
        """The least power, whichever attack has it."""
        told: dict[str, Any] = {"unit": "share", "direction": _HIGH, "level": self.level, "n": _n(0)}
        return self._power[0] if self._power else undefined("worst_power_under_attack", _NO_ATTACKS, **told)

    @property
    def after(self) -> list[Measure]:
        """The power after each attack."""
        return self._power[1:]

    def rate(
        self, name: str, values: Floats | None, direction: Direction, reason: Cause, units: NDArray[Any] | None,
        **told: Any,
    ) -> Measure:
        """Return the mean over units of 0/1 values, NaN = cannot be said."""
        facts: dict[str, Any] = {
            "unit": "share", "direction": direction, "level": self.level, "group": told.pop("group", None)
        }
        if values is None or np.isnan(values).all():
            return undefined(name, reason, n=_n(0), missing=0 if values is None else len(values), **facts)
        mean = mean_over_units(values, units, level=self.level, rng=self.rng, binary=name != "bit_accuracy")
        return Measure(
            name=name, value=mean.value, low=mean.low, high=mean.high, n=mean.n, method=mean.method,
            missing=mean.missing, **facts, **told,
        )

    def detection(self) -> Iterator[Measure]:
        """Yield the share of images that are found at alpha, and at each level."""
        units = self.units
        unit_of = "unit" if "unit" in self.outputs else None
        yield self.rate("detection_rate", _at(self.p, self.alpha), _HIGH, self.unread, units, mean_of="value",
                        unit_of=unit_of)  # fmt: skip
        for one in self.levels:
            yield self.rate("detection_rate", _at(self.p, one), _HIGH, self.unread, units, group=level_named(one))

    def accused(self) -> Iterator[Measure]:
        """Yield the share of images without the mark that are found under the key, at alpha and at each level."""
        clean = self.unmarked
        if clean is None:
            yield self.rate("false_positive_rate", None, _LOW, self.no_clean, None)
        else:
            p, units = clean["p_value"].to_numpy(float), places_in_order(units_of(clean))
            yield self.rate("false_positive_rate", _at(p, self.alpha), _LOW, self.unread, units)
            for one in self.levels:
                yield self.rate("false_positive_rate", _at(p, one), _LOW, self.unread, units, group=level_named(one))
        plain = self.outputs["plain_p_value"].to_numpy(float) if "plain_p_value" in self.outputs else None
        own = None if plain is None else _at(plain, self.alpha)
        yield self.rate("own_false_positive_rate", own, _LOW, self.no_originals, self.units)

    def under_other_keys(self) -> Iterator[Measure]:
        """Yield the share of images under keys that were not put in that are found, at alpha and at each level."""
        p = self.others
        yield self.rate("other_key_rate", _at(p, self.alpha), _LOW, self.no_keys, None)
        for one in self.levels if len(p) else ():
            yield self.rate("other_key_rate", _at(p, one), _LOW, self.no_keys, None, group=level_named(one))

    @cached_property
    def others(self) -> Floats:
        """P-values of every image under every key that was not put in."""
        frames = [self.outputs, *([] if self.unmarked is None else [self.unmarked])]
        lists = [one for frame in frames for one in frame["other_p_values"] if one is not None]
        return np.array([p for one in lists for p in one], dtype=float)

    def forged(self) -> Measure:
        """Return the share of originals in which the mark is found after it was copied into them, at its best."""
        copies = [] if self.attacked is None else [one for one in self.attacked.attacks if one[0] == COPY]
        if self.attacked is None or not copies:
            told: dict[str, Any] = {"unit": "share", "direction": _LOW, "level": self.level, "n": _n(0)}
            return undefined("forgery_rate", _NOT_LIFTED, **told)
        return self.attacked.power(min(copies, key=lambda one: one[1]), 0, "forgery_rate", direction=_LOW)

    def bits(self) -> Iterator[Measure]:
        """Yield the share of the message's bits that are right, as it came and after each attack."""
        right = self.outputs["right_bits"].to_numpy(float)
        facts: dict[str, Any] = {"mean_of": "right_bits", "unit_of": "unit" if "unit" in self.outputs else None}
        yield self.rate("bit_accuracy", right, _HIGH, _NO_MESSAGE, self.units, **facts)
        if np.isnan(right).all() or self.attacked is None:
            return
        after = np.concatenate([np.array(one, dtype=float) for one in self.outputs["bits"] if one is not None])
        places = self.attacked.columns["item"].astype(int)
        for one in self.attacks:
            rows, group = self.attacked.of(one), name_of(*one)
            own = self.units[places[rows]]
            yield self.rate("bit_accuracy", after[rows], _HIGH, _NO_MESSAGE, own, group=group)

    def quality(self) -> Iterator[Measure]:
        """Yield the medians over units of what the mark costs."""
        for name, unit in self.costs:
            told = self.outputs[name].to_numpy(float) if name in self.outputs else np.empty(0)
            there = ~np.isnan(told)
            units = self.units[: len(told)][there]
            sizes = np.bincount(units)
            means = (np.bincount(units, told[there]) / np.maximum(sizes, 1))[sizes > 0]
            nothing = _FEW if len(told) else self.no_originals
            yield median_of(name, pd.Series(means), nothing, unit=unit, direction=_HIGH, level=self.level,
                            missing=int((~there).sum()))  # fmt: skip

    def below(self) -> Measure:
        """Return in how many attacks fewer images are found than was promised; all attacks at once."""
        told: dict[str, Any] = {"unit": "count", "direction": _LOW, "level": self.level}
        if self.attacked is None or not self.attacks:
            return undefined("cells_below_promise", _NO_ATTACKS, n=_n(0), **told)
        strict = 1 - (1 - self.level) / len(self.attacks)
        each = [
            self.attacked.power(one, 0, "power", alpha=self.promise.alpha, level=strict) for one in self.attacks
        ]
        known = [one for one in each if one.value is not None]
        ends = [
            sum(getattr(one, end) < self.promise.power for one in known) for end in ("high", "value", "low")
        ]
        method = Method(
            "attacks whose interval lies below, to those whose interval reaches below; {count} at once (Bonferroni)",
            count=len(each),
        )
        low, value, high = ends
        return Measure(name="cells_below_promise", value=value, low=low, high=high, n={"items": len(known)},
                       method=method, **told)  # fmt: skip

    def together(self) -> list[Measure]:
        """Return what sets of images say, where there are any."""
        if "set_sizes" not in self.outputs:
            return []
        return set_measures(self.outputs, alpha=self.alpha, promise=self.promise, level=self.level)

    def not_tested(self) -> Measure:
        """Return how many outputs could not be read."""
        count = float(np.isnan(self.p).sum())
        return Measure(
            name="not_tested", value=count, low=count, high=count, n={"items": len(self.p)}, unit="count",
            direction=_LOW, level=self.level, method=COUNT,
        )

    def remarks(self) -> Iterator[Remark]:
        """Yield the attack that takes most, and what counting can and cannot say of false alarms."""
        known = [one for one in self.after if one.value is not None]
        if known:
            worst = min(known, key=lambda one: one.value or 0.0)
            yield Remark("weakest_attack", {"attack": str(worst.group), "found_share": float(worst.value or 0.0)})
        if read := int((~np.isnan(self.others)).sum()):
            yield Remark("rates_counted", {"reading_count": float(read), "least": 1 / read, "alpha": self.alpha})

    def of_files(self, remarks: Sequence[Remark]) -> Result:
        """Return the measures of marks that are read in files of sound or video, and the outputs with them."""
        measures = (
            *self.detection(), self.worst, *self.accused(), *self.under_other_keys(), *self.quality(), self.below(),
            self.not_tested(), *self.after,
        )  # fmt: skip
        return Result(measures, self.items(), self.table(), remarks=(*remarks, *self.remarks()))

    def items(self) -> pd.DataFrame:
        """Return the outputs with what is said of each."""
        found = _at(self.p, self.alpha)
        unread = np.isnan(found)
        missed = pd.arrays.BooleanArray(found == 0, unread)
        items = self.outputs.assign(value=found, against=missed, weight=self.p)
        return items.assign(no_answer=unread) if unread.any() else items

    def table(self) -> pd.DataFrame | None:
        """Return the unmarked outputs with what is said of each."""
        clean = self.unmarked
        return None if clean is None else clean.assign(value=_at(clean["p_value"].to_numpy(float), self.alpha))


def _at(p: Floats, alpha: float) -> Floats:
    """Return 1 for what is found, 0 for what is not; NaN where there is no p-value."""
    return np.where(np.isnan(p), np.nan, p <= alpha)


def _n(count: int) -> dict[str, int]:
    return {"items": count, "units": count}
