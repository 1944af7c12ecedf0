"""Where in a long series does the likelihood look, and do its alarms come as often as stated? On NAB, beside PCA.

    python benchmarks/novelty_series.py FOLDER [NAME ...]     a checkout of numenta/NAB: data and labels

Every series with labelled windows is cut in time: the first 15 %, NAB's own probation period, are known, the rest is
judged. What is known is cut in halves: a small autoregressive model learns from the first, of which it holds the last
quarter out and stops where that is likeliest; on the second, which nothing learns from, decisions are calibrated.
Scores of a step, higher = more outlying:

    nll             -log p of the step given the 63 before it, mean over the windows that hold it
    sub_pca         detectors.novelty.subsequences, windows fitted on the learnt part
    length          the same by |z|^2, as which TSB-AD's Sub-PCA ranks
    raw             |x - mean| / deviation of the learnt part: no model at all

VUS-PR with buffers up to the period, and AUROC of steps with the interval of blocks of time: strange stretches, and as
long ones between them, are the independent units, not the steps. Never point-adjusted.

Decisions, those of the product (`novelty.likelihood` with `tail_rate`, with `drift`, with `windowed_maximum`), of -log
p of single steps:

    spot            a threshold that follows the stream, for alarms at 1 in 1000 familiar steps
    dspot           the same of what is left of the mean of the last 100 steps
    windows         blocks of 15 steps, which is what half a probation gives 20 of, judged by their strangest window of
                    8: p <= 0.05, or the 1 in n + 1 nearest below it

Told are false alarms, as a share of the steps or blocks outside of labelled windows, against what was stated; how many
labelled windows have an alarm, and how many as long stretches outside of them, for of a long stretch some step is an
alarm by chance; and which share of the stretches with an alarm is a labelled window. All that is outside of NAB's
windows counts as familiar, though not all of it is: NAB labels what its authors found.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from audit.models.opened.series_transformer import SeriesTransformer, log_density
from audit.reference.training.images import seeded
from detectors.elements import windowed_maximum
from detectors.novelty.decisions import Rule
from detectors.novelty.streams import stream_alarms
from detectors.novelty.subsequences import step_scores, window_scores, windows_of
from detectors.novelty.volume import vus_pr
from detectors.novelty.windows import windows_decided
from detectors.phrases import Cause
from detectors.ranking import rank

LENGTH, STRIDE = 64, 16
LEARNT, STEPS, BATCH = 0.15, 300, 64
RATE, DRIFT, BLOCK = 1e-3, 100, 15
Series = NDArray[np.float64]


def read(folder: Path) -> dict[str, tuple[Series, NDArray[np.int64]]]:
    """Return name -> values and labels of every series of the folder that has labelled windows."""
    found = {}
    for name, spans in json.loads((folder / "labels" / "combined_windows.json").read_text()).items():
        path = folder / "data" / name
        if not (spans and path.is_file()):
            continue
        table = pd.read_csv(path, parse_dates=["timestamp"])
        labels = np.zeros(len(table), dtype=np.int64)
        for first, last in spans:
            labels[table["timestamp"].between(first, last).to_numpy()] = 1
        found[path.stem] = table["value"].to_numpy(float), labels
    return found


def period(learnt: Series) -> int:
    """Return the lag, 8 to 300, of the highest peak of the autocorrelation; 32 where there is none."""
    x = learnt - learnt.mean()
    most = min(300, len(x) // 2)
    power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    alike = np.fft.irfft(power)[: most + 1] / max(float(x @ x), 1e-12)
    peaks = [lag for lag in range(8, most) if alike[lag] > max(alike[lag - 1], alike[lag + 1], 0.1)]
    return max(peaks, key=lambda lag: alike[lag]) if peaks else 32


def fitted(learnt: Series, held: Series, seed: int = 0) -> SeriesTransformer:
    """Return a small series model, trained on windows of `learnt`, with the weights that `held` likes best."""
    cut, kept = (torch.from_numpy(windows_of(one, LENGTH).copy()).float() for one in (learnt, held))
    with seeded(seed):
        network = SeriesTransformer(LENGTH, 32, 2, 3)
        network.centre.fill_(float(learnt.mean()))
        network.scale.fill_(max(float(learnt.std()), 1e-6))
        optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
        best, state = np.inf, network.state_dict()
        for step in range(STEPS):
            batch = cut[torch.randint(len(cut), (BATCH,))]
            loss = -log_density(network.mixture(batch), batch).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            if step % 50 == 49:
                with torch.inference_mode():
                    now = float(-log_density(network.mixture(kept[::8]), kept[::8]).mean())
                if now < best:
                    best, state = now, {key: value.clone() for key, value in network.state_dict().items()}
        network.load_state_dict(state)
    return network


def surprise(network: SeriesTransformer, x: Series) -> Series:
    """Return -log p [step] of a series, each step given the 48 to 63 before it; the first ones given fewer."""
    starts = np.minimum(np.arange(0, len(x) - LENGTH + STRIDE, STRIDE), len(x) - LENGTH)
    cut = torch.from_numpy(windows_of(x, LENGTH)[starts]).float()
    with torch.inference_mode():
        nats = np.concatenate([-log_density(network.mixture(part), part).numpy() for part in cut.split(256)])
    told = np.empty(len(x))
    told[:LENGTH] = nats[0]
    for start, row in zip(starts[1:], nats[1:], strict=True):
        told[start + LENGTH - STRIDE : start + LENGTH] = row[-STRIDE:]
    return told


def smoothed(steps: Series, width: int) -> Series:
    """Return the mean over the windows that hold a step of their mean."""
    return step_scores(windows_of(steps, width).mean(axis=-1), width)


def scores_of(values: Series, half: int) -> tuple[dict[str, Series], Series, int]:
    """Return the scores of all steps, the surprise of single ones and the period; what is learnt ends at `half`."""
    learnt = values[:half]
    last = 3 * half // 4
    lag = period(learnt)
    wide = min(lag, 64, last // 8)
    nats = surprise(fitted(learnt[:last], learnt[last:]), values)
    spread = max(float(learnt.std()), 1e-9)
    found = {"nll": smoothed(nats, wide)}
    for name, by_length in (("sub_pca", False), ("length", True)):
        found[name] = step_scores(window_scores(learnt[None], values[None], wide, by_length=by_length)[0], wide)
    return found | {"raw": np.abs(values - learnt.mean()) / spread}, nats, lag


def by_blocks(known: Series, new: Series) -> tuple[NDArray[np.bool_], float] | Cause:
    """Return which blocks of steps are strange, one number a block, and the rate that p-values of so many can hold."""
    frames = {
        role: pd.DataFrame({"text": "", "trace": list(-nats[: len(nats) // BLOCK * BLOCK].reshape(-1, BLOCK))})
        for role, nats in (("calibration", known), ("items", new))
    }
    strangest = pd.Series(windowed_maximum(frames["calibration"]["trace"]))
    told = frames["items"][["text"]].assign(role="items")
    found, problem = windows_decided(frames, told, strangest, Rule(), np.random.default_rng(0))
    if problem is not None:
        return problem
    count = len(strangest) + 1
    return found["window_flagged"].to_numpy(bool), int(0.05 * count) / count


def decided(known: Series, new: Series) -> dict[str, tuple[NDArray[np.bool_], float, int] | Cause]:
    """Return rule -> its alarms, the stated rate and the steps of a unit, or why there are none."""
    told: dict[str, tuple[NDArray[np.bool_], float, int] | Cause] = {}
    for name, drift in (("spot", 0), ("dspot", DRIFT)):
        stream = stream_alarms(known, new, RATE, drift=drift)
        told[name] = stream if isinstance(stream, Cause) else (stream.alarms, RATE, 1)
    found = by_blocks(known, new)
    return told | {"windows": found if isinstance(found, Cause) else (*found, BLOCK)}


def counted(alarms: NDArray[np.bool_], steps: int, labels: NDArray[np.int64]) -> dict[str, int]:
    """Return familiar units and false alarms among them, and of strange and of ordinary stretches all and those hit."""
    whole = labels[: len(alarms) * steps].reshape(-1, steps)
    familiar = whole.max(axis=1) == 0
    alarmed = np.repeat(alarms, steps)
    stretch = pd.DataFrame({"of": blocks(labels)[: len(alarmed)], "strange": whole.ravel(), "alarm": alarmed})
    table = stretch.groupby("of").max()
    told = {"units": int(familiar.sum()), "false": int(alarms[familiar].sum())}
    for name, part in (("strange", table[table["strange"] == 1]), ("ordinary", table[table["strange"] == 0])):
        told |= {name: len(part), f"{name} hit": int(part["alarm"].sum())}
    return told


def blocks(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the block of time [step]: each strange stretch is one, and what lies between is cut as long."""
    edges = np.flatnonzero(np.diff(labels)) + 1
    size = max(1, int(labels.sum() / max(1, len(np.flatnonzero(np.diff(labels) == 1)))))
    told, number = np.zeros(len(labels), dtype=np.int64), 0
    for part in np.split(np.arange(len(labels)), edges):
        pieces = [part] if labels[part[0]] else np.array_split(part, max(1, round(len(part) / size)))
        for piece in pieces:
            told[piece] = number
            number += 1
    return told


