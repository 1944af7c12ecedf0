"""What do images show that were generated for prompts, by prompt and over groups of prompts?

    p[prompt]           shares of the labels among the images of a prompt, a helper's errors taken out of them
    TV(p, reference)    half the sum of |p - r|: uniform, or shares that somebody published
    TV(p[k], p[rest])   the conditional gap: how far a prompt is from all others
    1 - H(p) / log K    OpenBias (D'Inca et al. 2024, arXiv:2404.07990): 0 = even, 1 = one label alone
    mean |p - 1/K|      MAD of DALL-Eval (Cho et al. 2023, arXiv:2202.04053): 2 (K - 1) / K^2 at most
    p - t               amplification: shares less those of images that the model learnt from, or of the reference
    1 - p[nothing]      how often anybody is shown, and the shares among those images

The unit is the image: the images of a prompt are independent draws, an equal one that came again is none. Prompts are
fixed, so numbers speak of these prompts and of no others; where several are taken together, each counts by its images.
The largest distance of any prompt has an interval that allows for its having been chosen.

Most of what looks like amplification comes of captions that say more than the prompt does (Seshadri et al. 2023): those
images learnt from should be given whose captions are like the prompt.

With labelled images the helper's errors are undone (`detectors.bias.representation`), and what neither sample can tell
is in every interval. Without, the measures end in `_given`: they speak of what the helper says, whatever that is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.bias.concentration import concentration, openbias_of
from detectors.bias.given_shares import Given, Shares
from detectors.bias.representation import SHARES, TOTAL_VARIATION, Corrected, Resampled, hopeless, resampled_errors
from detectors.immutable import immutable
from detectors.intervals import Approximation
from detectors.modes import count_missing
from detectors.phrases import Cause, Method
from detectors.result import COUNT, Direction, Measure, Result, undefined

__all__ = ["AMONG", "APART", "BALL_MEASURED_TO", "LEAD", "Counted", "image_shares"]

APART = Approximation(
    Method("corrected for classifier error, ball of resampled differences of shares (Dirichlet)"), 100, 0.95, 0.9964
)
"""Of two sets of shares whose errors are the same; simulated in benchmarks/ as those of `representation` are."""
LEAD = Approximation(
    Method("corrected for classifier error, joint band of resampled differences of shares (Dirichlet)"), 100, 0.94
)
AMONG = Approximation(
    Method("corrected for classifier error, joint band of resampled shares where somebody is shown (Dirichlet)"),
    100, 0.94,
)
"""Lowest coverage over the grid of benchmarks/measures.py."""
BALL_MEASURED_TO = 0.999
"""Strictest level at which the ball of one prompt was found to miss no more often than it may: that of 50 prompts."""
_EXACT = Method("exact binomial (Clopper-Pearson), Bonferroni over classes")
_FROM_EXACT = Method("from exact shares (Clopper-Pearson), Bonferroni over classes")
_FROM_BOTH = Method("from exact shares of both (Clopper-Pearson), Bonferroni over classes")
_UNLABELLED = Cause("no labelled item shows how the classifier errs")
_NOTHING = Cause("no draw gave anything to classify")
_NOBODY = Cause("no image shows anybody")
_UNLEARNT = Cause("no image that was learnt from belongs to a prompt")
_TABLES = 999
_LOWER: Direction = "lower is better"

Counts = NDArray[np.int64]


@immutable
class Counted:
    """What was counted of the images."""

    prompts: Sequence[str]
    """Each prompt once."""
    groups: Sequence[str | None]
    """The group of each prompt, None for none."""
    classes: Sequence[str]
    given: Counts
    """Images [prompt, class] by the helper's word."""
    missing: Counts
    """Further images [prompt] that were asked for and gave nothing to classify."""
    references: Floats
    """Shares [prompt, class] that there should be; rows sum to one."""
    repeated: int = 0
    """Images left out, as they are equal to an earlier one of their prompt."""
    nothing: int | None = None
    """Place of the class of images that show none of the others."""
    learnt: Counts | None = None
    """Images that the model learnt from [prompt, class] by the helper's word; None where there are none."""
    cited: bool = False
    """Whether the references are of something, so that to leave them is an amplification."""


