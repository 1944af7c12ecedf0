"""Changes of texts and images keep what they promise to keep, and flips are counted where something did change."""

from __future__ import annotations

import io
import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from detectors.changes.hangul import slipped
from detectors.changes.pixels import changed_image, changed_images, compressed
from detectors.changes.synonyms import SYNONYMS, both_ways
from detectors.changes.writing import changed_text, mistyped, reordered
from detectors.distortions import blurred
from detectors.intervals import exact_binomial
from detectors.robustness.answers import Said, changed_answers, of_numbers, of_shares, of_words
from detectors.robustness.kinds import IMAGE_KINDS, KEEPS_MEANING, TEXT_KINDS, group_of
from detectors.robustness.stability import answer_stability, likelihood_stability

KINDS = [kind for kind in TEXT_KINDS if kind != "option_order"]
ENGLISH = "What is the largest ocean near the 42 islands of Polynesia?"
KOREAN = "대한민국에서 가장 큰 나라 이름은 무엇입니까? 1945년"


def rng(seed=0):
    return np.random.default_rng(seed)


# --- texts


@pytest.mark.parametrize("text", [ENGLISH, KOREAN])
@pytest.mark.parametrize("kind", KINDS)
def test_a_change_depends_on_its_generator_alone_and_changes_something(kind, text):
    assert changed_text(kind, text, 0.5, rng(3)) == changed_text(kind, text, 0.5, rng(3))
    if (kind, text) != ("case", KOREAN):
        assert changed_text(kind, text, 0.2, rng(3)) != text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", "12 + 30 = 42", "①②③④", "?!", "\0"])
def test_a_text_without_a_place_for_it_comes_back_as_it_is(kind, text):
    if kind not in ("blanks", "word_order") or " " not in text.strip():
        assert changed_text(kind, text, 1.0, rng()) == text


@given(st.text(max_size=60), st.sampled_from(KINDS), st.floats(0.01, 1), st.integers(0, 9))
def test_any_text_can_be_changed_and_keeps_what_its_kind_keeps(text, kind, strength, seed):
    made = changed_text(kind, text, strength, rng(seed))
    assert isinstance(made, str)
    if kind == "blanks":
        assert made.split() == text.split()
    if kind == "word_order":
        assert sorted(made) == sorted(text)
    if kind == "typos":
        assert [one for one in made if one.isdigit()] == [one for one in text if one.isdigit()]


def test_the_kinds_that_keep_the_meaning_read_the_same():
    assert changed_text("blanks", ENGLISH, 1.0, rng()).split() == ENGLISH.split()
    seen = changed_text("homoglyphs", ENGLISH, 1.0, rng())
    assert len(seen) == len(ENGLISH)
    assert sum(one != other for one, other in zip(seen, ENGLISH, strict=True)) > 10
    hidden = changed_text("homoglyphs", KOREAN, 1.0, rng())
    assert hidden != KOREAN
    assert unicodedata.normalize("NFC", hidden) == KOREAN
    assert {"blanks", "homoglyphs", "option_order", "system_prompt"} == KEEPS_MEANING


def test_the_share_that_is_touched_is_the_strength_and_one_at_the_least():
    words = " ".join(f"word{'abcdefghij'[n]}" for n in range(10))
    for strength, touched in ((0.01, 1), (0.2, 2), (0.5, 5), (1.0, 10)):
        for kind in ("typos", "case"):
            made = changed_text(kind, words, strength, rng()).split(" ")
            assert sum(one != other for one, other in zip(made, words.split(" "), strict=True)) == touched, kind


@given(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), st.integers(0, 99))
def test_a_slip_in_hangul_is_another_syllable_that_differs_in_one_letter(syllable, seed):
    made = slipped(syllable, rng(seed))
    before, after = (unicodedata.normalize("NFD", one) for one in (syllable, made))
    assert len(made) == 1
    assert "가" <= made <= "힣"
    assert sum(one != other for one, other in zip(before, after, strict=False)) + abs(len(before) - len(after)) == 1


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=9), st.integers(0, 99))
def test_a_slip_in_a_word_is_another_word_and_near(word, seed):
    made = mistyped(word, rng(seed))
    assert made != word
    assert abs(len(made) - len(word)) <= 1