def aurocs(frame: pd.DataFrame, labels: NDArray[np.int64]) -> dict[str, str]:
    """Return the AUROC of every score, with its interval where there are two strange stretches or more."""
    units, strange = blocks(labels), labels == 1
    if len(np.unique(units[strange])) < 2:
        return {f"auroc {score}": f"{roc_auc_score(labels, frame[score]):.2f}" for score in frame}
    ranked = rank(frame[~strange], frame[strange], (units[~strange], units[strange]))
    return {f"auroc {score}": "{:.2f} [{:.2f}, {:.2f}]".format(*ranked.interval(score, 0.95)) for score in frame}


def judged(values: Series, labels: NDArray[np.int64]) -> tuple[dict[str, str | float], list[dict[str, str | float]]]:
    """Return a row of what the scores of a series see, and a row for each rule of decision."""
    cut = int(LEARNT * len(values))
    half = cut // 2
    scores, nats, lag = scores_of(values, half)
    y, frame = labels[cut:], pd.DataFrame({score: found[cut:] for score, found in scores.items()})
    seen = {f"vus {score}": vus_pr(y, frame[score], buffer=lag) for score in frame}
    rules: list[dict[str, str | float]] = []
    for name, found in decided(nats[half:cut], nats[cut:]).items():
        if isinstance(found, Cause):
            rules.append({"rule": name, "why": str(found)})
        else:
            alarms, stated, steps = found
            rules.append({"rule": name, "stated": stated, **counted(alarms, steps, y)})
    return {"lag": lag, **seen, **aurocs(frame, y)}, rules


