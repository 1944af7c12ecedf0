"""The keyed mark of images: exact tails, words that correct errors, found where it was put and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from scipy.special import gammaln, j0
from scipy.stats import binom
from sklearn.datasets import load_sample_image

from audit.errors import UsageError
from audit.watermarks.image.spread import SpreadSpectrum
from detectors.provenance.cosines import log_cosine_tail
from detectors.provenance.image.attacks import ATTACKS, attacked
from detectors.provenance.image.lattice import folded, lattices, straight, whitened
from detectors.provenance.image.reading import luma, read, read_all
from detectors.provenance.image.tile import DOWN, MESSAGE, PILOT, RIGHT, SIDE, decoded, encoded, pattern, phases

PAYLOAD = b"\x00\x7f\x80\xff"


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def photo():
    return load_sample_image("china.jpg")[60:380, 100:420] / 255


@pytest.fixture(scope="module")
def marked(photo):
    return SpreadSpectrum(payload=PAYLOAD.hex()).marked(photo, b"key")


def bytes_of(image):
    return Image.fromarray(np.rint(255 * image).astype(np.uint8))


@pytest.mark.parametrize("count", [16, 64, 568])
@pytest.mark.parametrize("deviations", [0.0, 1.0, 3.0, 5.0])
def test_the_tail_is_that_of_the_characteristic_function(count, deviations):
    t = np.linspace(0, 60 if count == 16 else 12, 60_001)[1:]
    total = deviations * math.sqrt(count / 2)
    whole = np.trapezoid(np.r_[total, j0(t) ** count * np.sin(t * total) / t], np.r_[0, t])
    assert math.exp(log_cosine_tail(total, count)) == pytest.approx(0.5 - whole / math.pi, rel=1e-4, abs=1e-12)
    assert math.exp(log_cosine_tail(-total, count)) == pytest.approx(0.5 + whole / math.pi, rel=1e-9)


def test_far_out_the_tail_is_the_volume_of_a_ball():
    """Where all phases are near 0, n - S is half the square of their length."""
    count, short = 40, 1e-4
    ball = count / 2 * math.log(2 * short * math.pi) - gammaln(count / 2 + 1) - count * math.log(2 * math.pi)
    assert log_cosine_tail(count - short, count) == pytest.approx(ball, abs=1e-3)


def test_ends_of_the_tail():
    assert log_cosine_tail(20.0, 20) == -math.inf
    assert log_cosine_tail(-20.5, 20) == 0
    assert math.isnan(log_cosine_tail(math.nan, 20))
    with pytest.raises(ValueError, match="got 15 cosines; allowed: 16 or more"):
        log_cosine_tail(1.0, 15)


def test_words_lie_64_signs_apart_and_31_wrong_ones_are_put_right(rng):
    words = np.array([encoded(bytes([byte] * 4))[::4] for byte in range(256)])
    distances = (words[:, None] != words[None]).sum(2)[~np.eye(256, dtype=bool)]
    assert set(distances.tolist()) == {64, 128}
    soft = encoded(PAYLOAD).reshape(-1, 4)
    for word in soft.T:
        word[rng.permutation(128)[:31]] *= -1
    assert decoded(soft.ravel())[0] == PAYLOAD
    assert decoded(soft.ravel())[1].tolist() == [66] * 4
    with pytest.raises(ValueError, match="got 3 bytes; allowed: 4"):
        encoded(b"abc")


def test_the_pattern_has_the_phases_of_its_key_and_nothing_on_the_grid_of_jpeg():
    assert len(np.unique(np.stack([DOWN, RIGHT]), axis=1).T) == len(DOWN) == len(PILOT) + len(MESSAGE)
    assert not ((DOWN % 12 == 0) & (RIGHT % 12 == 0)).any()
    spectrum = np.fft.fft2(pattern(b"key", PAYLOAD))[DOWN, RIGHT]
    turned = spectrum / np.abs(spectrum) * np.exp(-1j * phases(b"key"))
    np.testing.assert_allclose(turned[PILOT], 1, atol=1e-4)
    np.testing.assert_allclose(turned[MESSAGE], encoded(PAYLOAD), atol=1e-4)


def test_the_mark_is_within_its_psnr_and_leaves_transparency(photo, marked):
    assert -10 * math.log10(np.mean((marked - photo) ** 2)) >= 42
    seen = np.dstack([photo, np.linspace(0, 1, photo[..., 0].size).reshape(photo.shape[:2])])
    clear = SpreadSpectrum().marked(seen, b"key")[..., 3]
    np.testing.assert_allclose(clear, np.rint(255 * seen[..., 3]) / 255)
    grey = luma(photo)
    assert read(SpreadSpectrum(payload=PAYLOAD.hex()).marked(grey, b"key"), b"key").payload == PAYLOAD
    with pytest.raises(UsageError, match="20 x 320 pixels; a mark needs 32 x 32"):
        SpreadSpectrum().marked(photo[:20], b"key")
    with pytest.raises(UsageError, match="psnr is 20; allowed: 30 to 60"):
        SpreadSpectrum(psnr=20)


CHANGES = {
    "as it is": (lambda image: image, 1, 0, False),
    "a cut of 3 pixels": (lambda image: image.crop((3, 3, 320, 320)), 1, 0, False),
    "three quarters of it": (lambda image: image.crop((21, 33, 298, 310)), 1, 0, False),
    "mirrored": (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 1, 0, True),
    "turned by 90": (lambda image: image.transpose(Image.Transpose.ROTATE_90), 1, 0, False),
    "half the size": (lambda image: image.resize((160, 160)), 0.5, 0, False),
    "twice the size": (lambda image: image.resize((640, 640)), 2, 0, False),
    "turned by 5 degrees": (lambda image: image.rotate(5, Image.Resampling.BICUBIC), 1, 5, False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_mark_is_found_after(name, marked):
    change, scale, angle, mirrored = CHANGES[name]
    found = read(np.asarray(change(bytes_of(marked))) / 255, b"key")
    assert found.log10_p < -6, name
    assert found.payload == PAYLOAD
    assert found.bits.tolist() == np.unpackbits(np.frombuffer(PAYLOAD, np.uint8)).tolist()
    assert found.payload_p < 1e-3
    assert found.matches > 0.6 * found.length
    assert (found.scale, found.angle) == (pytest.approx(scale, rel=0.01), pytest.approx(angle, abs=0.5))
    assert found.mirrored is mirrored


def test_a_wrong_key_is_silent(marked):
    p = [one.p_value for one in read_all(marked, [bytes([number]) for number in range(40)])]
    assert min(p) > 1e-3


def test_the_chance_holds_over_keys_whatever_the_image_is(rng):
    """On stripes of the mark's own period, which no image of a camera is worse than."""
    row = np.sin(2 * np.pi * np.arange(192) * 7 / SIDE) + np.sin(2 * np.pi * np.arange(192) * 10 / SIDE)
    image = 0.5 + 0.1 * (row + row[:, None]) + 0.01 * rng.standard_normal((192, 192))
    readings = read_all(np.clip(image, 0, 1), [rng.bytes(16) for _ in range(600)], search=False)
    p = np.array([one.p_value for one in readings])
    assert readings[0].tried == 8 * 192**2
    for level in (0.01, 0.1, 0.3):
        assert (p <= level).sum() <= binom.ppf(0.999, len(p), level)
    tails = [log_cosine_tail(one.statistic, one.count) + math.log(one.tried) for one in readings[:20]]
    np.testing.assert_allclose([one.log10_p for one in readings[:20]], np.minimum(0, tails) / math.log(10))


