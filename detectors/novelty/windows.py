"""Which windows of a text or a series are strange, decided: elements hang together, so items are what is exchangeable.

A window is judged by the strangest window of each calibration item,

    p(w) = (1 + #{items i: max_v s_i(v) >= s(w)}) / (n + 1),

so that any window of a familiar item gets p <= alpha with the probability alpha at most, however its elements hang
together and however many windows it has, if items of all lengths are among those that calibrate as they are among the
familiar. The least p of an item is the p-value that the score `windowed_maximum` gives it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from detectors.arrays import Floats
from detectors.elements import window_means
from detectors.novelty.decisions import ALPHA, Rule, calibration_scores, judged, too_few
from detectors.phrases import Cause

__all__ = ["windows_decided"]


def windows_decided(
    observed: Mapping[str, pd.DataFrame], told: pd.DataFrame, strangest: Floats, rule: Rule,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, Cause | None]:
    """Return columns for the items of `told`, or with the reason where nothing could be decided, [item].

    observed: frames with `trace`. told: evidence of `decided`, with `role`. strangest: mean surprise of the strangest
    window of the calibration items. Columns: `window_p`, the least p of an item's windows, `window_flagged` (1 = at
    most `ALPHA`), `window_share`, the share of its windows of which that is so, `window_first`, where the strangest
    begins (0 = the first element), and `window_threshold`, the mean surprise above which p is at most `ALPHA`, in nats;
    NaN where an item has no window.
    """
    known = calibration_scores(observed["calibration"], strangest, rng)
    foreign = float(told["role"].eq("foreign").mean())
    names = ["window_p", "window_flagged", "window_share", "window_first", "window_threshold"]
    if (problem := too_few(known, told, rule.needed(foreign))) is not None:
        return pd.DataFrame(np.nan, told.index, names), problem
    traces = [np.asarray(observed[role].at[item, "trace"], dtype=float) for item, role in told["role"].items()]
    means = [window_means(trace) for trace in traces]
    rows = told.iloc[np.repeat(np.arange(len(told)), [len(one) for one in means])]
    found = judged(known, rows, np.concatenate([np.empty(0), *means]), rule, rule.smallest(foreign))
    ends = np.cumsum([len(one) for one in means])[:-1]
    cells = [_told(*part) for part in zip(traces, means, *(np.split(one, ends) for one in found), strict=True)]
    return pd.DataFrame(cells, told.index, names), None


def _told(trace: Floats, means: Floats, p: Floats, threshold: Floats) -> tuple[float, ...]:
    if not len(means):
        return (float("nan"),) * 5
    first = np.flatnonzero(~np.isnan(trace))[int(means.argmax())]
    return float(p.min()), float(p.min() <= ALPHA), float((p <= ALPHA).mean()), float(first), float(threshold[0])