def test_synonyms_go_both_ways_keep_capitals_and_particles():
    assert all(SYNONYMS[other] in SYNONYMS for other in SYNONYMS)
    assert changed_text("synonyms", "Largest nation", 1.0, rng()) == "Biggest country"
    assert changed_text("synonyms", "그 나라가 크다", 1.0, rng()) == "그 국가가 크다"
    assert both_ways({"Cat": "feline"}) == {"cat": "feline", "feline": "cat"}
    assert changed_text("synonyms", "a CAT", 1.0, rng(), both_ways({"Cat": "feline"})) == "a FELINE"


@given(st.lists(st.integers(), min_size=2, max_size=6, unique=True), st.integers(0, 50))
def test_options_come_in_another_order(options, seed):
    made = reordered(options, rng(seed))
    assert made != options
    assert sorted(made) == sorted(options)


# --- images


def test_jpeg_loses_what_a_jpeg_loses():
    ramp = np.add.outer(np.arange(20.0), 3 * np.arange(28.0)) + 20 * np.sin(np.arange(28) / 3)
    grey = np.clip(ramp + rng().normal(0, 6, ramp.shape), 0, 255).round()
    colour = np.stack([grey, grey[::-1], 255 - grey])
    for quality in (5, 40, 75, 95):
        for image, mode in ((grey, "L"), (colour, "RGB")):
            seen = np.moveaxis(image, 0, -1) if image.ndim == 3 else image
            file = io.BytesIO()
            Image.fromarray(seen.astype(np.uint8), mode=None).convert(mode).save(
                file, "JPEG", quality=quality, subsampling=0
            )
            back = np.asarray(Image.open(file), dtype=float)
            ours = 255 * compressed(image / 255, quality)
            ours = np.moveaxis(ours, 0, -1) if ours.ndim == 3 else ours
            assert np.abs(ours - back).mean() < 0.25 * np.abs(seen - back).mean() + 0.4, (quality, mode)
            # by no more than a few coefficients that lie between two steps, which integers round otherwise
            assert np.abs(ours - back).mean() <= (0 if quality == 5 else 1.05), (quality, mode)
            assert np.abs(ours - back).max() <= (0 if quality == 5 else 8), (quality, mode)


def test_changes_of_images_by_hand():
    image = np.array([[0, 16], [8, 4]])
    up, down = image + 4, image - 4
    made = changed_image("brightness", image, 0.5, rng(), (0, 16))
    assert any((made == np.clip(one, 0, 16)).all() for one in (up, down))
    flat = np.full((9, 9), 5.0)
    assert (changed_image("shift", flat, 1.0, rng(), (0, 16)) == flat).all()
    spot = np.zeros((8, 8))
    spot[4, 4] = 1
    assert np.abs(np.argwhere(changed_image("shift", spot, 0.25, rng(1), (0, 1)) == 1) - 4).max() == 1
    assert changed_image("blur", spot, 0.25, rng(), (0, 1))[4, 4] == pytest.approx(1 / 9)
    noisy = changed_image("noise", np.full((99, 99), 0.5), 0.2, rng(), (0, 1))
    assert noisy.std() == pytest.approx(0.05, rel=0.05)
    assert (blurred(spot[None])[0] == changed_image("blur", spot, 0.25, rng(), (0, 1))).all()


@pytest.mark.parametrize("kind", IMAGE_KINDS)
@pytest.mark.parametrize("shape", [(5, 7), (3, 9, 8)])
def test_changed_images_keep_shape_type_and_range_and_can_be_made_again(kind, shape):
    image = rng().integers(0, 256, shape).astype(np.uint8)
    (_, _, one), (_, _, two) = changed_images("a", image, [(kind, 0.5), (kind, 0.5)], (0, 255))
    assert (one == two).all()
    assert (one.shape, one.dtype) == (image.shape, image.dtype)
    assert changed_image(kind, np.full(shape, 7), 0.5, rng()).tolist() == np.full(shape, 7).tolist()
    with pytest.raises(ValueError, match="allowed"):
        changed_image(kind, np.zeros(4), 0.5, rng())


# --- flips


