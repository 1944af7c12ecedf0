"""The keyed mark of videos: what it survives, what it accuses, how fast it is.

The clips, of 48 frames of 320 x 240 pixels, are made by code: a camera that pans over a landscape, a person who moves
before a still room, waves of grey, noise, a still picture, and a page of text.

    power       every attack: share of clips found at 1e-6 with an exact interval, by kind of clip; the cost
    clean       p-values of keys that were not put in, on clips and on clips that carry the mark of another key, after
                H.264 too: shares at or below each level
    speed       frames that a CPU second marks and reads

    python benchmarks/provenance.py video [power|clean|speed]... [--clips 10] [--pairs 10000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from audit.watermarks.video import VideoSpread
from detectors.intervals import exact_binomial
from detectors.provenance.video.attacks import ATTACKS, attacked
from detectors.provenance.video.reading import Frame, Pool, read

__all__ = ["main"]

ALPHA, FRAMES, ROWS, COLUMNS = 1e-6, 48, 240, 320
GOAL = {("h264", 18), ("h264", 23), ("drop", 0.25), ("drop", 0.75), ("swap", 0.5), ("average", 3), ("average", 5),
        ("rate", 0.4), ("rate", 1.2), ("interrupt", 0.25), ("excerpt", 0.25), ("flip", 1),
        ("brightness", 0.7)}  # fmt: skip
"""What 95 % of the clips in which something moves must survive."""
MOVING = ("pan", "person", "waves", "noise")
Clip = np.ndarray
"""[frame, row, column], 0 to 1 in 255ths."""


def main(words: list[str]) -> int:
    """Run the parts that are asked for, all of them by default; 1 where a goal is missed."""
    asked = argparse.ArgumentParser(prog="benchmarks/provenance.py video", description=__doc__)
    asked.add_argument("parts", nargs="*", choices=["power", "clean", "speed", []], help="absent = all")
    asked.add_argument("--pairs", type=int, default=10_000)
    asked.add_argument("--clips", type=int, default=10, help="of each kind")
    options = asked.parse_args(words)
    parts: dict[str, Callable[[], bool]] = {
        "power": lambda: power(options.clips), "clean": lambda: clean(options.pairs), "speed": speed,
    }  # fmt: skip
    held = [parts[name]() for name in options.parts or parts]
    return 0 if all(held) else 1


def landscape(rng: np.random.Generator, rows: int, columns: int, slope: float) -> np.ndarray:
    """Return a picture whose power falls with frequency, as that of photographs does."""
    waves = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns))
    waves[0, 0] = 1
    shown = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((rows, columns))) / waves**slope, (rows, columns))
    return np.asarray(0.1 + 0.8 * (shown - shown.min()) / np.ptp(shown))


def pan(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield what a camera sees that moves by 3 pixels a frame and sways."""
    wide = landscape(rng, ROWS + 60, COLUMNS + 4 * FRAMES, 1.2)
    for at in range(FRAMES):
        top = int(20 + 15 * np.sin(at / 9))
        yield wide[top : top + ROWS, 3 * at : 3 * at + COLUMNS] + 0.01 * rng.standard_normal((ROWS, COLUMNS))


