"""Where in a long series does the likelihood look? A small autoregressive model beside sub-sequence PCA, on NAB.

    python benchmarks/novelty_series.py FOLDER [NAME ...]     a checkout of numenta/NAB: data and labels

Every series with labelled windows is cut in time: the first 15 %, NAB's own probation period, are what is learnt, the
rest is judged. Of the learnt part the last quarter is held out: training stops where its likelihood is best. Scores of
a step, higher = more outlying:

    nll             -log p of the step given the 63 before it, mean over the windows that hold it
    sub_pca         detectors.novelty.subsequences, windows fitted on the learnt part
    length          the same by |z|^2, as which TSB-AD's Sub-PCA ranks
    raw             |x - mean| / deviation of the learnt part: no model at all

VUS-PR with buffers up to the period, and AUROC of steps with the interval of blocks of time: strange stretches, and as
long ones between them, are the independent units, not the steps. Never point-adjusted. Beside each series stands how
many blocks as long as a window the held-out quarter gives to calibrate on: neighbouring steps are not exchangeable, so
that a p-value of 0.05 takes 19 blocks, and 15 % of a short series have fewer.
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

from audit.models.networks.series_transformer import SeriesTransformer, log_density
from audit.reference.training.images import seeded
from detectors.novelty.subsequences import step_scores, window_scores, windows_of
from detectors.novelty.volume import vus_pr
from detectors.ranking import rank

LENGTH, STRIDE = 64, 16
LEARNT, STEPS, BATCH = 0.15, 300, 64
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


def scores_of(values: Series, cut: int) -> tuple[dict[str, Series], int, int]:
    """Return the scores of all steps, what is learnt ending at `cut`, the period, and the steps of a window."""
    learnt = values[:cut]
    last = 3 * cut // 4
    lag = period(learnt)
    wide = min(lag, 64, last // 8)
    network = fitted(learnt[:last], learnt[last:])
    spread = max(float(learnt[:last].std()), 1e-9)
    found = {"nll": smoothed(surprise(network, values), wide)}
    for name, by_length in (("sub_pca", False), ("length", True)):
        found[name] = step_scores(window_scores(learnt[None, :last], values[None], wide, by_length=by_length)[0], wide)
    return found | {"raw": np.abs(values - learnt[:last].mean()) / spread}, lag, wide


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


def main(folder: Path, names: list[str]) -> None:
    """Print a row for each series and the means."""
    rows = []
    for name, (values, labels) in read(folder).items():
        if names and name not in names:
            continue
        cut, begun = int(LEARNT * len(values)), time.process_time()
        scores, lag, wide = scores_of(values, cut)
        y, told = labels[cut:], {}
        frame = pd.DataFrame({score: found[cut:] for score, found in scores.items()})
        for score in frame:
            told[f"vus {score}"] = vus_pr(y, frame[score], buffer=lag)
        held = cut - 3 * cut // 4
        rows.append({"series": name, "lag": lag, "blocks": held // wide, **told, **aurocs(frame, y)})
        rows[-1]["s"] = time.process_time() - begun
        print(pd.DataFrame(rows[-1:]).to_string(index=False, header=len(rows) == 1, float_format="%.3f"), flush=True)
    table = pd.DataFrame(rows)
    print(table.filter(like="vus").mean().to_string(float_format="%.3f"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), sys.argv[2:])
