"""Marks in images as an audit sees them: what each says of itself holds, and the test of bits is exact."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from audit import plugins
from audit.errors import UsageError
from audit.watermarks.image import ImageMark, InvisibleWatermark, LowestBit, MarksImages, SpreadSpectrum, message_of
from detectors.provenance.image.attacks import attacked
from detectors.provenance.image.bits import bits_evidence, log10_right

KEYS = (b"key", b"another")


@pytest.fixture(scope="module")
def photo():
    return (load_sample_image("flower.jpg")[:300, 150:450] / 255).astype(np.float32)


@pytest.mark.parametrize("name", plugins.names("image_marks"))
def test_every_mark_keeps_the_protocol_and_its_name(name):
    mark = plugins.build("image_marks", name, {})
    assert isinstance(mark, ImageMark)
    assert mark.variant == name
    assert {mark.keyed, mark.exact} <= {True, False}


@pytest.mark.parametrize("name", ["image-spread", "image-lowest-bit", "invisible-watermark"])
def test_a_mark_is_found_under_its_key_alone(name, photo):
    if name == "invisible-watermark":
        pytest.importorskip("imwatermark", reason="the package invisible-watermark is not installed")
    mark = plugins.build("image_marks", name, {"method": "dwtDctSvd"} if name == "invisible-watermark" else {})
    assert isinstance(mark, MarksImages)
    made = mark.marked(photo, KEYS[0])
    np.testing.assert_allclose(made * 255, np.rint(made * 255), atol=1e-3)
    right, wrong = mark.read(made, KEYS)
    assert right.log10_p < -6 < -3 < wrong.log10_p
    assert right.right_bits > 0.95
    assert mark.read(photo, KEYS[:1])[0].log10_p > -3


def test_what_cannot_be_read_or_marked_is_said(photo):
    assert [one.p_value for one in InvisibleWatermark().read(photo[:20], KEYS)] == [None, None]
    assert [one.p_value for one in SpreadSpectrum().read(photo[:20], KEYS)] == [None, None]
    with pytest.raises(UsageError, match="needs three colours"):
        InvisibleWatermark().marked(photo[..., 0], b"key")
    with pytest.raises(UsageError, match="payload '123456789'; allowed"):
        SpreadSpectrum(payload="123456789")
    with pytest.raises(UsageError, match="share is 0; allowed"):
        LowestBit(share=0)


@pytest.mark.parametrize(("method", "least"), [("dwtDct", 0.8), ("dwtDctSvd", 0.95), ("rivaGan", 0.95)])
def test_bits_of_another_package_have_an_exact_test(method, least, photo):
    pytest.importorskip("imwatermark", reason="the package invisible-watermark is not installed")
    if method == "rivaGan":
        pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    mark = InvisibleWatermark(method)
    made = mark.marked(photo, b"key")
    found = mark.read(made, [b"key"])[0]
    assert found.right_bits >= least
    assert found.log10_p == pytest.approx(log10_right(round(32 * found.right_bits), 32))


def test_the_weak_mark_has_the_share_that_was_asked_for_and_nothing_survives(photo):
    found = LowestBit(share=0.25).read(LowestBit(share=0.25).marked(photo, b"key"), [b"key"])[0]
    assert found.right_bits == pytest.approx(0.625, abs=4 * math.sqrt(0.25 / photo.size))
    made = LowestBit().marked(photo, b"key")
    assert LowestBit().read(made, [b"key"])[0].right_bits == 1
    coded = attacked("jpeg", made, 90, np.random.default_rng(0))
    assert LowestBit().read(coded, [b"key"])[0].log10_p > -3
    assert -10 * np.log10(np.mean((made - photo) ** 2)) == pytest.approx(51.1, abs=0.3)  # half of all by one step


@pytest.mark.parametrize("count", [1, 8, 32])
def test_the_tail_of_right_bits_is_the_exact_one(count):
    for right in range(count + 1):
        tail = Fraction(sum(math.comb(count, k) for k in range(right, count + 1)), 2**count)
        assert log10_right(right, count) == pytest.approx(math.log10(tail), abs=1e-12)


def test_a_tail_too_small_for_a_number_is_bounded_from_above():
    for right in (3500, 3800, 4000):
        exact = sum(math.comb(4000, k) for k in range(right, 4001))
        digits = math.log10(Fraction(exact, 2 ** (exact.bit_length() - 1))) + (exact.bit_length() - 1) * math.log10(2)
        assert -1e-9 <= log10_right(right, 4000) - (digits - 4000 * math.log10(2)) < 1e-2
    with pytest.raises(ValueError, match="got 5 of 4"):
        log10_right(5, 4)


def test_searching_costs_and_nothing_read_is_nothing_said():
    message = message_of(b"key", 32)
    once, tried = (bits_evidence(message, message, tried=n) for n in (1, 64))
    assert tried.log10_p == pytest.approx(once.log10_p + math.log10(64))
    assert bits_evidence(~message, message, tried=64).log10_p == 0
    assert bits_evidence(message[:0], message[:0]).p_value is None
    with pytest.raises(ValueError, match="allowed: as many bits"):
        bits_evidence(message[:3], message)


def test_a_key_of_as_many_bits_is_the_message_itself_and_any_other_is_drawn():
    assert np.packbits(message_of(bytes.fromhex("cafe1234"), 32)).tobytes().hex() == "cafe1234"
    assert message_of(b"x", 32).tolist() != message_of(b"y", 32).tolist()
    with pytest.raises(ValueError, match="got 0 bits"):
        message_of(b"x", 0)


def test_over_messages_any_image_is_accused_as_rarely_as_is_said(photo):
    """Bits that are all alike, as dull images give them: exact over messages, which are drawn."""
    found = np.zeros(32, dtype=bool)
    p = [bits_evidence(found, message_of(f"key {n}".encode(), 32)).p_value for n in range(4000)]
    for level in (0.1, 0.01):
        assert np.mean(np.array(p) <= level) <= level + 3 * math.sqrt(level / 4000)
