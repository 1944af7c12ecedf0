"""Green lists: published and hand-worked colours, exact tails, pairs that count once, and the size of the test."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from detectors.provenance.text.fixed import FixedList
from detectors.provenance.text.green import LeftHashLists, SelfHashHFLists, SelfHashLMWLists, green_pairs, green_tail
from detectors.provenance.text.scheme import Reading
from detectors.provenance.text.shifted import ShiftedLists
from detectors.provenance.text.shuffle import among_first, first_ids, shuffled

GPT2 = LeftHashLists(50257, 0.25, 15485863)
SMALL = LeftHashLists(20, 0.25, 15485863)


def greens_after(before, lists):
    """Return the ids that are green after `before`."""
    texts = [[before, token] for token in range(lists.vocabulary)]
    return np.flatnonzero(np.concatenate(green_pairs(texts, lists)))


def in_plain_steps(seed, size):
    """Return the whole shuffle, step by step in plain Python."""
    ids, draws = list(range(size)), np.random.MT19937()
    draws._legacy_seeding(seed)
    for i in range(size):
        j = i + int(draws.random_raw()) % (size - i)
        ids[i], ids[j] = ids[j], ids[i]
    return ids


# --- colours ----------------------------------------------------------------------------------------------------------


def test_the_list_of_twenty_ids_holds_what_transformers_own_test_expects():
    assert 1 in greens_after(10, SMALL)


@given(st.integers(2, 60), st.floats(0.05, 0.95), st.integers(1, 2**40), st.integers(1, 59))
def test_a_list_is_the_beginning_of_the_shuffle(vocabulary, ratio, key, before):
    lists = LeftHashLists(vocabulary, ratio, key)
    before = 1 + before % (vocabulary - 1)
    steps = in_plain_steps(key * before % (2**64 - 1) % 2**32, vocabulary)
    assert greens_after(before, lists).tolist() == sorted(steps[: lists.size])


def test_the_share_is_rounded_down_to_whole_ids():
    assert GPT2.share == 12564 / 50257
    assert LeftHashLists(10, 0.25, 1).share == 0.2


def test_a_pair_counts_once_a_text_and_in_every_text():
    once = green_pairs([[3, 7, 5, 9]], SMALL)[0]
    again = green_pairs([[3, 7, 5, 9, 3, 7, 5, 9, 3, 7], [3, 7, 5, 9]], SMALL)
    assert [len(one) for one in again] == [4, 3]  # (9, 3) is new
    assert again[0][:3].tolist() == again[1].tolist() == once.tolist()


def test_order_is_that_of_first_appearance():
    rng = np.random.default_rng(0)
    texts = [rng.integers(1, 20, size=size) for size in (0, 1, 2, 40, 300)]
    colour = {(a, b): b in greens_after(a, SMALL) for a in range(1, 20) for b in range(20)}
    for text, found in zip(texts, green_pairs(texts, SMALL), strict=True):
        expected = [colour[pair] for pair in dict.fromkeys(zip(text[:-1].tolist(), text[1:].tolist(), strict=True))]
        assert found.tolist() == expected


def test_pairs_after_id_0_tell_nothing_and_are_left_out():
    assert [len(one) for one in green_pairs([[0, 5, 0, 7], [5, 0]], SMALL)] == [1, 1]
    assert greens_after(0, SMALL).size == 0


@pytest.mark.parametrize("texts", [[], [[]], [[], [5]], [[0, 0, 0]]])
def test_where_nothing_is_scored_there_is_no_p_value_whatever_the_lists(texts):
    for lists in (LeftHashLists(20, 0.25, 5), SelfHashLMWLists(20, 0.25, 5), ShiftedLists(20, 0.25, 5, 8)):
        found = lists.read(texts)
        assert [one.scored for one in found] == [0] * len(texts)
        assert all(np.isnan(one.p_value) and one.expected == 0 for one in found)


def test_no_text_and_short_texts():
    assert green_pairs([], SMALL) == []
    assert [one.tolist() for one in green_pairs([[], [4]], SMALL)] == [[], []]


@pytest.mark.parametrize("ids", [[-1, 3], [3, 20]])
def test_an_id_outside_the_vocabulary_is_refused(ids):
    with pytest.raises(ValueError, match="allowed: 0 to 19"):
        green_pairs([ids], SMALL)


@pytest.mark.parametrize(
    ("before", "digest", "first"),
    [
        (0, "4f140556c06f66ba", [32487, 28000, 28825, 16393, 15419]),
        (1, "4f7edca4c8287c80", [11143, 24953, 16461, 1065, 22072]),
        (1234, "e1bcf3a2ce84011c", [23671, 19581, 43442, 15652, 27712]),
        (50256, "a7daf0fb49fa82b6", [25890, 9324, 11365, 46608, 3554]),
    ],
)
def test_shuffles_and_lists_of_left_hash_are_the_known_ones(before, digest, first):
    seed = GPT2.hashing_key * before % (2**64 - 1) % 2**32
    assert shuffled(seed, 50257)[:5].tolist() == first
    assert digest_of(first_ids(seed, 50257, GPT2.size)) == digest


def digest_of(green):
    return hashlib.sha256(np.flatnonzero(green).astype("<i4").tobytes()).hexdigest()[:16]


def test_self_hash_is_the_known_one():
    """Windows 11 22 33 44 under GPT-2's vocabulary: a negative product, whose seed is one less in its low 32 bits."""
    lists = SelfHashHFLists(50257, 0.25, 15485863)
    place, seed = lists.seeds(np.array([11, 22, 33, 44]), np.zeros(4, dtype=int))
    assert (place.tolist(), seed.tolist()) == ([3], [(-8732380403358078560 - 1) % 2**32])
    assert shuffled(int(seed[0]), 50257)[:5].tolist() == [13480, 46772, 44205, 45457, 9639]
    green = first_ids(int(seed[0]), 50257, lists.size)
    assert (digest_of(green), bool(green[44])) == ("08c07bbd139995c8", False)
    assert lists.read([[11, 22, 33, 44]])[0].per_token[3] == 0


