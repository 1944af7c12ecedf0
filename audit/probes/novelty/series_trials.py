"""Trials of what is told step by step: scripted surprise of series whose strange steps are marked.

Some foreign series are strange beyond measure where they are marked, the others hardly; some familiar ones have one
such step. No other step lies where a threshold may be, so that every alarm is known. Scores of steps are smoothed, and
the volume under the precision-recall surface is summed, as their definitions say it, without the detectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Trial, auroc_of, mean_of
from audit.probes.novelty.trials import cells_of, frame_of, grid, key_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["series_trials"]

_ITEMS, _STEPS, _MARKED = 12, 12, 3
_SMOOTH = 4
"""Steps of a window, a third of a series."""
_HUGE = 500.0
_TAIL = 320
"""Calibration series where a tail is asked for, of which 30 and 2 % of the steps are peaks."""
_WINDOW = "windowed_maximum"


def series_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return two trials, the second with fewer foreign series strange beyond measure, and with familiar ones."""
    beside = tuple(name for name in probe.beside if name == _WINDOW)
    rate = None if probe.tail_rate is None else 1e-3
    tried = replace(probe, fdr=0.9, maps=False, beside=beside, tpr=None, prevalence=None, tail_rate=rate, drift=0)
    return [_trial(tried, rng, dose) for dose in range(2)]


def _trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    import numpy as np

    counts = dict.fromkeys(("items", "foreign", "fit"), _ITEMS)
    counts["calibration"] = 20 if probe.tail_rate is None else _TAIL
    nats = {role: grid(rng, 3.0, 1.0, count * _STEPS).reshape(count, _STEPS) for role, count in counts.items()}
    for role in ("items", "foreign"):
        nats[role] = 3.0 + (nats[role] - 3.0) / 2  # below what may be a threshold
    huge, false = 8 - 4 * dose, dose
    marks = np.zeros((_ITEMS, _STEPS), dtype=int)
    for row, first in enumerate(rng.integers(0, _STEPS - _MARKED, _ITEMS)):
        marks[row, first : first + _MARKED] = 1
    nats["foreign"] += np.where(marks == 1, np.where(np.arange(_ITEMS)[:, None] < huge, _HUGE, 0.2 * dose), 0.0)
    nats["items"][:false, 5] += _HUGE
    series = {role: rng.normal(size=one.shape) for role, one in nats.items()}
    data = {role: frame_of(role, "series", one) for role, one in series.items()}
    data["foreign"]["strange"] = marks.tolist()
    table = {key_of(item): row for role in series for item, row in zip(series[role], nats[role], strict=True)}
    known = {**_located(nats["items"], nats["foreign"], marks), **_decided(probe, nats, huge, false)}
    return Trial(True, data, _answers(probe, table), known, probe)


def _answers(probe: Any, table: Mapping[bytes, np.ndarray]) -> dict[tuple[str, str], Any]:
    import numpy as np

    def told(items: Sequence[Any]) -> np.ndarray:
        """Distortions are unknown, and stranger the more of them come before."""
        return np.stack([table.get(key_of(item), np.full(_STEPS, 50.0 + n)) for n, item in enumerate(items)])

    def trace(items: Sequence[Any]) -> Mapping[str, Any]:
        nats = told(items)
        return {"item": np.repeat(np.arange(len(items)), _STEPS), "element": np.tile(np.arange(_STEPS), len(items)),
                "log_prob": -nats.ravel()}

    def log_prob(items: Sequence[Any]) -> Mapping[str, Any]:
        return {"log_prob": cells_of("log_prob", told(items).sum(axis=1)), "kind": "exact"}

    return {("main", "trace"): trace, ("main", "log_prob"): log_prob}


def _located(familiar: np.ndarray, foreign: np.ndarray, marks: np.ndarray) -> KnownMeasures:
    import numpy as np

    nats, labels = np.concatenate([familiar, foreign]), np.concatenate([np.zeros_like(marks), marks])
    of = [[at for at in range(_STEPS - _SMOOTH + 1) if at <= step < at + _SMOOTH] for step in range(_STEPS)]
    windows = np.stack([nats[:, at : at + _SMOOTH].mean(axis=1) for at in range(_STEPS - _SMOOTH + 1)], axis=1)
    smooth = np.stack([windows[:, at].mean(axis=1) for at in of], axis=1)
    steps = auroc_of(smooth[labels == 0], smooth[labels == 1]).value
    return {("step_auroc", None): Known(steps), ("vus_pr", None): Known(_volume(labels, smooth))}


def _volume(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean over buffers of the area under precision over recall, all thresholds at once (PVLDB 15:2774)."""
    import numpy as np

    alarms: np.ndarray = np.greater_equal(scores, np.unique(scores)[::-1, None, None])
    first = labels.argmax(axis=1)[:, None]
    steps = np.arange(_STEPS)
    away = np.maximum(0, np.maximum(first - steps, steps - first - _MARKED + 1))
    strange = np.any(labels, axis=1).astype(bool)
    areas = []
    for buffer in range(_SMOOTH + 1):
        near = np.logical_and(strange[:, None], away <= buffer // 2)
        soft = np.where(near, np.sqrt(1 - away * near / max(buffer, 1)), 0.0)
        hits = (alarms * soft).sum(axis=(1, 2))
        touched = (alarms & near)[:, strange].any(axis=2).mean(axis=1)
        recall = np.append(0, touched * np.minimum(1, 2 * hits / (labels.sum() + soft.sum())))
        precision = np.append(1, hits / alarms.sum(axis=(1, 2)))
        areas.append(np.trapezoid(precision, recall))
    return float(np.mean(areas))


def _decided(
    probe: Any, nats: Mapping[str, np.ndarray], huge: int, false: int
) -> KnownMeasures:
    """Return the shares of decisions on windows and steps, where they are asked for."""
    import numpy as np

    told: KnownMeasures = {}
    if probe.tail_rate is not None:
        beyond = mean_of(np.arange(_ITEMS) < huge, _ITEMS)
        alarms = (np.arange(_ITEMS) < false) / _STEPS
        told |= {("beyond_tail_share", None): beyond, ("stream_flagged_share", None): beyond,
                 ("stream_false_alarm_share", None): mean_of(alarms)}
    if _WINDOW in probe.beside:
        most = {role: np.max([one[:, at : at + 8].mean(axis=1) for at in range(_STEPS - 7)], axis=0)
                for role, one in nats.items()}
        for name, role in (("window_flagged_share", "foreign"), ("window_false_alarm_share", "items")):
            above = (most["calibration"] >= most[role][:, None]).sum(axis=1)
            told[name, None] = mean_of((1 + above) / (len(most["calibration"]) + 1) <= 0.05, _ITEMS)
    return told
