"""The keyed mark of images: what it survives, what it accuses, how fast it is.

The photographs are those that scikit-learn and, where it is installed, scikit-image bring, cut to at most 640 pixels,
and a corner of each large one.

    power       every attack, by the probe `provenance.image_mark`: power at 1e-2, 1e-3, 1e-6, exact intervals, bits
    clean       p-values of keys that were not put in, on crops at random: shares at or below each level
    speed       CPU seconds of one thread to mark and to read, beside invisible-watermark where it is installed

    python benchmarks/provenance.py image [power|clean|speed]... [--crops 10000]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from PIL import Image

from audit.probes.provenance.image_mark import MarkedImages
from audit.probes.provenance.image_reading import cell_of
from audit.watermarks.image.spread import SpreadSpectrum
from detectors.intervals import exact_binomial
from detectors.provenance.image.attacks import ATTACKS
from detectors.provenance.image.detection import LEVELS
from detectors.provenance.image.reading import read, read_all
from detectors.provenance.under_attack import attack_cells, name_of, power_table

__all__ = ["main"]

ALPHA, PAYLOAD = 1e-6, "cafe1234"
GOAL = {("jpeg", 50), ("crop", 0.25), ("rotate", 5), *(("scale", size) for size in ATTACKS["scale"])}
"""What must be survived in 95 % of the photographs."""
BITS = {("jpeg", 50), ("shift", 3)}
"""Where 95 % of the bits must be right."""
_SKIMAGE = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg", "coins.png", "moon.png",
            "brick.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "retina.jpg",
            "motorcycle_left.png")  # fmt: skip


def main(words: list[str]) -> int:
    """Run the parts that are asked for, all of them by default; 1 where a goal is missed."""
    asked = argparse.ArgumentParser(prog="benchmarks/provenance.py image", description=__doc__)
    asked.add_argument("parts", nargs="*", choices=["power", "clean", "speed", []], help="absent = all")
    asked.add_argument("--crops", type=int, default=1000)
    options = asked.parse_args(words)
    parts: dict[str, Callable[[], bool]] = {"power": power, "clean": lambda: clean(options.crops), "speed": speed}
    held = [parts[name]() for name in options.parts or parts]
    return 0 if all(held) else 1


def photographs() -> list[tuple[str, np.ndarray]]:
    """Return names and images of 0 to 1, [row, column, 3]."""
    places = [_data("sklearn", "datasets/images") / name for name in ("china.jpg", "flower.jpg")]
    if find_spec("skimage"):
        places += [_data("skimage", "data") / name for name in _SKIMAGE]
    found = []
    for place in places:
        whole = np.asarray(Image.open(place).convert("RGB")) / 255
        found.append((place.stem, whole[:640, :640]))
        if min(whole.shape[:2]) >= 400:
            found.append((f"{place.stem}, corner", whole[-400:, -400:]))
    return found


def power() -> bool:
    """Print a line an attack, as `provenance.image_mark` finds it; goals are checked against the observed rate."""
    photos, mark = photographs(), {"use": "image-spread", "payload": PAYLOAD}
    probe = MarkedImages(images="marked", mark=mark, key="benchmark", attacks=("all",), other_keys=10)
    index = pd.Index([name for name, _ in photos], name="id")
    units = [name.partition(",")[0] for name, _ in photos]
    images = pd.Series([cell_of(image, 256) for _, image in photos], index, dtype=object)
    observed = {"items": probe.observe(cast("Any", None), pd.DataFrame({"image": images, "unit": units}), "items")}
    result = probe.judge(observed, level=0.95, rng=np.random.default_rng(0))
    found = {(one.name, one.group): one for one in result.measures}
    psnr = observed["items"]["psnr"].astype(float)
    print(f"{len(photos)} images of {len(set(units))} photographs; PSNR {psnr.min():.1f} to {psnr.max():.1f} dB, "
          f"median {psnr.median():.1f}; SSIM median {found['ssim', None].value:.4f}")  # fmt: skip
    for name in ("own_false_positive_rate", "other_key_rate"):
        one = found[name, None]
        print(f"{name}: {one.value:g} of {one.n['items']} [{one.low:.2g}, {one.high:.2g}] at {ALPHA:g}")
    print(f"{'attack':>16} {'found at 1e-2':>14} {'1e-3':>6} {'1e-6, exact interval':>22} {'bits':>6}")
    held = psnr.min() >= 42
    table = power_table(attack_cells(observed["items"]), LEVELS, 0.95).groupby(["kind", "strength"], sort=False)
    for (kind, strength), rows in table:
        share = (rows["found"] / rows["texts"]).tolist()
        last = rows.iloc[-1]
        bits = found["bit_accuracy", None if kind == "none" else name_of(kind, strength)].value or 0.0
        good = share[-1] >= 0.95 if (kind, strength) in GOAL else True
        good &= bits >= 0.95 if (kind, strength) in BITS else True
        held &= good
        wanted = ("goal met" if good else "GOAL MISSED") if (kind, strength) in GOAL | BITS else ""
        print(f"{kind:>10} {strength:>5g} {share[0]:>14.3f} {share[1]:>6.3f} {share[-1]:>7.3f} [{last['low']:.3f}, "
              f"{last['high']:.3f}] {bits:>6.3f} {wanted}".rstrip(), flush=True)  # fmt: skip
    return bool(held)


def clean(crops: int) -> bool:
    """Print how often p is at or below each level on `crops` crops that carry no mark, each under three new keys."""
    photos, rng = photographs(), np.random.default_rng(1)
    found: list[float] = []
    for _ in range(crops):
        image, side = photos[rng.integers(len(photos))][1], int(rng.integers(128, 257))
        top, left = (int(rng.integers(0, size - side + 1)) for size in image.shape[:2])
        cut = image[top : top + side, left : left + side]
        found += [one.log10_p for one in read_all(cut, [rng.bytes(16) for _ in range(3)])]
    log_p = np.array(found)[~np.isnan(found)]
    print(f"{crops:,} crops without a mark, {len(log_p):,} p-values of keys that were not put in")
    held = True
    for level in (1e-1, 1e-2, 1e-3, 1e-4, ALPHA):
        hits = int((log_p <= np.log10(level)).sum())
        low, high = exact_binomial(hits, len(log_p))
        good = low <= level if level > ALPHA else hits == 0
        held &= good
        print(f"p <= {level:g}: {hits} = {hits / len(log_p):.2g} [{low:.2g}, {high:.2g}] {'' if good else 'TOO MANY'}")
    return held


def speed() -> bool:
    """Print CPU milliseconds on one photograph of 512 x 512, everybody with 32 bits."""
    image = next((one for name, one in photographs() if name == "astronaut"), photographs()[0][1])[:512, :512]
    made = SpreadSpectrum(payload=PAYLOAD).marked(image, b"key")
    mark, seek = _cpu(lambda: SpreadSpectrum(payload=PAYLOAD).marked(image, b"key")), _cpu(lambda: read(made, b"key"))
    print(f"{image.shape[0]} x {image.shape[1]}: mark {mark:.1f} ms, read {seek:.1f} ms, "
          f"read in vain, at every scale and angle, {_cpu(lambda: read(image, b'key')):.1f} ms")  # fmt: skip
    held = True
    for name, their_mark, their_read in _peers((255 * image).astype(np.uint8)):
        held &= their_mark >= 2 * mark and their_read >= 2 * seek
        print(f"invisible-watermark {name}: mark {their_mark:.1f} ms, {their_mark / mark:.1f} times ours; "
              f"read {their_read:.1f} ms, {their_read / seek:.1f} times ours; goal 2")  # fmt: skip
    return held


def _peers(image: np.ndarray) -> Iterator[tuple[str, float, float]]:
    try:
        import cv2
        from imwatermark import WatermarkDecoder, WatermarkEncoder
    except ImportError:
        print("invisible-watermark is not installed")
        return
    cv2.setNumThreads(1)
    for name in ("dwtDct", "dwtDctSvd"):
        encoder, decoder = WatermarkEncoder(), WatermarkDecoder("bytes", 32)
        encoder.set_watermark("bytes", bytes.fromhex(PAYLOAD))
        made = encoder.encode(image, name)
        mark, seek = partial(encoder.encode, image, name), partial(decoder.decode, made, name)
        yield name, _cpu(mark), _cpu(seek)


def _cpu(work: Callable[[], Any], times: int = 5) -> float:
    """Return the median CPU milliseconds of one call, after one that does not count."""
    taken = []
    for _ in range(times + 1):
        start = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - start))
    return float(np.median(taken[1:]))


def _data(package: str, folder: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"{package} is not installed")
    return Path(spec.origin).parent / folder