def test_the_hashes_of_both_self_hashes_begin_as_published():
    assert shuffled(15485863, 1_000_003)[:5].tolist() == [138280, 994103, 467886, 915329, 149437]
    assert shuffled(2971215073, 1_000_003)[:5].tolist() == [250534, 296009, 268311, 356494, 845733]


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_a_shuffle_is_that_of_plain_steps(size, seed):
    ids = in_plain_steps(seed, size)
    assert shuffled(seed, size).tolist() == ids
    assert np.flatnonzero(first_ids(seed, size, size // 3)).tolist() == sorted(ids[: size // 3])


@given(st.integers(1, 300), st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 40)), min_size=1, max_size=6))
def test_ids_that_are_asked_for_are_drawn_where_plain_steps_draw_them(size, asked):
    """A few ids of a seed, which are each looked for, and many, of which the whole list is made."""
    first, seeds = size - size // 3, dict(asked)
    pairs = [(seed, one % size) for seed in sorted(seeds) for one in sorted({7 * n % size for n in range(seeds[seed])})]
    seed, ids = (np.array(column) for column in zip(*pairs, strict=True))
    lists = {one: set(in_plain_steps(one, size)[:first]) for one in seeds}
    found = among_first(seed.astype(np.uint32), ids, size, first, compiled=False)
    assert found.tolist() == [one in lists[of] for of, one in pairs]


