"""The keyed mark of sounds: what it survives, what it accuses, how fast it is.

The clips, 10 s each, are made by code: notes with overtones, and sounds that formants shape as those of speech; spoken
digits, joined, are among them where a folder of WAV files of them is given.

    power       every attack: share of clips found at 1e-2 and 1e-3, and at 1e-6 with an exact interval; the cost
    clean       p-values of keys that were not put in, on clips, on loops and single tones, and on clips that carry the
                mark of another key: shares at or below each level
    speed       seconds of sound that a CPU second marks and reads

    python benchmarks/provenance.py audio [power|clean|speed]... [--pairs 10000] [--digits FOLDER]
"""

from __future__ import annotations

import argparse
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from audit.watermarks.audio import AudioSpread
from detectors.intervals import exact_binomial
from detectors.provenance.audio.attacks import ATTACKS, attacked
from detectors.provenance.audio.quality import segmental_snr, snr
from detectors.provenance.audio.reading import read, read_all

__all__ = ["main"]

ALPHA, SECONDS = 1e-6, 10
GOAL = {("mp3", 64), ("vorbis", 0.5), ("resample", 11025), ("trim", 0.37), ("noise", 30), ("noise", 20), ("gain", 0.25),
        ("lowpass", 2000), ("quantise", 8), ("echo", 0.3)}  # fmt: skip
"""What 95 % of the clips must survive."""
Clip = tuple[str, np.ndarray, int]


def main(words: list[str]) -> int:
    """Run the parts that are asked for, all of them by default; 1 where a goal is missed."""
    asked = argparse.ArgumentParser(prog="benchmarks/provenance.py audio", description=__doc__)
    asked.add_argument("parts", nargs="*", choices=["power", "clean", "speed", []], help="absent = all")
    asked.add_argument("--pairs", type=int, default=10_000)
    asked.add_argument("--clips", type=int, default=20, help="of each kind")
    asked.add_argument("--digits", type=Path, help="a folder of WAV files")
    options = asked.parse_args(words)
    shown = clips(options.clips, options.digits)
    parts: dict[str, Callable[[], bool]] = {
        "power": lambda: power(shown), "clean": lambda: clean(shown, options.pairs), "speed": lambda: speed(shown),
    }  # fmt: skip
    held = [parts[name]() for name in options.parts or parts]
    return 0 if all(held) else 1


def clips(count: int, digits: Path | None) -> list[Clip]:
    """Return kind, samples [sample, 1] and rate of so many clips of each kind."""
    found = [(kind, make(np.random.default_rng(number), rate)[:, None], rate)
             for kind, make, rate in (("notes", notes, 44100), ("speech", speech, 16000)) for number in range(count)]
    return found + ([] if digits is None else [("digits", one[:, None], 8000) for one in joined(digits, count)])


def notes(rng: np.random.Generator, rate: int) -> np.ndarray:
    """Return notes of half a second that die away, each with 8 overtones, over a little noise."""
    at = np.arange(SECONDS * rate) / rate
    sound = np.zeros(len(at))
    for start in np.arange(0, SECONDS, 0.5):
        since, pitch = np.maximum(at - start, 0), 220 * 2 ** (rng.integers(0, 24) / 12)
        for overtone in range(1, 9):
            turn = rng.uniform(0, 2 * np.pi)
            sound += (at >= start) * np.exp(-3 * since) * np.sin(2 * np.pi * overtone * pitch * at + turn) / overtone
    return np.asarray(0.5 * sound / np.abs(sound).max() + 0.001 * rng.standard_normal(len(at)))


def speech(rng: np.random.Generator, rate: int) -> np.ndarray:
    """Return pulses or noise through three formants, in pieces of 0.08 to 0.3 s, a fifth of them pauses."""
    sound, at = np.zeros(SECONDS * rate), 0
    while at < len(sound):
        length = int(rate * rng.uniform(0.08, 0.3))
        if rng.random() >= 0.2:
            when = np.arange(length) / rate
            cycles = np.cumsum(rng.uniform(90, 220) * (1 + 0.1 * np.sin(6 * np.pi * when))) / rate
            voiced = rng.random() < 0.7
            piece = 10 * np.diff(np.floor(cycles), prepend=0) if voiced else 0.3 * rng.standard_normal(length)
            for low, high, width in ((300, 800, 80), (900, 2300, 120), (2300, 3000, 160)):
                radius, turn = np.exp(-np.pi * width / rate), 2 * np.pi * rng.uniform(low, high) / rate
                piece = lfilter([1 - radius], [1, -2 * radius * np.cos(turn), radius**2], piece)
            piece = piece * np.sqrt(np.sin(np.pi * np.arange(length) / length))
            sound[at : at + length] += piece[: len(sound) - at]
        at += length
    return np.asarray(0.5 * sound / np.abs(sound).max() + 0.0001 * rng.standard_normal(len(sound)))


def joined(folder: Path, count: int) -> list[np.ndarray]:
    """Return clips of spoken digits, in another order each, a tenth of a second apart."""
    spoken = []
    for file in sorted(folder.rglob("*.wav")):
        with wave.open(str(file)) as data:
            spoken.append(np.frombuffer(data.readframes(data.getnframes()), "<i2") / 32768)
    made = []
    for number in range(count):
        order = np.random.default_rng(number).integers(0, len(spoken), 40)
        made.append(np.concatenate([np.pad(spoken[one], (0, 800)) for one in order])[: SECONDS * 8000])
    return made