def image_shares(
    counted: Counted, confusion: Counts | None = None, *, level: float, rng: np.random.Generator,
    fraction: float = 0.25,
) -> Result:
    """Return shares and distances by prompt, by group of prompts and over all.

    confusion [true class, given class]: labelled images by what they are and what the helper says; None where there are
    none. Measures, each without group over all images; a group of prompts, or a prompt, is the group of others:
      largest_total_variation    headline; of the prompt furthest from its reference, whichever it is
      total_variation            from the reference, estimate corrected for its upward bias
      prompt_gap                 of each prompt from all others
      prompt_p                   p-value of "the labels do not depend on the prompt" (tables with the same margins)
      openbias, dall_eval_mad    see above; of all images, and by prompt in the table
      largest_amplification      of any class of any prompt, where images learnt from are there or references are cited
      amplification              `prompt: class`; share less that of images learnt from, else of the reference
      shown                      share of images of any class but `nothing`, where that is named
      share_shown                of each class among these
      missing_classes            classes with less than `fraction` of their reference
      share                      of each class; `prompt: class` for one prompt. They hold together within it
      repeated_images            left out as equal to an earlier one of their prompt
    Where errors cannot be undone the headline is undefined with the reason, and those with an interval end in `_given`.
    table has a row for each prompt and class. Raises ValueError for counts that do not fit.
    """
    _check(counted)
    reason = _UNLABELLED if confusion is None else hopeless(confusion, counted.classes)
    judged = _Judged(counted, None if reason else confusion, level, rng, fraction)
    measures, table = judged.measures()
    if reason is not None:
        measures = [judged.undefined("largest_total_variation", reason), *measures]
    return Result(tuple(measures), table=table)


def _check(counted: Counted) -> None:
    shape = (len(counted.prompts), len(counted.classes))
    fits = counted.given.shape == counted.references.shape == shape and counted.missing.shape == shape[:1]
    if not fits or shape[1] < 2 or not shape[0] or len(set(counted.prompts)) < shape[0]:
        got = f"counts {counted.given.shape} for {shape[0]} prompts and {shape[1]} classes"
        raise ValueError(f"image_shares: got {got}; allowed: [prompt, class], prompts once, 2 classes or more")
    if np.abs(counted.references.sum(axis=1) - 1).max() > 1e-6 or counted.references.min() < 0:
        raise ValueError("image_shares: got references that are no shares; allowed: rows that sum to 1")


@immutable
class _Slice:
    """Images of one prompt, of a group of prompts, or all."""

    name: str | None
    counts: Counts
    missing: int
    wanted: Floats

    def group(self, label: str | None = None) -> str | None:
        """Return the name of the slice, or of a class in it."""
        return self.name if label is None else label if self.name is None else f"{self.name}: {label}"


