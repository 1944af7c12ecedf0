"""The keyed mark of videos: one p-value for all frames, exact over keys whatever they show, found where it was put."""

from __future__ import annotations

import math

import numpy as np
import pytest
from needs import needs_library
from scipy.stats import binom

from audit.watermarks.video import VideoSpread
from detectors.provenance.cosines import log_cosine_tail
from detectors.provenance.image.lattice import LATTICES, straight, whitened
from detectors.provenance.image.reading import read as read_image
from detectors.provenance.video import reading
from detectors.provenance.video.attacks import ATTACKS, STRENGTHS, attacked
from detectors.provenance.video.reading import MOMENT, Frame, Pool, read, read_all

KEY = b"key"
SIZE = (96, 128)


def moving(count: int, size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """Waves that wander, and a little noise: [frame, row, column]."""
    rng, (down, right) = np.random.default_rng(seed), np.mgrid[: size[0], : size[1]]
    at = np.arange(count)[:, None, None]
    shown = 0.5 + 0.2 * np.sin(right / 9 + at / 5) + 0.2 * np.sin((down + right) / 13 - at / 4)
    return rounded(shown + 0.02 * rng.standard_normal(shown.shape))


def rounded(frames: np.ndarray) -> np.ndarray:
    return (np.rint(255 * np.clip(frames, 0, 1)) / 255).astype(np.float32)


def marked(frames: np.ndarray, key: bytes = KEY, **how) -> np.ndarray:
    return rounded(np.stack([one + VideoSpread(**how).change(one, key, levels=255) for one in frames]))


def shown(frames: np.ndarray, *, keys: tuple[int, ...] = (0,)) -> list[Frame]:
    return [Frame(one, at / 25, at in keys) for at, one in enumerate(frames)]


@pytest.fixture(scope="module")
def clip():
    return marked(moving(40), payload="c0ffee")


def test_a_sum_worked_by_hand():
    """40 frames are 2.5 moments: the plane is the sum of three whitened means, the last one by half."""
    frames = moving(40)
    pool = Pool()
    for one in shown(frames, keys=(0, 30)):
        pool.add(one)
    one = pool.read([KEY])[0]
    means = [whitened(frames[:16].mean(0)), whitened(frames[16:32].mean(0)), 0.5 * whitened(frames[32:].mean(0))]
    np.testing.assert_allclose(pool._whole, sum(means), atol=2e-4)
    np.testing.assert_allclose(pool._keys, whitened(frames[0]) + whitened(frames[30]), atol=2e-4)
    assert one.frames == 40
    passages = 2  # of moments 1 and 2, 2 and 3; four would be more than there are
    assert one.tried == 8 * 192**2 * (2 * (1 + LATTICES) + passages)
    expected = math.log(one.tried) + log_cosine_tail(one.statistic, one.count)
    assert one.log10_p == pytest.approx(min(0, expected / math.log(10)))


def test_passages_of_two_four_eight_squares_that_overlap():
    squares = [np.full((2, 2), 2.0**at, dtype=np.float32) for at in range(9)]
    found = {where: int(one[0, 0]) for where, one in reading._passages(squares)}
    pairs = [(at, at + 2) for at in range(8)]
    assert [*found] == [*pairs, (0, 4), (2, 6), (4, 8), (0, 8)]
    assert found == {(first, last): 2**last - 2**first for first, last in found}
    assert not [*reading._passages(squares[:2])]  # which are the whole


def test_a_long_video_takes_no_more_memory(monkeypatch):
    frames = moving(11 * MOMENT, (40, 40))
    plain, less = Pool(), Pool()
    for one in shown(frames):
        plain.add(one)
    monkeypatch.setattr(reading, "_MOST", 4)
    for one in shown(frames):
        less.add(one)
    assert (len(plain._squares), len(less._squares), less._each) == (11, 3, 4)
    for at, square in enumerate(less._squares):
        np.testing.assert_allclose(square, sum(plain._squares[4 * at : 4 * at + 4]), atol=1e-3)
    assert less.read([KEY])[0].tried < plain.read([KEY])[0].tried


def test_the_same_frame_over_and_over_proves_no_more_than_one():
    """Frames are no trials: of a still picture p is that of the picture, but for what was tried."""
    still = marked(moving(1), psnr=46)
    alone, often = read_image(still[0], KEY, search=False), read(shown(np.repeat(still, 64, 0)), KEY, search=False)
    assert alone.log10_p < -1
    assert often.statistic == pytest.approx(alone.statistic, rel=1e-3)
    assert often.log10_p == pytest.approx(alone.log10_p + math.log10(often.tried / alone.tried), abs=0.05)


HARD = {
    "what moves": lambda: moving(48), "a still picture": lambda: np.repeat(moving(1), 32, 0),
    "noise": lambda: rounded(0.5 + 0.2 * np.random.default_rng(0).standard_normal((32, *SIZE))),
    "a grid": lambda: np.repeat(((np.mgrid[:96, :128] // 8).sum(0) % 2)[None].astype(np.float32), 32, 0),
    "the mark of another": lambda: marked(moving(32), b"theirs"),
    "two scenes": lambda: np.concatenate([moving(24), moving(24, seed=1)]),
}  # fmt: skip
"""Of 48 frames two passages are read beside the whole, of 32 the whole alone."""


@pytest.mark.parametrize("name", HARD)
def test_no_video_that_knows_nothing_of_the_key_is_accused_more_often_than_p_says(name):
    rng = np.random.default_rng(7)
    pool = Pool()
    for one in shown(HARD[name]()):
        pool.add(one)
    log_p = np.array([one.log10_p for one in pool.read([rng.bytes(16) for _ in range(120)], search=False)])
    for level in (0.5, 0.1, 0.01):
        assert binom.sf((log_p <= math.log10(level)).sum() - 1, len(log_p), level) > 1e-4
    assert log_p.min() > -6


def test_the_mark_is_found_with_its_payload(clip):
    one, other = read_all(shown(clip), [KEY, b"another"])
    assert one.log10_p < -100
    assert one.p_value < 1e-100
    assert (one.payload.hex(), one.scale, one.angle, one.mirrored) == ("00c0ffee", 1, 0, False)
    assert one.passage[0] in (0, 16 / 25)
    assert other.log10_p > -4
    alone = read_image(clip[0], KEY).log10_p
    assert one.log10_p < 2 * alone  # frames add up


SURVIVED = [("drop", 0.75), ("swap", 1), ("average", 5), ("rate", 0.4), ("rate", 1.5), ("interrupt", 0.5),
            ("excerpt", 0.3), ("flip", 1), ("brightness", 0.7), ("contrast", 0.6), ("noise", 0.05), ("blur", 1),
            ("shift", 3), ("shake", 1)]  # fmt: skip


@pytest.mark.parametrize(("kind", "strength"), SURVIVED)
def test_what_the_mark_survives(clip, kind, strength):
    changed = attacked(kind, clip, strength, np.random.default_rng(0))
    assert read(shown(changed), KEY).log10_p < -6


@pytest.mark.parametrize(("kind", "strength"), [("scale", 0.75), ("rotate", 3)])
def test_size_and_angle_are_found_in_the_sum(kind, strength):
    larger = marked(moving(20, (240, 240)))
    one = read(shown(attacked(kind, larger, strength, np.random.default_rng(0))), KEY)
    assert one.log10_p < -6
    assert one.scale == pytest.approx(strength if kind == "scale" else 1, abs=0.02)
    assert one.angle == pytest.approx(strength if kind == "rotate" else 0, abs=0.5)


@pytest.mark.parametrize("kind", ["h264", "vp9"])
def test_the_mark_survives_codecs(clip, kind):
    needs_library("av")
    changed = attacked(kind, clip, 23, np.random.default_rng(0))
    assert changed.shape == clip.shape
    assert np.abs(changed - clip).mean() < 0.03
    assert read(shown(changed), KEY).log10_p < -6


def test_who_lifts_the_pattern_takes_it_off(clip):
    assert read(shown(attacked("lift", clip, 1, np.random.default_rng(0))), KEY).log10_p > read(
        shown(clip), KEY
    ).log10_p / 2


@pytest.mark.parametrize("kind", ["h264", "vp9"])
def test_what_is_too_narrow_for_a_codec_stays_as_it_is(kind):
    needs_library("av")
    narrow = moving(3, (40, 1))
    np.testing.assert_array_equal(attacked(kind, narrow, 28, np.random.default_rng(0)), narrow)


@pytest.mark.parametrize("kind", [one for one in ATTACKS if one not in ("h264", "vp9")])
def test_every_attack_gives_a_video_back(kind):
    frames = moving(12, (40, 48))
    for strength in (*ATTACKS[kind], *STRENGTHS[kind]):
        made = attacked(kind, frames, min(strength, 3) if kind == "scale" else strength, np.random.default_rng(1))
        assert made.ndim == 3
        assert len(made) >= 1
        assert made.dtype == np.float32
        assert 0 <= made.min() <= made.max() <= 1


def test_attacks_worked_by_hand():
    frames = rounded(np.arange(8)[:, None, None] / 10 * np.ones((8, 40, 40)))

    def made(kind: str, strength: float) -> list[float]:
        return [round(float(one.mean()), 1) for one in attacked(kind, frames, strength, np.random.default_rng(0))]

    assert made("swap", 1) == [0.1, 0, 0.3, 0.2, 0.5, 0.4, 0.7, 0.6]
    assert made("rate", 0.5) == [0, 0.2, 0.4, 0.6]
    assert made("rate", 2)[:4] == [0, 0, 0.1, 0.1]
    assert made("average", 3)[1:7] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert len(made("excerpt", 0.5)) == 4
    with pytest.raises(ValueError, match="attacked: got 'melt'; allowed: h264, vp9, drop"):
        attacked("melt", frames, 1, np.random.default_rng(0))


def test_a_mark_in_a_part_of_a_video_is_found_there():
    frames = moving(14 * MOMENT, (96, 96))
    frames[4 * MOMENT : 8 * MOMENT] = marked(frames[4 * MOMENT : 8 * MOMENT], psnr=44)
    one = read(shown(frames), KEY, search=False)
    assert one.log10_p < -10
    assert one.passage == (4 * MOMENT / 25, 8 * MOMENT / 25)


def test_what_cannot_be_read():
    assert math.isnan(read([], KEY).log10_p)
    small = read(shown(moving(3, (20, 90))), KEY)
    assert math.isnan(small.log10_p)
    assert (small.frames, small.payload) == (3, b"")
    assert math.isnan(read(shown(np.full((3, 64, 64), 0.5)), KEY).log10_p)
    pool = Pool()
    pool.add(Frame(np.zeros((40, 50)), 0.0))
    with pytest.raises(ValueError, match=r"add: got a frame of shape \[50, 40\]; allowed: \[40, 50\]"):
        pool.add(Frame(np.zeros((50, 40)), 0.1))
    with pytest.raises(ValueError, match=r"add: got a frame of shape \[2, 40, 50\]"):
        Pool().add(Frame(np.zeros((2, 40, 50)), 0.0))


def test_a_frame_is_folded_as_an_image_is():
    plane = whitened(moving(1)[0])
    assert straight(plane).shape == (96, 96)
    pool = Pool()
    pool.add(Frame(moving(1)[0], 0.0, key=True))
    pool.read([KEY])
    np.testing.assert_allclose(MOMENT * pool._squares[0], straight(plane), atol=1e-4)