def told_of(rules: pd.DataFrame) -> None:
    """Print for each rule what all series together say, and what the middle one does."""
    for name, part in rules.groupby("rule", sort=False):
        done = part[part["stated"].notna()]
        if len(done) < len(part):
            print(f"{name}: {len(part) - len(done)} series had too little to calibrate on")
        if done.empty:
            continue
        total, each = done.sum(numeric_only=True), done["false"] / done["units"] / done["stated"]
        strange, ordinary = total["strange hit"], total["ordinary hit"]
        precision = strange / max(1, strange + ordinary)
        print(
            f"{name}: {len(done)} series; false alarms {total['false']:.0f} of {total['units']:.0f}, "
            f"{total['false'] / total['units']:.5f} where {done['stated'].mean():.5f} was stated "
            f"(series: median {each.median():.2f} of it, {each.quantile(0.25):.2f} to {each.quantile(0.75):.2f}); "
            f"labelled windows hit {strange:.0f} of {total['strange']:.0f} ({strange / total['strange']:.2f}), "
            f"as long stretches outside {ordinary:.0f} of {total['ordinary']:.0f} "
            f"({ordinary / total['ordinary']:.2f}), precision {precision:.2f} where a coin has "
            f"{total['strange'] / (total['strange'] + total['ordinary']):.2f}"
        )


def main(folder: Path, names: list[str]) -> None:
    """Print a row for each series, the means, and what decisions come to."""
    rows, rules = [], []
    for name, (values, labels) in read(folder).items():
        if names and name not in names:
            continue
        begun, half = time.process_time(), int(LEARNT * len(values)) // 2
        if half - 3 * half // 4 < LENGTH:
            print(f"{name}: left out, {len(values)} steps are too few for the model")
            continue
        seen, found = judged(values, labels)
        rows.append({"series": name, **seen, "s": time.process_time() - begun})
        rules += [{"series": name, **one} for one in found]
        print(pd.DataFrame(rows[-1:]).to_string(index=False, header=len(rows) == 1, float_format="%.3f"), flush=True)
    table = pd.DataFrame(rows)
    print(table.filter(like="vus").mean().to_string(float_format="%.3f"))
    decisions = pd.DataFrame(rules)
    print(decisions.to_string(index=False, float_format="%.4f"))
    told_of(decisions)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), sys.argv[2:])
