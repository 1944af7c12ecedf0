"""The probe `bias.corpus` and its detectors: terms in two languages, log odds by hand, planted and clean corpora."""

from __future__ import annotations

import importlib.metadata
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from audit import run
from audit.integrity import recompute
from audit.probe import Probe
from audit.probes.bias.corpus import CorpusBias
from audit.probes.bias.term_lists import ATTRIBUTES, GROUPS
from detectors.bias.data.duplicates import words_of
from detectors.bias.data.group_terms import PRIOR, Lexicon, error_over_texts, log_odds
from detectors.bias.data.whole_corpus import corpus_bias

TERMS = {"women": ["she", "her", "여자"], "men": ["he", "남자"], "elders": ["old people"]}
WORK = {"work": ["engineer", "기술자"]}


def judged(texts, groups=TERMS, attributes=WORK, window=10, level=0.95):
    return corpus_bias(texts, groups, attributes, window=window, level=level, rng=np.random.default_rng(0))


def corpus(size=200, first=0.5, second=0.5, seed=0):
    """Texts of words of their own, half about her and half about him, some of them with the word of work."""
    rng = np.random.default_rng(seed)
    texts = []
    for number in range(size):
        words = [f"w{number}x{place}" for place in range(8)]
        if rng.random() < (first, second)[number % 2]:
            words[3] = "engineer"
        texts.append(" ".join([("She", "He")[number % 2], *words]))
    return texts


def test_it_is_a_probe_that_plans_find_by_name():
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name="bias.corpus")
    assert entry.load() is CorpusBias
    assert isinstance(CorpusBias(), Probe)
    assert CorpusBias().needs == frozenset()


def test_no_term_of_our_lists_stands_for_two_things_and_none_has_capitals():
    terms = [term for listed in (*GROUPS.values(), *ATTRIBUTES.values()) for term in listed]
    assert max(Counter(terms).values()) == 1
    assert all(words_of(term) == [term] for term in terms)


# --- terms


def test_groups_are_named_by_words_phrases_and_korean_words_with_particles():
    lexicon = Lexicon(TERMS)
    said = lexicon.mentions("Old people said SHE works; there he is. 여자는 남자와 갔다. 여자친구", window=2)
    assert set(said.contexts) == {"women", "men", "elders"}
    assert said.words == ("said", "works", "there", "is", "갔다", "여자친구"), "a friend is not the particle of a woman"
    assert said.contexts["elders"] == ("said",)
    assert lexicon.mentions("Shepherds shed her", 3).contexts == {"women": ("shepherds", "shed")}
    assert lexicon.mentions("", 3).contexts == {}
    with pytest.raises(ValueError, match="allowed: one with a word"):
        Lexicon({"x": ["!"]})


def test_log_odds_by_hand():
    """10 of 100 words near, 5 of 200 elsewhere, 2 % of all words: a = 10."""
    found, prior = log_odds(10, 100, 5, 200, 0.02), 0.02 * PRIOR
    value = np.log(20 / (100 + PRIOR - 20)) - np.log(15 / (200 + PRIOR - 15))
    assert prior == 10
    assert found.value == pytest.approx(value)
    assert found.error == pytest.approx(np.sqrt(1 / 20 + 1 / 15))
    assert log_odds(10, 100, 20, 200, 0.1).value == pytest.approx(0, abs=0.02)


def test_log_odds_are_as_sure_as_their_texts_however_often_each_says_a_word():
    """300 texts near each of two groups, 8 words each, of which all or none are the word in one text of five."""
    rng, missed = np.random.default_rng(3), np.zeros(2)
    for _ in range(300):
        said, none = 8.0 * (rng.random(600) < 0.2), np.zeros(600)
        first, size = np.arange(600) < 300, np.full(600, 8.0)
        texts = np.stack([np.where(first, said, none), 8.0 * first, np.where(first, none, said), 8.0 * ~first,
                          said, size], axis=1)  # fmt: skip
        total = texts.sum(axis=0)
        found = log_odds(*total[:4], total[4] / total[5])
        missed += abs(found.value) > 1.96 * np.array([error_over_texts(texts), found.error])
    assert binom.sf(missed[0] - 1, 300, 0.07) > 0.001
    assert missed[1] > 90, "words that are taken to stand alone claim far too much"


def test_a_corpus_that_repeats_a_word_within_texts_has_a_wider_interval_of_its_log_odds():
    texts = [
        " ".join([("She", "He")[n % 2], f"w{n}", *["engineer"] * (6 * (n % 3 == 0)), *(f"v{n}x{k}" for k in range(4))])
        for n in range(240)
    ]
    found = judged(texts).measure("log_odds", "work: men")
    assert (found.min_units, found.guarantee) == (40, "approximate")
    near = log_odds(240, 120 * 5 + 240, 240, 120 * 5 + 240, 480 / (2 * (120 * 5 + 240)))
    assert found.value == pytest.approx(near.value)
    assert found.high - found.value > 1.5 * 1.96 * near.error