def test_searching_counts_every_lattice_that_may_be_tried(marked):
    assert read(marked, b"key").tried == 10 * read(marked, b"key", search=False).tried


@pytest.mark.parametrize("shape", [(96, 96, 3), (64, 64), (1, 1, 3), (20, 400)])
def test_what_is_flat_or_small_is_not_read(shape):
    found = read(np.full(shape, 0.5), b"key")
    assert math.isnan(found.log10_p)
    assert math.isnan(found.p_value)
    assert (found.payload, found.bits.size, found.count) == (b"", 0, 0)


@pytest.mark.parametrize("shape", [(64,), (64, 64, 5), (2, 64, 64, 3)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match=r"allowed: \[row, column\] or \[row, column, 1 to 4\]"):
        read(np.zeros(shape), b"key")


def test_folding_adds_up_what_repeats(rng):
    square = rng.standard_normal((SIDE, SIDE)).astype(np.float32)
    np.testing.assert_allclose(straight(np.tile(square, (3, 2))), 6 * square, rtol=1e-5)
    np.testing.assert_allclose(straight(np.tile(square, (2, 2))[: SIDE + 1, : SIDE])[1:], square[1:], rtol=1e-6)
    fine = folded(np.tile(square, (2, 2)), (0.0, float(SIDE)))
    np.testing.assert_allclose(fine[::2, ::2], 4 * square.T[:, (-np.arange(SIDE)) % SIDE], rtol=1e-5)
    assert not fine[1::2].any()


def test_the_lattice_of_a_mark_is_among_the_likeliest(marked):
    turned = np.asarray(bytes_of(marked).rotate(20, Image.Resampling.BICUBIC).resize((380, 380))) / 255
    size, tilt = 96 * 380 / 320, math.radians(20)
    wanted = np.array([size * math.cos(tilt), size * math.sin(tilt)])
    assert min(np.hypot(*(np.array(one) - wanted)) for one in lattices(whitened(luma(turned)))) < 0.7


@pytest.mark.parametrize("kind", ATTACKS)
def test_attacks_do_what_they_say(kind, photo, rng):
    strength = ATTACKS[kind][0]
    made = attacked(kind, photo, strength, rng)
    sizes = {"crop": (304, 304, 3), "scale": (160, 160, 3), "shift": (317, 317, 3)}
    assert made.shape == sizes.get(kind, photo.shape)
    assert attacked(kind, photo[..., 0], strength, rng).ndim == 2
    np.testing.assert_allclose(255 * made, np.rint(255 * made), atol=1e-4)
    assert made.shape != photo.shape or 0.002 < np.abs(made - photo).mean() < 0.5
    expected = {
        "flip": lambda: photo[:, ::-1], "brightness": lambda: 0.7 * photo,
        "contrast": lambda: photo.mean() + 0.6 * (photo - photo.mean()),
    }  # fmt: skip
    if kind in expected:
        np.testing.assert_allclose(made, expected[kind](), atol=0.003)
    if kind == "erase":
        assert 0.09 < (np.abs(made - 0.5).max(2) < 0.003).mean() < 0.12
    if kind == "noise":
        assert np.std(made - photo) == pytest.approx(0.02, abs=0.002)


def test_an_attack_of_another_name_is_refused(photo, rng):
    with pytest.raises(ValueError, match="got 'rain'; allowed: jpeg, webp"):
        attacked("rain", photo, 1, rng)