def power(shown: list[Clip]) -> bool:
    """Print a line an attack; goals are checked against the observed rate of every kind of clip."""
    marked = [AudioSpread().marked(sound, rate, b"key %d" % at) for at, (_, sound, rate) in enumerate(shown)]
    held = True
    for kind in dict.fromkeys(name for name, *_ in shown):
        own = [at for at, (name, *_) in enumerate(shown) if name == kind]
        costs = [(snr(shown[at][1], marked[at]), segmental_snr(shown[at][1], marked[at], shown[at][2])) for at in own]
        told = [(min(costs)[at], float(np.median([one[at] for one in costs]))) for at in (0, 1)]
        print(f"{kind}: {len(own)} clips; SNR {told[0][1]:.1f} dB, by segments {told[1][1]:.1f} dB in the median")
        print(f"{'attack':>16} {'found at 1e-2':>14} {'1e-3':>6} {'1e-6, exact interval':>22} {'median log10 p':>15}")
        cells = [("none", 0.0)] + [(name, one) for name, strengths in ATTACKS.items() for one in strengths]
        for name, strength in cells:
            held &= _cell(name, strength, [(marked[at], shown[at][2], b"key %d" % at) for at in own])
    return held


def _cell(name: str, strength: float, marked: list[tuple[np.ndarray, int, bytes]]) -> bool:
    """Print how many of the marked sounds are found after an attack; whether the goal is met."""
    found = []
    for number, (sound, rate, key) in enumerate(marked):
        changed = sound if name == "none" else attacked(name, sound, rate, strength, np.random.default_rng(number))
        found.append(read(changed, rate, key).log10_p)
    share = [float(np.mean(np.array(found) <= np.log10(level))) for level in (1e-2, 1e-3, ALPHA)]
    low, high = exact_binomial(round(share[-1] * len(found)), len(found))
    wanted = (name, strength) in GOAL or name == "none"
    good = share[-1] >= 0.95 or not wanted
    verdict = ("goal met" if good else "GOAL MISSED") if wanted else ""
    print(f"{name:>10} {strength:>5g} {share[0]:>14.2f} {share[1]:>6.2f} {share[-1]:>7.2f} [{low:.2f}, {high:.2f}] "
          f"{np.median(found):>15.1f} {verdict}".rstrip(), flush=True)  # fmt: skip
    return good


def clean(shown: list[Clip], pairs: int) -> bool:
    """Print how often p is at or below each level under keys that were not put in; whether it is no more than that."""
    rng, at = np.random.default_rng(1), np.arange(SECONDS * 8000)
    hard = [np.sin(2 * np.pi * 1000 * at / 8000), np.resize(rng.standard_normal(8192), len(at)), at % 8192 == 0,
            np.resize([1.0, -1.0], len(at)), np.resize(rng.standard_normal(800), len(at))]  # fmt: skip
    plain = [("hard", np.asarray(one, dtype=float)[:, None] / 4, 8000) for one in hard]
    other = [(kind, AudioSpread().marked(sound, rate, b"theirs"), rate) for kind, sound, rate in shown]
    held = True
    for what, sounds in (("that carry no mark", shown), ("that repeat themselves", plain), ("of another key", other)):
        each = -(-pairs // len(sounds))
        keys = [[rng.bytes(16) for _ in range(each)] for _ in sounds]
        log_p = np.array([one.log10_p for (_, sound, rate), own in zip(sounds, keys, strict=True)
                          for one in read_all(sound, rate, own)])  # fmt: skip
        print(f"{len(sounds)} clips {what}, {len(log_p):,} pairs of clip and key")
        for level in (1e-1, 1e-2, 1e-3, 1e-4, ALPHA):
            hits = int((log_p <= np.log10(level)).sum())
            low, high = exact_binomial(hits, len(log_p))
            good = low <= level if level > ALPHA else hits == 0
            held &= good
            print(f"p <= {level:g}: {hits} = {hits / len(log_p):.2g} [{low:.2g}, {high:.2g}] "
                  f"{'' if good else 'TOO MANY'}".rstrip(), flush=True)  # fmt: skip
    return held


def speed(shown: list[Clip]) -> bool:
    """Print the seconds of sound for each CPU second of one thread, by kind; median of five."""
    for kind in dict.fromkeys(name for name, *_ in shown):
        _, sound, rate = next(one for one in shown if one[0] == kind)
        made = AudioSpread().marked(sound, rate, b"key")
        mark, seek = _cpu(lambda: AudioSpread().marked(sound, rate, b"key")), _cpu(lambda: read(made, rate, b"key"))  # noqa: B023
        print(f"{kind} at {rate:,}: {SECONDS / mark:.0f} seconds of sound marked, {SECONDS / seek:.0f} read a second")
    return True


def _cpu(work: Callable[[], object]) -> float:
    """Return the median CPU seconds of one call, after one that does not count."""
    taken = []
    for _ in range(6):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return float(np.median(taken[1:]))