def test_compiled_code_finds_the_same():
    """Lone ids, a few of one shuffle, many of one."""
    pytest.importorskip("numba", reason="needs the extra fast")
    rng = np.random.default_rng(0)
    code = np.unique(np.concatenate([rng.integers(0, 2**32 * 300, 5000), rng.integers(0, 900, 300)])).astype(np.uint64)
    seed, ids = (code // np.uint64(300)).astype(np.uint32), (code % np.uint64(300)).astype(np.int64)
    plain = among_first(seed, ids, 300, 75, compiled=False)
    assert 0.2 < plain.mean() < 0.3
    assert among_first(seed, ids, 300, 75).tolist() == plain.tolist()


# --- p-values ---------------------------------------------------------------------------------------------------------


def test_tails_worked_by_hand():
    p = green_tail([0, 1, 2, 2, 0], [2, 2, 2, 3, 0], 0.25)
    assert p[:4] == pytest.approx([1, 1 - 0.75**2, 0.25**2, 3 * 0.25**2 * 0.75 + 0.25**3], rel=1e-12)
    assert np.isnan(p[4])


@given(st.integers(1, 2000), st.data(), st.floats(0.01, 0.99))
def test_tails_are_those_of_the_binomial(pairs, data, share):
    green = data.draw(st.integers(0, pairs))
    assert green_tail(green, pairs, share) == pytest.approx(binom.sf(green - 1, pairs, share), rel=1e-9, abs=1e-300)


def repetitive(rng, texts, length, vocabulary):
    """Return texts of a source that knows no key: a walk that takes one of three ways from every id."""
    ways = rng.integers(1, vocabulary, size=(vocabulary, 3))
    rows = np.empty((texts, length), dtype=np.int64)
    rows[:, 0] = rng.integers(1, vocabulary, size=texts)
    for i in range(1, length):
        rows[:, i] = ways[rows[:, i - 1], rng.integers(0, 3, size=texts)]
    return rows


SCHEMES = {
    "left": lambda key: LeftHashLists(300, 0.25, key), "self": lambda key: SelfHashLMWLists(300, 0.25, key),
    "self of width 1": lambda key: SelfHashLMWLists(300, 0.25, key, 1), "fixed": lambda key: FixedList(300, 0.25, key),
    "shifted": lambda key: ShiftedLists(300, 0.25, key, 16),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "source"), [("left", "uniform"), *((name, "repetitive") for name in SCHEMES)]
)
def test_size_unmarked_texts_are_found_no_more_often_than_said(name, source):
    rng = np.random.default_rng(4)
    found, keys = dict.fromkeys((0.2, 0.05, 0.01), 0), 60 if name == "left" else 20
    for _ in range(keys):  # the promise is over the draw of the key: 20 texts under each of them
        lists = SCHEMES[name](int(rng.integers(1, 2**32)) | 1)
        rows = repetitive(rng, 20, 60, 300) if source == "repetitive" else rng.integers(1, 300, size=(20, 120))
        p = np.array([one.p_value for one in lists.read(rows)])
        for alpha in found:
            found[alpha] += int((p <= alpha).sum())
    for alpha, count in found.items():
        assert binom.sf(count - 1, 20 * keys, alpha) > 1e-3, (alpha, count)
    assert found[0.2] > 0.04 * 20 * keys  # and it is no test that never speaks


def test_power_a_marked_text_is_found_and_not_under_another_key():
    rng = np.random.default_rng(5)
    lists, other = LeftHashLists(50, 0.25, 15485863), LeftHashLists(50, 0.25, 2654435769)
    colour = np.zeros((50, 50), dtype=bool)
    for before in range(1, 50):
        colour[before, greens_after(before, lists)] = True
    rows = rng.integers(1, 50, size=(200, 160))
    for i in range(1, 160):  # the second of two candidates where the first is red: 42 % are green, not 24 %
        second = rng.integers(1, 50, size=200)
        rows[:, i] = np.where(colour[rows[:, i - 1], rows[:, i]], rows[:, i], second)
    for tested, least, most in ((lists, 0.9, 1), (other, 0, 0.05)):
        colours = green_pairs(rows, tested)
        p = green_tail([one.sum() for one in colours], [len(one) for one in colours], tested.share)
        assert least <= (p <= 0.01).mean() <= most


def test_repeating_one_green_pair_a_thousand_times_proves_nothing():
    rng = np.random.default_rng(6)
    pair = [3, int(greens_after(3, SMALL)[0])]
    text = [*pair * 1000, *rng.integers(1, 20, size=40)]
    colours = green_pairs([text], SMALL)[0]
    assert green_tail(colours.sum(), len(colours), SMALL.share) > 0.05
    assert binom.sf(1000 - 1, len(text) - 1, SMALL.share) < 1e-9  # what counting every place would say


# --- readings ---------------------------------------------------------------------------------------------------------


def test_a_reading_says_what_was_scored_and_where():
    """Four texts at a glance: the pair (3, 7) is scored where it stands first, nothing after id 0 nor in one token."""
    texts = [[3, 7, 3, 7, 0, 9], [3, 7], [5], []]
    long, short, one, none = SMALL.read(texts)
    colours = [float(token in greens_after(before, SMALL)) for before, token in ((3, 7), (7, 3), (7, 0))]
    assert long.per_token[[1, 2, 4]].tolist() == colours
    assert np.isnan(long.per_token[[0, 3, 5]]).all()
    assert (long.scored, long.statistic, long.expected) == (3, sum(colours), 3 * SMALL.share)
    assert long.p_value == green_tail(long.statistic, 3, SMALL.share) == SMALL.tail(long.statistic, 3)
    assert (short.scored, short.statistic) == (1, colours[0])
    for empty in (one, none):
        assert (empty.scored, empty.statistic, empty.expected) == (0, 0, 0)
        assert np.isnan(empty.p_value)
    assert [len(reading.per_token) for reading in (long, short, one, none)] == [6, 2, 1, 0]


