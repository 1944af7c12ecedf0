"""What features tell of the group in either table, and what learning from the synthetic one costs real rows.

    predictability   mean over groups of the share of held-out rows whose group is told
    transfer cost    accuracy on held-out real rows: learnt from real rows - learnt from synthetic ones (TRTR - TSTR)

What was learnt is judged on independent rows that it never saw, so that its accuracy is a rate of independent trials.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.bias.contrasts import BETTING, bounded, together
from detectors.bias.two_tables import FEW, NO_FEATURE, TwoTables
from detectors.intervals import METHOD, MOST, discordant_interval, exact_binomial
from detectors.phrases import Cause, Method
from detectors.result import Measure, undefined

__all__ = ["Learning"]

_HELD_OUT = Method("exact over held-out rows, given what was learnt")
_ONE_LABEL = Cause("one of the tables has a single label to learn")


class Learning(TwoTables):
    """Two tables that classifiers learn from."""

    def proxies(self) -> Iterator[Measure]:
        """Yield how well features tell the group in either table, and the difference."""
        told: dict[str, Any] = {"unit": "share", "direction": "lower is better", "level": self.level}
        found = {}
        for place, (name, table) in enumerate((("real", self.real), ("synthetic", self.synthetic))):
            group, learnt = table.group, self.halves[place]
            n = {"items": len(group), "units": int((~learnt).sum())}
            recalls = self._recalls(place, group, learnt) if self.features else None
            if recalls is None:
                reason = FEW if self.features else NO_FEATURE
                yield undefined("group_predictability", reason, n=n, group=name, **told)
                continue
            value, low, high = (float(np.mean(part)) for part in zip(*recalls, strict=True))
            found[name] = value, low, high
            yield Measure(
                name="group_predictability", value=value, low=low, high=high, method=_HELD_OUT, n=n, group=name, **told
            )
        more = {**told, "direction": "nearer to ideal is better", "ideal": 0.0, "n": self.n}
        if len(found) < 2:
            yield undefined("proxy_change", FEW if self.features else NO_FEATURE, **more)
            return
        (old, *before), (new, *after) = found["real"], found["synthetic"]
        low, high = after[0] - before[1], after[1] - before[0]
        yield Measure(name="proxy_change", value=new - old, low=low, high=high, method=_HELD_OUT, **more)

    def _recalls(
        self, place: int, group: NDArray[Any], learnt: NDArray[np.bool_]
    ) -> list[tuple[float, float, float]] | None:
        """Return (value, low, high) of the share of each group's held-out rows that is told; the error is shared.

        Each table has half of it, so that their difference holds as well.
        """
        known = np.isin(group, self.groups)
        if len(set(group[learnt & known])) < len(self.groups):
            return None
        design = self.designs[place]
        said = _learnt(design[learnt & known], group[learnt & known])(design)
        inner, found = 1 - (1 - self.level) / (2 * len(self.groups)), []
        for name in self.groups:
            held = ~learnt & (group == name)
            if not held.any():
                return None
            right, size = int((said[held] == name).sum()), int(held.sum())
            low, high = exact_binomial(right, size, inner)
            found.append((right / size, float(low), float(high)))
        return found

    @cached_property
    def _told(self) -> pd.DataFrame | None:
        """Held-out real rows with `label`, `from_real` and `from_synthetic`: what either classifier told."""
        real, labels = self.real.rows, (self.real.label, self.synthetic.label)
        has = [~np.isnan(one) for one in labels]
        learnt = (self.halves[0] & has[0], has[1])
        learnt = (learnt[0], self._as_many(learnt[1], int(learnt[0].sum())))
        if not self.features or any(
            label[rows].min(initial=2) == label[rows].max(initial=-1) or not rows.any()
            for label, rows in zip(labels, learnt, strict=True)
        ):
            return None
        held = ~self.halves[0] & has[0] & np.isin(self.real.group, self.groups)
        told = {}
        for name, label, rows, design in zip(
            ("from_real", "from_synthetic"), labels, learnt, self.designs, strict=True
        ):
            told[name] = _learnt(design[rows], label[rows])(self.designs[0][held])
        return real.loc[held, ["group", "label", *self.features]].assign(**told)

    def _as_many(self, rows: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
        """Return so many of the rows at most, at random: more to learn from would hide a cost."""
        kept = np.zeros_like(rows)
        kept[self.rng.permutation(np.flatnonzero(rows))[:most]] = True
        return kept

    def held_out(self) -> pd.DataFrame:
        """Return the evidence."""
        if self._told is None:
            return self.real.rows[["group", "label"]]
        right = [self._told[name] == self._told["label"] for name in ("from_real", "from_synthetic")]
        cost = right[0].astype(float) - right[1].astype(float)
        return self._told.assign(against=cost > 0, weight=cost)

    def transfers(self) -> Iterator[Measure]:
        """Yield accuracy and cost of learning from synthetic rows, of every group."""
        names = ("transfer_accuracy", "transfer_cost", "transfer_cost_gap")
        told: dict[str, Any] = {"unit": "share", "level": self.level}
        rows = self._told
        if rows is None:
            reason = _ONE_LABEL if self.features else NO_FEATURE
            for name in names:
                yield undefined(name, reason, n=self.n, direction="neither", **told)
            return
        real, synthetic = ((rows[name] == rows["label"]).to_numpy() for name in ("from_real", "from_synthetic"))
        groups = rows["group"].to_numpy(str)
        inner = 1 - (1 - self.level) / len(self.groups)
        costs = {}
        for name in self.groups:
            at = groups == name
            n = {"items": int(at.sum()), "units": int(at.sum())}
            if not at.any():
                for measure in names[:2]:
                    yield undefined(measure, FEW, n=n, direction="neither", group=name, **told)
                continue
            low, high = exact_binomial(int(synthetic[at].sum()), int(at.sum()), inner)
            method = together(_HELD_OUT, len(self.groups))
            yield Measure(
                name=names[0], value=float(synthetic[at].mean()), low=float(low), high=float(high), method=method, n=n,
                direction="higher is better", group=name, **told,
            )
            costs[name] = self._paired(synthetic[at], real[at], inner)
            value, low, high = costs[name]
            yield Measure(
                name=names[1], value=value, low=low, high=high, n=n,
                method=together(self._method(len(rows)), len(self.groups)),
                direction="lower is better", group=name, **told,
            )
        yield from self._cost_gaps(groups, real, synthetic, told)

    def _cost_gaps(
        self, groups: NDArray[np.str_], real: NDArray[np.bool_], synthetic: NDArray[np.bool_], told: dict[str, Any]
    ) -> Iterator[Measure]:
        """Yield how much more it costs a group than all others; each side has half the error."""
        count = 1 if len(self.groups) == 2 else len(self.groups)
        inner = 1 - (1 - self.level) / (2 * count)
        for name in self.groups:
            at = groups == name
            n = {"items": len(at), "units": int(min(at.sum(), (~at).sum()))}
            more = {"direction": "nearer to ideal is better", "ideal": 0.0, "n": n, "group": name, **told}
            if not at.any() or at.all():
                yield undefined("transfer_cost_gap", FEW, **more)
                continue
            own, other = (self._paired(synthetic[side], real[side], inner) for side in (at, ~at))
            yield Measure(
                name="transfer_cost_gap", value=own[0] - other[0], low=own[1] - other[2], high=own[2] - other[1],
                method=together(self._method(len(groups)), count), **more,
            )

    @staticmethod
    def _method(rows: int) -> Method:
        return METHOD if rows <= MOST else BETTING

    def _paired(
        self, first: NDArray[np.bool_], second: NDArray[np.bool_], level: float
    ) -> tuple[float, float, float]:
        """Return (value, low, high) of P(second right) - P(first right) over the same rows."""
        cost = second.astype(float) - first
        value = float(cost.mean())
        if len(cost) <= MOST:
            low, high = discordant_interval(int((cost < 0).sum()), int((cost > 0).sum()), len(cost), level)
        else:
            low, high = bounded(cost, cost, level=level, rng=self.rng)
        return value, min(float(low), value), max(float(high), value)


def _learnt(design: Floats, classes: NDArray[Any]) -> Any:
    """Return a logistic regression of the classes, as a function from designs to what it says."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # whatever was learnt is tried on other rows
        return LogisticRegression(max_iter=300).fit(design, classes).predict
