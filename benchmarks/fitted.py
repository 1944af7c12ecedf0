"""Models of one's own images, by `dokimasia fit`, asked as `init --for novelty` asks: digits against letters.

    python benchmarks/fitted.py [FOLDER]       FOLDER holds mnist_test and omniglot_small; default: ../shared/data

8,000 digits of 28 x 28 in 4 grey levels are parted; a classifier, a VAE, a diffusion model, a pixel transformer learn
from most of them; 240 others and as many letters of many alphabets are then shown to each, letters three times, none of
them twice. Prints AUROC with its 95 % interval of every family, raw and less the code length, beside kNN, the seconds
of a core that each training took, and whether the best generative score reaches 0.95 within fifteen minutes of two
cores on each draw of letters. Levels and steps were chosen on the first draw. It takes some minutes of one core.
"""

from __future__ import annotations

import gzip
import io
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageOps

from audit.execute import run
from audit.files import arrow_table, parquet_bytes
from audit.fit import FitCallbacks, fit_models, read_fit_plan
from audit.plan import read_plan
from audit.record import Finding
from audit.reference import novelty_plans

LEVELS, SIDE, DIGITS, LETTERS, DRAWS = 4, 28, 8000, 240, 3
WANTED, CORES, MINUTES = 0.95, 2, 15
OWN = ("nll", "input_complexity")
"""How the scores of a generative model begin."""
FIT = """\
title: Digits
seed: 7
data: {use: file, path: digits.parquet}
split: {train: 0.9, validation: 0.04, fit: 0.015, calibration: 0.015, heldout: 0.03}
threads: 1
models:
  - {name: classifier, trainer: {use: image_classifier}, steps: 100}
  - {name: vae, trainer: {use: vae, latent: 16, hidden: 256, dropout: 0.0}, steps: 3000, every: 500}
  - {name: gan, trainer: {use: gan, hidden: 256}, steps: 2000, every: 200}
  - {name: latent, trainer: {use: latent_diffusion, hidden: 256}, steps: 600, every: 200}
  - {name: diffusion, trainer: {use: diffusion, width: 16, blocks: 2, batch: 16}, steps: 400, every: 200}
  - {name: pixels, trainer: {use: autoregressive_image, width: 32, blocks: 1, batch: 8}, steps: 300, every: 150}
"""
"""Short trainings: seconds of a core each, but for the VAE."""


def digits(folder: Path) -> pd.DataFrame:
    """Return the first digits of the file, as whole numbers [28, 28] below the levels, with their labels."""
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, SIDE, SIDE)[:DIGITS]
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)[:DIGITS]
    return framed(pixels, labels.astype(str).tolist())


def letters(folder: Path, draw: int) -> pd.DataFrame:
    """Return letters drawn at random from all alphabets, ink bright on dark as digits are, at the digits' size."""
    with zipfile.ZipFile(folder / "images_background_small1.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        chosen = np.random.default_rng(0).choice(len(names), LETTERS, replace=False)
        if draw:
            rest = np.setdiff1d(np.arange(len(names)), chosen)
            chosen = np.random.default_rng(1).permutation(rest)[LETTERS * (draw - 1) : LETTERS * draw]
        drawn = [Image.open(io.BytesIO(archive.read(names[at]))).convert("L") for at in chosen]
    small = [ImageOps.invert(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for one in drawn]
    return framed(np.stack([np.asarray(one) for one in small]), [names[at].split("/")[1] for at in chosen])


def framed(pixels: NDArray[np.uint8], labels: list[str]) -> pd.DataFrame:
    """Return images [item, row, column] of bytes in fewer levels."""
    cut = pixels.astype(np.int64) * LEVELS // 256
    return pd.DataFrame({"image": list(cut), "label": labels})


def trained(home: Path) -> float:
    """Train the models, tell each, and return the seconds of a core that they took."""
    begun, last = time.process_time(), [time.process_time()]

    def done(name: str, line: Mapping[str, Any]) -> None:
        took, last[0] = time.process_time() - last[0], time.process_time()
        print(f"  {name:11s}{took:5.0f} s of a core, held-out {line['loss']:.4g} {line['unit']}", flush=True)

    fit_models(read_fit_plan(FIT, base=home), home / "models", FitCallbacks(on_done=done))
    return time.process_time() - begun


def asked(home: Path, draw: int) -> Finding:
    """Ask what the plan of `init --for novelty` asks, about a draw of letters."""
    text = novelty_plans(str(home / "digits.parquet"), "models", base=home).audit
    text = text.replace('"models/parts/foreign.parquet", id: id', f"letters{draw}.parquet")
    text = text.partition("  - name: blind")[0]
    (finding,) = run(read_plan(text, base=home), into=home / "audits").record.findings
    return finding


def told(finding: Finding) -> float:
    """Print what every score sees, and return the AUROC of the best generative one."""
    rows = {one.group: one for one in finding.measures if one.name == "auroc" and one.group is not None}
    if not rows:
        sys.exit(finding.why)
    counts = {role: facts["items"] for role, facts in finding.data.items()}
    print(f"{counts['items']} digits, {counts['foreign']} letters")
    for name, one in sorted(rows.items(), key=lambda row: -(row[1].value or 0)):
        print(f"  {name:28s} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]", flush=True)
    return max(one.value or 0.0 for name, one in rows.items() if name.startswith(OWN))


def main(shared: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        tables = {"digits": digits(shared / "mnist_test")}
        tables |= {f"letters{draw}": letters(shared / "omniglot_small", draw) for draw in range(DRAWS)}
        for name, frame in tables.items():
            (home / f"{name}.parquet").write_bytes(parquet_bytes(arrow_table(frame)))
        spent = trained(home)
        best, most = [told(asked(home, draw)) for draw in range(DRAWS)], CORES * MINUTES * 60
    kept = "kept" if min(best) >= WANTED and spent <= most else "NOT KEPT"
    reached = ", ".join(f"{one:.3f}" for one in best)
    print(f"best generative {reached} (wanted {WANTED}), trained in {spent:.0f} s of a core (allowed {most}): {kept}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).resolve().parents[2] / "shared" / "data")