@given(st.integers(1, 300), st.data(), st.floats(1e-6, 0.5))
def test_more_needed_is_the_first_length_at_which_the_text_is_found(scored, data, alpha):
    green = data.draw(st.integers(0, scored))
    reading = Reading(scored, green, SMALL.share * scored, float(SMALL.tail(green, scored)), np.empty(0))
    more = SMALL.more_needed(reading, alpha)
    if more is None:
        assert green <= SMALL.share * scored
    else:
        after = [SMALL.tail(green + green * n // scored, scored + n) for n in (max(more - 1, 0), more)]
        assert after[1] <= alpha
        assert more == 0 or after[0] > alpha


def test_equal_seeds_are_one_list():
    """Under an even key two ids may have one list: their pairs with a token are one item, not two."""
    lists = LeftHashLists(300, 0.25, 2**31)
    assert lists.read([[2, 9, 4, 9, 6, 9]])[0].scored == 3  # 9 after 2, 4 and 6 is one item


# --- one list, and lists that are turned ------------------------------------------------------------------------------


@given(st.integers(2, 400), st.floats(0.05, 0.95), st.data())
def test_tails_of_one_list_are_those_of_draws_without_putting_back(vocabulary, ratio, data):
    lists = FixedList(vocabulary, ratio, 5)
    scored = data.draw(st.integers(1, vocabulary))
    green = data.draw(st.integers(0, scored))
    expected = hypergeom.sf(green - 1, vocabulary, lists.size, scored)
    assert lists.tail(green, scored) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_under_one_list_an_id_counts_once_wherever_it_stands():
    lists = FixedList(20, 0.25, 15485863)
    reading = lists.read([[3, 7, 3, 0, 7]])[0]
    assert reading.scored == 3
    assert reading.per_token[[0, 1, 3]].tolist() == lists.green[[3, 7, 0]].tolist()
    assert np.isnan(reading.per_token[[2, 4]]).all()
    assert lists.green.sum() == lists.size == 5


def test_a_window_of_one_token_is_a_fixed_list_of_words():
    lists = SelfHashHFLists(300, 0.25, 15485863, 1)
    first, second = lists.read([[5, 9, 5, 17], [17, 3, 9, 5]])
    assert (first.scored, second.scored) == (3, 4)
    assert first.per_token[[0, 1, 3]].tolist() == second.per_token[[3, 2, 0]].tolist()


def test_windows_with_one_seed_are_one_item():
    """Of windows that end in one token those count once whose least hash is the same: their colours are no news."""
    lists = SelfHashHFLists(300, 0.25, 15485863)
    rng = np.random.default_rng(0)
    text = np.tile(rng.integers(1, 6, 40), 3)
    windows = np.lib.stride_tricks.sliding_window_view(text, 4)
    seeds = lists.seeds(text, np.zeros(len(text), dtype=int))[1]
    assert lists.read([text])[0].scored == len(set(zip(seeds, windows[:, -1], strict=True)))
    assert lists.read([text])[0].scored < len({*map(tuple, windows)})


def test_the_message_is_the_turn_that_fits_best():
    """Held against plain left hash: a text under message m is that text with every token moved back by m."""
    rng = np.random.default_rng(1)
    lists, plain = ShiftedLists(300, 0.25, 77, 8), LeftHashLists(300, 0.25, 77)
    texts = [rng.integers(1, 300, size=size) for size in (1, 30, 200)]
    for text, reading in zip(texts, lists.read(texts), strict=True):
        pairs = {(a, b) for a, b in zip(text[:-1].tolist(), text[1:].tolist(), strict=True)}
        counts = [sum(r.statistic for r in plain.read([[a, (b - m) % 300] for a, b in pairs])) for m in range(8)]
        assert (reading.scored, reading.statistic, reading.tried) == (len(pairs), max(counts, default=0), 8)
        assert reading.message == (int(np.argmax(counts)) if pairs else None)
        if pairs:
            once = green_tail(reading.statistic, reading.scored, lists.share)
            assert 1 - (1 - once) ** 8 <= reading.p_value == min(1, 8 * once)
            assert np.nansum(reading.per_token) == reading.statistic


def test_what_is_expected_of_the_best_of_many_messages_is_what_simulation_gives():
    rng = np.random.default_rng(2)
    reading = ShiftedLists(300, 0.25, 77, 64).read([rng.integers(1, 300, size=150)])[0]
    best = rng.binomial(reading.scored, 0.25, (4000, 64)).max(axis=1)
    assert reading.expected == pytest.approx(best.mean(), abs=5 * best.std() / 4000**0.5)