def test_single_words_are_as_sure_as_the_texts_that_have_them():
    """Each text says two words of 40 six times: some lean far by chance, and none is sure but one that is planted."""
    groups, missed = {"women": ["she"], "men": ["he"]}, np.zeros(2, int)
    for seed in range(16):
        rng = np.random.default_rng(seed)
        texts = [
            " ".join([("She", "He")[n % 2], f"u{n}", *rng.choice([f"w{k}" for k in range(40)], 2).repeat(6)])
            for n in range(200)
        ]
        words = judged(texts, groups, window=20).items.query("kind == 'word'")
        missed += [words["against"].any(), (words["weight"] > 3.5).any()]
    assert binom.sf(missed[0] - 1, 16, 0.05) > 0.001
    assert missed[1] > 4, "words that are taken to stand alone claim far too much"
    said = [f"{text} nurse" if n % 4 == 0 else text for n, text in enumerate(texts)]
    found = judged(said, groups, window=20).items
    assert set(found[found["against"]]["word"]) == {"nurse"}
    has, her = np.arange(200) % 4 == 0, np.arange(200) % 2 == 0
    counts = np.stack([has, her * (13.0 + has), 0 * has, ~her * (13.0 + has), has, 13.0 + has], axis=1)
    odds = log_odds(50, 1350, 0, 1300, 50 / 2650)
    row = found[found["word"] == "nurse"].set_index("group").loc["women"]
    assert (row["near"], row["z"]) == (50, pytest.approx(odds.value / max(odds.error, error_over_texts(counts))))


# --- corpora


def test_a_planted_association_is_found_and_the_group_named():
    result = judged(corpus(first=0.1, second=0.5))
    assert result.measure("attribute_rate_difference").low > 0.1
    assert result.measure("attribute_rate_gap", "work: men").low > 0
    assert result.measure("log_odds", "work: men").low > 0
    first = result.items.iloc[0]
    assert (first["kind"], first["word"], bool(first["against"])) == ("attribute", "work", True)
    assert result.table.set_index("group")["distinct_texts"].to_dict() == {"women": 100, "men": 100, "elders": 0}


def test_clean_corpora_are_not_accused_more_often_than_the_level_says():
    found = (judged(corpus(80, seed=seed), level=0.8) for seed in range(20))
    alarms = sum(one.measure("attribute_rate_difference").low > 0 for one in found)
    assert alarms <= 4 + 4  # 20 % of 20, and two standard errors


def test_a_text_of_several_groups_counts_for_none_and_a_near_duplicate_once():
    both = ["she and he " + " ".join(f"b{n}x{k}" for k in range(6)) for n in range(30)]
    again = [text + " again" for text in corpus(200)[:40:2]]
    result = judged([*corpus(200), *both, *again])
    assert result.table.set_index("group")["distinct_texts"].to_dict() == {"women": 130, "men": 130, "elders": 0}
    assert result.table.set_index("group")["alone"].to_dict() == {"women": 100, "men": 100, "elders": 0}
    assert result.measure("duplicate_share").value == pytest.approx(40 / 250)
    assert result.measure("duplicate_difference").value == pytest.approx(40 / 150)


def test_texts_of_an_author_hang_together_and_one_of_each_is_drawn():
    """40 authors wrote 10 texts each, all with the word of work or none; whose do is chance."""
    probe = CorpusBias(groups={"women": ["she"], "men": ["he"]}, attributes=WORK)
    rng, sure, author = np.random.default_rng(4), [0, 0], np.repeat(np.arange(40), 10)
    for seed in range(12):
        says = rng.random(40) < 0.5
        texts = [
            " ".join([("She", "He")[who % 2], *(["engineer"] if says[who] else []), *(f"w{n}x{k}" for k in range(4))])
            for n, who in enumerate(author)
        ]
        items = pd.DataFrame({"text": texts, "unit": author.astype(str)})
        for place, rows in enumerate((items, items[["text"]])[: 1 + (seed < 4)]):
            result = probe.judge({"items": rows}, level=0.95, rng=np.random.default_rng(seed))
            sure[place] += probe.found(result)
            assert [one.key for one in result.remarks].count("one_of_each") == 1 - place
    assert binom.sf(sure[0] - 1, 12, 0.05) > 0.001
    assert sure[1] > 0, "texts of one author that count as many claim far too much"
    split = [text.replace("engineer", "") + " engineer" * (who % 2) for text, who in zip(texts, author, strict=True)]
    result = probe.judge({"items": items.assign(text=split)}, level=0.95, rng=rng)
    assert probe.found(result)
    assert result.measure("unnamed_share").n == {"items": 40, "units": 40}
    assert result.measure("duplicate_share").n["items"] == 400


def test_no_group_word_is_not_zero_bias():
    result = judged(["nothing to see", "here either", "nor there"])
    assert result.headline.undefined == "no text names a group"
    assert result.measure("unnamed_share").value == 1
    assert judged([]).measure("unnamed_share").undefined == "no text names a group"


@pytest.mark.parametrize(("options", "says"), [
    ({"groups": {"a": ["x"]}}, "got 1 groups"), ({"attributes": {}}, "0 attributes"), ({"window": 0}, "window 0"),
    ({"groups": {"a": ["x"], "b": [" "]}}, "no word of b"),
])  # fmt: skip
def test_lists_that_say_nothing_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        CorpusBias(**options)


def test_from_texts_to_a_record_that_recomputes(tmp_path):
    rows = pd.DataFrame({"text": corpus(first=0.1, second=0.6)})
    asked = {"use": "bias.corpus", "groups": {"women": ["she"], "men": ["he"]}, "attributes": {"work": ["engineer"]}}
    audit = run(probe=asked, data=rows, limit={"at_most": 0.2}, into=tmp_path)
    (finding,) = audit.record.findings
    assert (finding.verdict, finding.controls) == ("failed", {"positive": True, "negative": True})
    assert recompute(audit) > 10