def person(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield an oval that moves before a still room, seen by a camera with a little noise."""
    room, cloth = landscape(rng, ROWS, COLUMNS, 1.3), landscape(rng, ROWS, COLUMNS, 0.9)
    down, right = np.mgrid[:ROWS, :COLUMNS]
    for at in range(FRAMES):
        y, x = 8 * np.sin(at / 7), 20 * np.sin(at / 13)
        inside = ((down - ROWS / 2 - y) / (ROWS / 3)) ** 2 + ((right - COLUMNS / 2 - x) / (COLUMNS / 5)) ** 2 < 1
        shown = np.where(inside, np.roll(cloth, (int(y), int(x)), (0, 1)), room)
        yield shown + 0.012 * rng.standard_normal(shown.shape)


def waves_of_grey(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield smooth waves that wander."""
    down, right = np.mgrid[:ROWS, :COLUMNS]
    long, wide = rng.uniform(30, 60, 2)
    for at in range(FRAMES):
        yield 0.5 + 0.2 * np.sin(right / long + at / 8) + 0.2 * np.sin(down / wide - at / 11)


def noise(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield noise, new in each frame."""
    for _ in range(FRAMES):
        yield 0.5 + 0.12 * rng.standard_normal((ROWS, COLUMNS))


def still(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield one picture over and over."""
    yield from [landscape(rng, ROWS, COLUMNS, 1.2)] * FRAMES


def page(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield dark letters on white, over and over."""
    shown = np.full((ROWS, COLUMNS), 0.9)
    for top in range(10, ROWS - 12, 16):
        for left in range(10, COLUMNS - 10, 8):
            if rng.random() < 0.8:
                shown[top : top + 10, left : left + 6] = np.where(rng.random((10, 6)) < 0.45, 0.1, 0.9)
    yield from [shown] * FRAMES


KINDS: Mapping[str, Callable[[np.random.Generator], Iterator[np.ndarray]]] = {
    "pan": pan, "person": person, "waves": waves_of_grey, "noise": noise, "still": still, "page": page
}  # fmt: skip


def clip(kind: str, number: int) -> Clip:
    """Return a clip of this kind."""
    shown = np.stack([*KINDS[kind](np.random.default_rng(number))])
    return (np.rint(255 * np.clip(shown, 0, 1)) / 255).astype(np.float32)


def marked(frames: Clip, key: bytes, **how: float) -> Clip:
    """Return a clip with the mark, in 255ths."""
    mark = VideoSpread(**how)
    made = [one + mark.change(one, key, levels=255) for one in frames]
    return (np.rint(255 * np.clip(np.stack(made), 0, 1)) / 255).astype(np.float32)


def seen(frames: Clip) -> Iterator[Frame]:
    """Yield the frames of a clip, of which the first is a key frame, as in whatever codec."""
    return (Frame(one, at / 25, at == 0) for at, one in enumerate(frames))


def power(count: int) -> bool:
    """Print a line an attack; goals are checked against the clips in which something moves."""
    cells = [("none", 0.0)] + [(name, one) for name, strengths in ATTACKS.items() for one in strengths]
    log_p = np.empty((len(KINDS), count, len(cells)))
    for row, kind in enumerate(KINDS):
        costs = []
        for number in range(count):
            plain, key = clip(kind, number), b"key %d" % number
            made = marked(plain, key)
            costs.append(-10 * np.log10(np.mean((made - plain).astype(float) ** 2)))
            for at, (name, strength) in enumerate(cells):
                rng = np.random.default_rng(number)
                changed = made if name == "none" else attacked(name, made, strength, rng)
                log_p[row, number, at] = read(seen(changed), key).log10_p
        print(f"{kind}: PSNR {np.median(costs):.1f} dB in the median of {count} clips", flush=True)
    print(f"found at 1e-6 in per cent; of {count}, all is [{100 * exact_binomial(count, count)[0]:.0f}, 100]")
    print(f"{'attack':>16} " + " ".join(f"{kind:>6}" for kind in KINDS) + "   median log10 p of each")
    held = True
    for at, (name, strength) in enumerate(cells):
        found = (log_p[..., at] <= np.log10(ALPHA)).mean(1)
        middle = np.median(log_p[..., at], axis=1)
        wanted = (name, strength) in GOAL or name == "none"
        good = not wanted or found[[[*KINDS].index(one) for one in MOVING]].mean() >= 0.95
        held &= good
        verdict = ("goal met" if good else "GOAL MISSED") if wanted else ""
        print(f"{name:>10} {strength:>5g} " + " ".join(f"{100 * one:>6.0f}" for one in found) + "   "
              + " ".join(f"{one:.0f}" for one in middle) + f" {verdict}".rstrip(), flush=True)  # fmt: skip
    return held


def clean(pairs: int) -> bool:
    """Print how often p is at or below each level under keys that were not put in; whether it is no more than that."""
    rng, held = np.random.default_rng(1), True
    plain = [clip(kind, 0) for kind in KINDS]
    coded = [attacked("h264", one, 28, rng) for one in plain]
    other = [marked(one, b"theirs") for one in plain]
    for what, clips in (("that carry no mark", plain), ("after H.264 at 28", coded), ("of another key", other)):
        each = -(-pairs // len(clips))
        log_p = np.concatenate([_under(one, [rng.bytes(16) for _ in range(each)]) for one in clips])
        print(f"{len(clips)} clips {what}, {len(log_p):,} pairs of clip and key")
        for level in (1e-1, 1e-2, 1e-3, 1e-4, ALPHA):
            hits = int((log_p <= np.log10(level)).sum())
            low, high = exact_binomial(hits, len(log_p))
            good = low <= level if level > ALPHA else hits == 0
            held &= good
            print(f"p <= {level:g}: {hits} = {hits / len(log_p):.2g} [{low:.2g}, {high:.2g}] "
                  f"{'' if good else 'TOO MANY'}".rstrip(), flush=True)  # fmt: skip
    return held


def _under(frames: Clip, keys: list[bytes]) -> np.ndarray:
    """Return log10 p under each key, as the clip stands."""
    pool = Pool()
    for one in seen(frames):
        pool.add(one)
    return np.array([one.log10_p for one in pool.read(keys, search=False)])


def speed() -> bool:
    """Print the frames of 320 x 240 and of 1,920 x 1,080 that a CPU second of one thread marks and reads."""
    small = clip("person", 0)
    large = np.tile(small, (1, 5, 6))[:8, :1080, :1920]
    for frames in (small, large):
        start = time.process_time()
        made = marked(frames, b"key")
        between = time.process_time()
        read(seen(made), b"key")
        taken = time.process_time() - between
        rows, columns = frames.shape[1:]
        rates = len(frames) / (between - start), len(frames) / taken
        print("{} x {}: {:.0f} frames marked, {:.0f} read a CPU second".format(columns, rows, *rates))
    return True