def test_what_a_flip_is():
    assert of_shares(Said([0.6, 0.4]), Said([0.3, 0.7])) == (1.0, pytest.approx(0.3))
    assert of_shares(Said([0.5, 0.5]), Said([0.6, 0.4])) == (0.5, pytest.approx(0.0))
    assert of_shares(Said([0.5, 0.5]), Said([0.5, 0.5]))[0] == 0
    assert of_words(Said("a", 1.0), Said("b", 1.0))[0] == 0
    assert of_words(Said("a", 1.0), Said("b", 0.0))[0] == 1
    assert of_words(Said("a"), Said("b"))[0] == 1
    assert of_numbers(Said(-3.0), Said(-5.5))[1] == 2.5


def planted(flips, *, kinds=("typos", "blanks"), unchanged=(), lost=(), again=None):
    """Items and changes; flips [item][kind]: whether the answer flips; unchanged, lost: (item, kind)."""
    first, other = Said([0.9, 0.1], 1.0), Said([0.1, 0.9], 0.0)
    said, changed = [], []
    for number, row in enumerate(flips):
        answers = [other if flip else first for flip in row]
        noise = [] if again is None else [other if again[number] else first]
        said.append([first, *noise, *(None if (number, at) in lost else one for at, one in enumerate(answers))])
        changed.append([True, *[True] * len(noise), *((number, at) not in unchanged for at in range(len(row)))])
    extra = [] if again is None else ["again"]
    ids = [f"i{number}" for number in range(len(flips))]
    every = len(flips)
    rows = changed_answers(
        [["as_it_is", *extra, *kinds]] * every, [[0.0, *[0.0] * len(extra), *[0.5] * len(kinds)]] * every, changed,
        said, ids, of_shares,
    )
    return pd.DataFrame({"correctness": 1.0}, index=pd.Index(ids, name="id")), rows


def judged(*args, level=0.95, **options):
    return answer_stability(*planted(*args, **options), level=level, rng=rng())


def test_the_worst_change_has_a_low_end_that_knows_it_was_chosen():
    flips = [(n < 12, n < 5) for n in range(40)]
    found = judged(flips)
    worst = found.measure("worst_flip_rate")
    assert worst.value == 12 / 40
    assert worst.low == pytest.approx(exact_binomial(12, 40, 0.975)[0])
    assert worst.high == pytest.approx(exact_binomial(12, 40, 0.95)[1])
    assert found.measure("worst_kept_flip_rate").value == 5 / 40
    one = found.measure("flip_rate", "blanks at 0.5")
    assert (one.low, one.high) == pytest.approx(exact_binomial(5, 40, 0.975))
    assert found.measure("flip_rate").value == pytest.approx(17 / 80)
    assert found.measure("accuracy_drop", "typos at 0.5").value == pytest.approx(0.3)
    assert [one.values["group"] for one in found.remarks] == ["typos at 0.5"]


def test_a_model_that_ignores_every_change_never_flips_and_is_not_accused():
    found = judged([(False, False)] * 40)
    for name in ("worst_flip_rate", "worst_kept_flip_rate", "worst_accuracy_drop"):
        assert found.measure(name).value == 0
        assert found.measure(name).low <= 0
    assert not found.items["against"].any()
    assert found.remarks == ()


def test_what_a_change_left_as_it_is_counts_neither_way():
    flips = [(n < 10, False) for n in range(40)]
    found = judged(flips, unchanged={(n, 0) for n in range(20, 40)})
    assert found.measure("worst_flip_rate").value == 0.5
    assert found.measure("flip_rate", "typos at 0.5").n == {"items": 20, "units": 20}
    assert found.measure("unchanged_share", "typos at 0.5").value == 0.5
    assert found.measure("unchanged_share").value == 0.25
    assert found.table.set_index("change").loc["typos at 0.5", ["items", "unchanged", "flips"]].tolist() == [40, 20, 10]
    none = judged(flips, unchanged={(n, at) for n in range(40) for at in (0, 1)})
    assert none.measure("worst_flip_rate").undefined is not None


def test_answers_that_did_not_come_bound_the_rate_both_ways():
    flips = [(n < 10, False) for n in range(40)]
    found = judged(flips, lost={(n, 0) for n in range(36, 40)})
    one = found.measure("flip_rate", "typos at 0.5")
    assert one.value == 10 / 36
    assert one.missing == 4
    assert one.low <= exact_binomial(10, 40, 0.975)[0] + 1e-9
    assert one.high >= exact_binomial(14, 40, 0.975)[1] - 1e-9
    assert found.items["no_answer"].sum() == 4