@immutable
class _Judged:
    """All measures of what was counted."""

    counted: Counted
    confusion: Counts | None
    level: float
    rng: np.random.Generator
    fraction: float

    def measures(self) -> tuple[list[Measure], pd.DataFrame]:
        """Return the measures in their order, and the table of prompts and classes."""
        counted, everywhere = self.counted, range(len(self.counted.prompts))
        whole = self._slice(None, list(everywhere))
        prompts = [self._slice(counted.prompts[k], [k]) for k in everywhere]
        found = [self._shares(one) for one in prompts]
        of_all = [*self._of_slice(whole, self._shares(whole))]
        head = [self._largest(prompts, found), of_all[0], self._dependence(), *of_all[1:]]
        rest = [one for group in self._groups() for one in self._of_slice(group, self._shares(group))]
        for k, one in enumerate(prompts):
            rest += [*self._of_slice(one, found[k]), *self._gap(one, found[k], k)]
        return [*head, self._repeated(), *self._amplified(prompts, found), *rest], self._table(prompts, found)

    @cached_property
    def _errors(self) -> Resampled:
        """What the helper's errors may be; the same for all prompts, so that differences are held together."""
        assert self.confusion is not None
        return resampled_errors(self.confusion, self.rng)

    def _slice(self, name: str | None, places: list[int]) -> _Slice:
        counted = self.counted
        given, missing = counted.given[places], counted.missing[places]
        weights = given.sum(axis=1) + missing
        weights = weights if weights.sum() else np.ones_like(weights)
        wanted = (weights / weights.sum()) @ counted.references[places]
        return _Slice(name, given.sum(axis=0), int(missing.sum()), wanted)

    def _groups(self) -> Iterator[_Slice]:
        """Yield the groups of prompts, where there are several; one that is called as a prompt is that prompt."""
        names = [one for one in dict.fromkeys(self.counted.groups) if one is not None]
        for name in names if len(names) > 1 else ():
            if name not in self.counted.prompts:
                yield self._slice(name, [k for k, one in enumerate(self.counted.groups) if one == name])

    def _shares(self, one: _Slice) -> Shares | None:
        if not one.counts.sum():
            return None
        if self.confusion is None:
            return Given(one.counts, one.missing)
        return Corrected.of(one.counts, self.confusion, self.rng, one.missing, self._errors)

    def _of_slice(self, one: _Slice, found: Shares | None) -> Iterator[Measure]:
        """Yield the measures of one slice, its distance first."""
        if found is None:
            yield self.undefined(f"total_variation{self._ending}", _NOTHING, one.group(), one.missing)
            return
        of_shares, of_distance = self._how(SHARES, _EXACT), self._how(TOTAL_VARIATION, _FROM_EXACT)
        low, high = found.band(self.level)
        yield self._measure("total_variation", one, found.distance(one.wanted, self.level), of_distance)
        if one.name is None:
            yield from self._of_others(one, found)
        absent = count_missing(
            f"missing_classes{self._ending}", found.shares, low, high, self.fraction * one.wanted, n=self._n(one),
            level=self.level, missing=one.missing, **of_shares,
        )
        yield replace(absent, group=one.name, ideal=absent.ideal if one.name is None else None)
        for k, label in enumerate(self.counted.classes):
            values = (found.shares[k], low[k], high[k])
            yield self._measure("share", one, values, of_shares, label=label, ideal=float(one.wanted[k]))
        if (nothing := self.counted.nothing) is not None:
            ends = (1 - found.shares[nothing], 1 - high[nothing], 1 - low[nothing])
            yield self._measure("shown", one, ends, of_shares, ideal=float(1 - one.wanted[nothing]))
            yield from self._of_shown(one, found, nothing)

    def _of_shown(self, one: _Slice, found: Shares, nothing: int) -> Iterator[Measure]:
        """Yield the shares of the other classes among the images that show one of them."""
        if found.shares[nothing] >= 1:
            yield self.undefined(f"share_shown{self._ending}", _NOBODY, one.group(), one.missing)
            return
        shares = found.shares / (1 - found.shares[nothing])
        wanted = one.wanted / max(1 - one.wanted[nothing], 1e-9)
        low, high = found.among(nothing, self.level)
        how, some = self._how(AMONG, _EXACT), replace(one, counts=np.delete(one.counts, nothing))
        for k, label in enumerate(self.counted.classes):
            if k != nothing:
                values = (shares[k], min(low[k], shares[k]), max(high[k], shares[k]))
                yield self._measure("share_shown", some, values, how, label=label, ideal=float(wanted[k]))

    def _amplified(self, prompts: list[_Slice], found: list[Shares | None]) -> Iterator[Measure]:
        """Yield how much more often a prompt's images show a class than those learnt from, or the reference, do.

        A prompt of which no image came may show one class alone.
        """
        if self.counted.learnt is None and not self.counted.cited:
            return
        learnt = self.counted.learnt if self.counted.learnt is not None else [None] * len(prompts)
        held = [(one, shares, counts) for one, shares, counts in zip(prompts, found, learnt, strict=True)
                if counts is None or counts.sum()]  # fmt: skip
        able = [(one, shares, counts) for one, shares, counts in held if shares is not None]
        if not able:
            yield self.undefined(f"largest_amplification{self._ending}", _UNLEARNT)
            return
        told = [self._lead(one, shares, counts, 1 - (1 - self.level) / len(able)) for one, shares, counts in able]
        value, low, high = (float(ends.max()) for ends in np.stack(told, axis=1))
        high = high if len(able) == len(held) else 1.0
        least, _, before = min(able, key=lambda part: self._n(part[0], part[2])["units"])
        how = self._how(LEAD, _FROM_BOTH)
        how["method"] = Method("largest of {count}, Bonferroni: {method}", count=len(able), method=how["method"])
        low = max(low, 0.0)
        values = (max(value, low), low, max(high, low))
        largest = self._measure("largest_amplification", least, values, how, beside=before)
        yield replace(largest, group=None, ideal=0.0, missing=int(self.counted.missing.sum()))
        for one, shares, counts in able:
            leads = self._lead(one, shares, counts, self.level)
            for label, ends in zip(self.counted.classes, leads.T, strict=True):
                how = self._how(LEAD, _FROM_BOTH)
                yield self._measure("amplification", one, ends, how, label=label, beside=counts)

    def _lead(self, one: _Slice, shares: Shares, learnt: Counts | None, level: float) -> Floats:
        """Return (value, low, high) [3, class] of shares less those that were learnt, or that are known."""
        if learnt is None:
            return np.stack([shares.shares, *shares.band(level)]) - one.wanted
        before = self._shares(_Slice(None, learnt, 0, one.wanted))
        assert before is not None
        values, (low, high) = shares.shares - before.shares, shares.lead(before, level)
        return np.stack([values, np.minimum(low, values), np.maximum(high, values)])

    def _of_others(self, one: _Slice, found: Shares) -> Iterator[Measure]:
        """Yield what others measure of shares against equal ones."""
        low, high = found.band(self.level)
        even = np.full(len(low), 1 / len(low))
        plain = float(np.abs(found.shares - even).sum()) / 2
        _, near, far = found.distance(even, self.level)
        mad = 2 / len(low) * np.array([plain, min(near, plain), max(far, plain)])
        yield self._measure("openbias", one, concentration(found.shares, low, high), self._how(SHARES, _EXACT))
        yield self._measure("dall_eval_mad", one, mad, self._how(TOTAL_VARIATION, _FROM_EXACT), ideal=None)

    def _gap(self, one: _Slice, found: Shares | None, place: int) -> Iterator[Measure]:
        """Yield the distance of a prompt from all others, where there are any."""
        others = [k for k in range(len(self.counted.prompts)) if k != place]
        if not others or found is None:
            return
        rest = self._slice(None, others)
        if (elsewhere := self._shares(rest)) is not None:
            how = self._how(APART, _FROM_BOTH)
            ends = found.apart(elsewhere, self.level)
            yield self._measure("prompt_gap", one, ends, how, beside=rest.counts)

    def _largest(self, prompts: list[_Slice], found: list[Shares | None]) -> Measure:
        """Return the distance of the prompt furthest from its reference, which may be one of which no image came."""
        seen = [(one, shares) for one, shares in zip(prompts, found, strict=True) if shares is not None]
        if not seen:
            return self.undefined(f"largest_total_variation{self._ending}", _NOTHING)
        shared = 1 - (1 - self.level) / len(seen)
        ends = np.array([shares.distance(one.wanted, shared) for one, shares in seen])
        silent = (float(1 - one.wanted.min()) for one, shares in zip(prompts, found, strict=True) if shares is None)
        low, high = ends[:, 1].max(), max(ends[:, 2].max(), *silent, 0.0)
        how = self._how(TOTAL_VARIATION, _FROM_EXACT)
        if len(seen) > 1:
            how["method"] = Method("largest of {count}, Bonferroni: {method}", count=len(seen), method=how["method"])
        if self.confusion is not None:
            how["measured_to"] = max(0.5, 1 - len(seen) * (1 - BALL_MEASURED_TO))
        least = min((one for one, _ in seen), key=lambda one: int(one.counts.sum()))
        values = (min(max(float(ends[:, 0].max()), low), high), low, high)
        largest = self._measure("largest_total_variation", least, values, how)
        return replace(largest, group=None, ideal=0.0, missing=int(self.counted.missing.sum()))

    def _dependence(self) -> Measure:
        """Return the p-value of labels that do not depend on the prompt, by tables with the same margins."""
        table = self.counted.given[self.counted.given.sum(axis=1) > 0]
        table = table[:, table.sum(axis=0) > 0]
        facts: dict[str, Any] = {
            "name": "prompt_p", "n": {"items": int(table.sum()), "units": int(table.sum())}, "unit": "p-value",
            "direction": "neither", "level": self.level, "missing": int(self.counted.missing.sum()),
        }  # fmt: skip
        if min(table.shape) < 2:
            return undefined(reason=Cause("all images have one label, or one prompt"), **facts)
        from scipy.stats import random_table

        rows, columns = table.sum(axis=1), table.sum(axis=0)
        expected = np.outer(rows, columns) / table.sum()
        drawn = random_table(rows, columns).rvs(_TABLES, random_state=self.rng)
        far = ((drawn - expected) ** 2 / expected).sum(axis=(1, 2))
        seen = float(((table - expected) ** 2 / expected).sum())
        p = (1 + np.count_nonzero(far >= seen * (1 - 1e-12))) / (1 + _TABLES)
        return Measure(value=float(p), method=Method("random tables with the same margins, {count} draws",
                                                     count=_TABLES), **facts)  # fmt: skip

    def _repeated(self) -> Measure:
        """Return how many images were left out as they were there before."""
        repeated, asked = float(self.counted.repeated), int(self.counted.given.sum()) + self.counted.repeated
        return Measure(
            name="repeated_images", value=repeated, low=repeated, high=repeated, n={"items": asked, "units": asked},
            unit="count", direction=_LOWER, level=self.level, method=COUNT,
        )

    def _table(self, prompts: list[_Slice], found: list[Shares | None]) -> pd.DataFrame:
        """Return a row for each prompt and class."""
        classes = self.counted.classes
        unknown = np.full((3, len(classes)), np.nan)
        ends = [unknown if one is None else np.stack([one.shares, *one.band(self.level)]) for one in found]
        share, low, high = np.moveaxis(np.stack(ends), 1, 0).reshape(3, -1)

        def each(cells: Iterable[Any]) -> list[Any]:
            return [cell for cell in cells for _ in classes]

        return pd.DataFrame({
            "prompt": each(one.name for one in prompts), "group": each(self.counted.groups),
            "class": [*classes] * len(prompts), "drawn": np.ravel([one.counts for one in prompts]),
            "images": each(int(one.counts.sum()) for one in prompts), "no_answer": each(one.missing for one in prompts),
            "share": share, "low": low, "high": high, "reference": np.ravel([one.wanted for one in prompts]),
            "openbias": each(np.nan if one is None else openbias_of(one.shares) for one in found),
        })  # fmt: skip

    def undefined(self, name: str, reason: Cause, group: str | None = None, missing: int | None = None) -> Measure:
        """Return a measure without a value."""
        images, lost = int(self.counted.given.sum()), int(self.counted.missing.sum()) if missing is None else missing
        return undefined(name, reason, n={"items": images, "units": images}, unit="share", direction=_LOWER,
                         level=self.level, group=group, ideal=0.0, missing=lost)  # fmt: skip

    @property
    def _ending(self) -> str:
        return "_given" if self.confusion is None else ""

    def _how(self, corrected: Approximation, given: Method) -> dict[str, Any]:
        """Return what a measure says of its interval: of corrected shares, or of given ones, which are exact."""
        return {"method": given} if self.confusion is None else corrected.facts

    def _n(self, one: _Slice, beside: Counts | None = None) -> dict[str, int]:
        """Return how many images a number rests on, `beside` being those it is held against; units: the fewest."""
        samples = [int(counts.sum()) for counts in (one.counts, self.confusion, beside) if counts is not None]
        n = {"items": sum(samples), "units": min(samples)}
        return n | ({"asked": samples[0] + one.missing} if one.missing else {})

    def _measure(
        self, name: str, one: _Slice, values: Any, how: dict[str, Any], *, ideal: float | None = 0.0,
        label: str | None = None, beside: Counts | None = None,
    ) -> Measure:
        """Return a measure of a slice from (value, low, high); only of all images together it is said what is ideal."""
        value, low, high = map(float, values)
        told = ideal if one.name is None else None
        towards: Direction = "nearer to ideal is better" if told is not None else "neither"
        aims = name in ("share", "share_shown", "shown", "amplification")
        return Measure(
            name=f"{name}{self._ending}", group=one.group(label), value=value, low=low, high=high, ideal=told,
            n=self._n(one, beside), unit="score" if name == "openbias" else "share", level=self.level,
            missing=one.missing, direction=towards if aims else _LOWER, **how,
        )