def test_a_change_under_which_no_answer_came_may_be_the_worst():
    found = judged([(n < 2, False) for n in range(40)], lost={(n, 1) for n in range(40)})
    for name in ("worst_flip_rate", "worst_accuracy_drop"):
        assert found.measure(name).value == pytest.approx(2 / 40)
        assert (found.measure(name).high, found.measure(name).missing) == (1, 40)
    assert found.measure("worst_flip_rate").low == pytest.approx(exact_binomial(2, 40, 0.975)[0])


def test_a_likelihood_of_nothing_falls_and_bounds_no_mean_of_nats():
    said = [[Said(-100.0 - n), Said(-np.inf if n < 3 else -110.0 - n - n % 3)] for n in range(30)]
    ids = [f"{n}" for n in range(30)]
    rows = changed_answers([["as_it_is", "noise"]] * 30, [[0, 0.5]] * 30, [[True] * 2] * 30, said, ids, of_numbers)
    found = likelihood_stability(pd.DataFrame(index=pd.Index(ids, name="id")), rows, level=0.95, rng=rng())
    assert found.measure("fall_share", "noise at 0.5").value == 1
    for name, group in (("log_prob_drop", "noise at 0.5"), ("largest_log_prob_drop", None)):
        drop = found.measure(name, group)
        assert (drop.missing, drop.low, drop.high) == (3, None, None)
        assert 10 < drop.value < 12


def test_a_change_under_which_no_likelihood_came_leaves_the_largest_fall_open():
    said = [[Said(-100.0 - n), Said(-110.0 - n - n % 3), None] for n in range(30)]
    ids = [f"{n}" for n in range(30)]
    rows = changed_answers([["as_it_is", "noise", "blur"]] * 30, [[0, 0.5, 0.5]] * 30, [[True] * 3] * 30, said, ids,
                           of_numbers)  # fmt: skip
    found = likelihood_stability(pd.DataFrame(index=pd.Index(ids, name="id")), rows, level=0.95, rng=rng())
    assert found.measure("log_prob_drop", "noise at 0.5").low is not None
    assert found.headline.low is None
    assert found.measure("worst_fall_share").high == 1


def test_flips_stand_beside_those_of_asking_again():
    found = judged([(n < 20, n < 10) for n in range(40)], again=[n % 4 == 0 for n in range(40)])
    assert found.measure("noise_flip_rate").value == 0.25
    assert found.measure("excess_flip_rate", "typos at 0.5").value == pytest.approx(0.25)
    assert found.measure("excess_flip_rate", "blanks at 0.5").value == pytest.approx(0.0)
    assert found.measure("worst_excess_flip_rate").low > -0.2


def test_likelihoods_fall_by_so_many_nats():
    said = [[Said(-100.0 - n), Said(-110.0 - n - n % 3), Said(-99.0 - n)] for n in range(60)]
    ids = [f"{n}" for n in range(60)]
    rows = changed_answers([["as_it_is", "noise", "blur"]] * 60, [[0, 0.5, 0.5]] * 60, [[True] * 3] * 60, said, ids,
                           of_numbers)  # fmt: skip
    items = pd.DataFrame(index=pd.Index(ids, name="id"))
    found = likelihood_stability(items, rows, level=0.95, rng=rng())
    noise = found.measure("log_prob_drop", "noise at 0.5")
    assert noise.value == pytest.approx(11.0)
    assert noise.low < 11 < noise.high
    assert not noise.decides
    assert found.measure("log_prob_drop", "blur at 0.5").low is None  # all fall alike
    assert found.measure("fall_share", "noise at 0.5").value == 1
    assert found.measure("fall_share", "blur at 0.5").value == 0
    assert found.headline.value == pytest.approx(11.0)


def test_names_of_changes():
    assert group_of("typos", 0.2) == "typos at 0.2"
    assert group_of("option_order", 1.0) == "option_order"
    assert group_of("system_prompt", 2.0) == "system_prompt 2"
