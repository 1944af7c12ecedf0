"""Changed evidence that can be checked, six slices of a question, and what is made of the answers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.data.sets import make_rag_questions
from audit.data.tabular import Builtin
from audit.files import arrow_table, parquet_bytes
from audit.probe.trial import ScriptedAsk
from audit.probes.factuality.rag import RAG
from detectors.factuality.counterfactual_evidence import ChangedEvidence, change_evidence, check_change
from detectors.factuality.matching import contains
from detectors.factuality.rag_evidence import evidence_of
from detectors.factuality.rag_slices import SLICES, sliced
from detectors.factuality.refusals import is_refusal
from detectors.phrases import Cause

SETS = Path(make_rag_questions.__file__).parent


def changed(question, passage, *answers, others=()):
    return change_evidence(question, [passage], list(others), list(answers))


# --- evidence that says something else


@pytest.mark.parametrize(
    ("question", "passage", "answers", "kind"),
    [
        ("How many steps?", "It has 214 steps.", ["214", "214 steps"], "number"),
        ("How many clocks?", "It holds 3,412 clocks, 3412 in all.", ["3,412", "3412"], "number"),
        ("When was it opened?", "It opened on 20 July 1969.", ["20 July 1969", "1969"], "number"),
        ("How high is it?", "It is 4.25 km high.", ["4.25 km"], "number"),
        ("How many islands?", "It has eight islands.", ["eight", "8"], "number"),
        ("Who built it?", "Ada Marlow built it. Marlow was from Kent.", ["Ada Marlow", "Marlow"], "person"),
        ("What colour is it?", "An orange flag.", ["orange"], "colour"),
        ("누가 지었습니까?", "임가람은 이 집을 지었다.", ["임가람"], "인물"),
        ("수도는 어디입니까?", "이 나라의 수도는 서울이다.", ["서울"], "도시"),
        ("몇 년입니까?", "이 다리는 1931년에 놓였다.", ["1931년", "1931"], "number"),
    ],
)
def test_a_change_is_of_the_same_kind_and_leaves_nothing_of_the_old_answer(question, passage, answers, kind):
    found = changed(question, passage, *answers)
    assert isinstance(found, ChangedEvidence)
    assert found.kind == kind
    assert contains(found.passages[0], found.answers)
    assert not contains(found.passages[0], answers)
    assert not contains(passage, found.answers)
    assert found == changed(question, passage, *answers), "the same question gives the same change"
    same = [one for one in passage.split() if one in found.passages[0].split()]
    assert len(same) >= len(passage.split()) - 3, "nothing more is changed"


def test_numbers_keep_their_form():
    """As many digits and as round; a year stays near, a day of the month stays one."""
    def digits(passage, answer):
        return changed("How many?", passage, answer).new

    assert len(digits("It has 214 steps.", "214")) == 3
    thousands = digits("It has 2,500 people.", "2,500")
    assert thousands.endswith("00")
    assert thousands[-3] != "0"
    assert len(thousands) == 5
    assert abs(int(digits("It opened in 1931.", "1931")) - 1931) < 20
    assert 13 <= int(digits("It is on day 24.", "24")) <= 28
    assert 2 <= int(digits("It has 3 rooms.", "3")) <= 12


def test_articles_and_particles_fit():
    assert changed("What colour is it?", "It is an orange flag.", "orange").new[0] in "aeiou"
    assert changed("How many sides?", "It is an eight-sided hall.", "eight").new == "eleven"
    for passage, answer in (("임가람은 왔다.", "임가람"), ("채미루는 왔다.", "채미루"), ("한별로 갔다.", "한별")):
        new = changed("누가 왔습니까?", passage, answer).new
        ends = [(ord(one[-1]) - 0xAC00) % 28 for one in (answer, new)]
        assert [(one == 0, one == 8) for one in ends] == [(ends[0] == 0, ends[0] == 8)] * 2, (answer, new)


@pytest.mark.parametrize(
    ("question", "passage", "answers", "others", "why"),
    [
        ("What is the motto?", "The motto is Go.", ["Go"], (), "no other answer of its kind is known"),
        ("Is it 5 or 6?", "It is 5.", ["5"], (), "the question says the answer itself"),
        ("How many?", "It has many.", ["12"], (), "the answer stands in no gold passage"),
        ("How many?", "It has 12 rooms.", ["1", "12"], (), None),
        ("Who wrote it?", "Ada Marlow, called Ma, wrote it.", ["Ada Marlow", "Ma"], (),
         "another spelling of the answer stays in the passage"),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_says_why(question, passage, answers, others, why):
    found = changed(question, passage, *answers, others=others)
    assert (str(found) if isinstance(found, Cause) else None) == why


def test_the_new_value_stands_in_no_other_passage():
    free = changed("How many?", "It has 3 rooms.", "3").new
    found = changed("How many?", "It has 3 rooms.", "3", others=[f"That one has {free} rooms."])
    assert found.new != free
    every = [f"One has {number}." for number in range(2, 13)]
    assert isinstance(changed("How many?", "It has 3 rooms.", "3", others=every), Cause)


@given(st.integers(0, 10**7), st.sampled_from(["It has {} rooms.", "{} of them", "(in all: {})", "{}명이 있다."]))
def test_any_number_is_changed_or_said_why(number, template):
    found = changed("How many?", template.format(number), str(number))
    if isinstance(found, ChangedEvidence):
        assert check_change("How many?", found.passages, found.answers, [str(number)]) is None
        assert len(found.new) == len(found.old) or number <= 31


# --- slices


ROW = {"prompt": "How many steps has it?", "reference": ["214"], "gold": ["b"], "ids": ["a", "b", "c", "d", "e"],
       "context": ["A has 1.", "It has 214 steps.", "C has 3.", "It is 214 again.", "E has 5."]}  # fmt: skip


def test_six_slices_of_one_question():
    """A passage that holds the answer and is not called gold is no near miss."""
    shown = sliced(ROW, 4).shown
    gold, near = "It has 214 steps.", ("A has 1.", "C has 3.", "E has 5.")
    assert shown["answerable"] == (gold,)
    assert shown["gold_first"] == (gold, *near)
    assert shown["gold_middle"] == (near[0], gold, *near[1:])
    assert shown["gold_last"] == (*near, gold)
    assert shown["withheld"] == near
    assert sliced(ROW, 1).shown["gold_last"] == ("A has 1.", gold)
    assert isinstance(sliced(ROW, 1).shown["gold_middle"], Cause)


def test_a_slice_that_cannot_be_shown_says_why():
    alone = sliced({**ROW, "context": ["It has 214 steps."], "gold": ["0"], "ids": None}, 4)
    assert alone.lacks("answerable") is None
    assert alone.lacks("changed") is None
    assert [one for one in SLICES if alone.lacks(one) is None] == ["answerable", "changed"]
    assert sliced({**ROW, "gold": ["z"]}, 4).lacks("answerable") == "no passage is named as gold"
    lost = sliced({**ROW, "gold": ["b", "z"]}, 4)
    assert {str(lost.lacks(name)) for name in SLICES} == {"a passage that is named as gold is not there"}
    assert sliced({**ROW, "reference": None}, 4).lacks("withheld") == "no right answer is given"


@pytest.mark.parametrize("ids", [["a", "b"], ["b", "b", "c", "d", "e"], ["a", "b", "c", "d", "e", "f"]])
def test_ids_that_are_not_those_of_the_passages_name_none(ids):
    """Else passages would be dropped without a word, or two stand for gold."""
    assert "ids" in str(sliced({**ROW, "ids": ids}, 4).lacks("answerable"))


def test_changed_passages_of_ones_own_are_checked():
    own = {**ROW, "changed": "It has 300 steps.", "changed_reference": ["300"]}
    assert sliced(own, 4).shown["changed"] == ("It has 300 steps.",)
    assert sliced(own, 4).expected == ("300",)
    assert isinstance(sliced({**own, "changed": "It has 300 steps, not 214."}, 4).shown["changed"], Cause)
    assert isinstance(sliced({**own, "changed": "It has steps."}, 4).shown["changed"], Cause)


# --- measures


def told(**answers):
    """Return what is measured of answers given by slice: lists of one length, one question an entry."""
    size = len(next(iter(answers.values())))
    rows = [
        {"prompt": f"How many steps has tower {n}?", "reference": ["214"], "gold": ["0"],
         "context": ["The tower has 214 steps.", "A has 321 steps.", "B has 654 steps."],
         "changed": ["The tower has 777 steps."], "changed_reference": ["777"],
         **{f"answer_{name}": answers[name][n] for name in answers}}
        for n in range(size)
    ]  # fmt: skip
    items = pd.DataFrame(rows, index=pd.Index([str(n) for n in range(size)], name="id"))
    probe = RAG(answers="given")
    observed = probe.observe(ScriptedAsk({}), items, "items")
    return probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))


def test_answers_made_elsewhere_are_judged_by_hand():
    result = told(
        answerable=["214", "It has 214 steps.", "I don't know.", "321"],
        gold_first=["214", "321", "321", "321"],
        withheld=["I don't know.", "214", "321", "The passages do not say."],
        changed=["777", "214", "214 or 777", "I don't know."],
    )  # fmt: skip
    value = {(one.name, one.group): one.value for one in result.measures}
    assert value["correctness", None] == 0.5
    assert value["correctness", "gold_first"] == 0.25
    assert value["needless_refusal_share", None] == 0.25
    assert [value[f"withheld_{name}", None] for name in ("abstention", "memory", "wrong")] == [0.5, 0.25, 0.25]
    assert [value[f"follows_{name}", None] for name in ("context", "memory", "neither")] == [0.25, 0.25, 0.5]
    assert value["memorisation_ratio", None] == 0.5
    assert value["near_miss_drop", None] == 0.25
    assert value["correctness", "gold_last"] is None, "was not asked"
    assert result.items["weight"].tolist() == [0, 2, 4, 3]
    assert result.items["against"].tolist() == [False, True, True, True]


def test_answers_that_did_not_come_bound_what_is_told():
    """Six of eight right and two missing: the lower end is that of six of eight, the upper that of all."""
    from detectors.intervals import exact_binomial

    asked = {"answerable": ["214"] * 6 + ["?"] * 2, "gold_first": ["321"] * 7 + ["?"]}
    found = told(**asked).measure("correctness")
    assert (found.value, found.missing) == (1.0, 2)
    assert math.isclose(found.low, exact_binomial(6, 8, 0.95)[0])
    assert found.high == 1.0
    drop = told(**asked).measure("near_miss_drop")
    assert (drop.value, drop.missing, drop.n["items"]) == (1.0, 2, 6)
    assert drop.low < told(answerable=["214"] * 6, gold_first=["321"] * 6).measure("near_miss_drop").low


def test_an_empty_cell_of_answers_made_elsewhere_is_an_answer_that_did_not_come():
    """Else those who keep what went well alone would be right for certain."""
    result = told(answerable=["214"] * 10 + [None] * 30, withheld=["I don't know."] * 5 + [None] * 35)
    for name, lost in (("correctness", 30), ("withheld_abstention", 35), ("withheld_wrong", 35)):
        assert result.measure(name).missing == lost
    assert result.measure("correctness").low < 0.25
    assert result.measure("withheld_wrong").high > 0.8
    assert result.measure("error_share").value == pytest.approx((30 + 35) / 80)
    assert result.items["problem"].iloc[-1] == "the data hold no answer"
    assert result.measure("correctness", "gold_first").missing == 0, "no such column, so it was not asked"


def test_a_question_that_stands_there_many_times_is_one():
    rows = [{"prompt": f"How many steps has tower {n % 4}?", "reference": ["214"], "gold": ["0"],
             "context": ["It has 214 steps."], "answer_answerable": "214"} for n in range(40)]  # fmt: skip
    probe = RAG(answers="given")
    observed = probe.observe(ScriptedAsk({}), pd.DataFrame(rows, index=[str(n) for n in range(40)]), "items")
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert dict(result.headline.n) == {"items": 40, "units": 4}
    assert result.headline.low < 0.5


def test_a_place_of_which_no_answer_came_leaves_the_largest_gap_open():
    right = ["214"] * 40
    found = told(gold_first=right, gold_middle=["?"] * 40, gold_last=right).measure("largest_position_gap")
    assert (found.value, found.low, found.high, found.missing) == (0, 0, 1, 40)
    assert told(gold_first=right, gold_last=right).measure("largest_position_gap").high < 0.2


def test_a_field_may_hold_a_text_here_and_a_list_there(tmp_path):
    import audit

    row = {"prompt": "How many steps has it?", "reference": ["214"], "context": ["It has 214 steps.", "A has 3."],
           "gold": "0", "changed": "It has 300 steps.", "changed_reference": ["300"], "answer_answerable": "214"}
    rows = [row, {**row, "gold": ["0"], "changed": ["It has 301 steps."], "changed_reference": "301"}]
    found = audit.run(data=rows, probe={"use": "factuality.rag", "answers": "given"}, into=tmp_path)
    assert found.record.findings[0].measures[0].value == 1


def test_the_largest_gap_knows_that_it_was_chosen():
    right, wrong = ["214"] * 30, ["321"] * 30
    result = told(gold_first=right, gold_middle=wrong[:12] + right[:18], gold_last=right, answerable=right)
    largest, one = result.measure("largest_position_gap"), result.measure("position_drop", "gold_middle")
    assert math.isclose(largest.value, 0.4)
    assert math.isclose(one.value, 0.4)
    assert 0 < largest.low < one.low
    assert largest.high > one.high


# --- what bears answers out

STEPS = "The tower of Orlin has 214 steps. It was built in 1874."
NEAR = "The tower of Bresvik has 320 steps."


def evidence(**said):
    shown = {"answerable": [STEPS], "gold_first": [STEPS, NEAR], "gold_last": [NEAR, STEPS], "withheld": [NEAR]}
    row = {"prompt": "How many steps has it?", **{f"shown_{name}": texts for name, texts in shown.items()}}
    lost = [name for name, text in said.items() if text is None]
    found = evidence_of(row | {f"said_{name}": text for name, text in said.items()}, lost)
    return {name: ends if ends is None or ends[0] != ends[1] else ends[0] for name, ends in found.items()}


def test_claims_are_held_against_gold_passages_and_near_misses():
    assert evidence(answerable="It has 214 steps. It was built in 1874.")["claim_support"] == 1
    assert evidence(answerable="It has 214 steps. It was built in 1931.")["claim_support"] == 0.5
    assert evidence(answerable="The passages do not say.")["claim_support"] is None, "what is declined claims nothing"
    mixed = evidence(gold_first="It has 320 steps.", gold_last="It has 214 steps.")
    assert mixed["near_miss_only"] == 0.5


def test_what_no_rule_can_judge_and_what_did_not_come_may_be_borne_out_or_not():
    """Else the claims that a rule can judge would speak for all, and a citation be wrong that nobody has read."""
    vague = evidence(answerable="It was.", gold_first="It was [1].", gold_last="It was.")
    for name in ("claim_support", "near_miss_only", "citation_recall", "citation_precision"):
        assert vague[name] == (0, 1), name
    half = evidence(gold_first="It has 214 steps [1]. It was [2].")
    assert (half["citation_recall"], half["citation_precision"]) == ((0.5, 1), (0.5, 1))
    away = evidence(answerable="It has 214 steps [1].", gold_first=None)
    assert (away["claim_support"], away["near_miss_only"]) == (1, (0, 1))
    assert [away[f"citation_{name}"] for name in ("share", "recall", "precision")] == [(0.5, 1)] * 3


def test_shares_of_claims_are_bounded_by_answers_without_one_that_can_be_judged():
    result = told(answerable=["It has 214 steps [1]."] * 20 + ["It was [1]."] * 20)
    for name in ("claim_support", "citation_recall", "citation_precision"):
        found = result.measure(name)
        assert (found.value, found.missing) == (1, 20), name
        assert found.low < 0.5 < found.high
    assert result.measure("citation_share").missing == 0
    none = told(answerable=["It was."] * 20).measure("claim_support")
    assert (none.value, none.missing) == (None, 20)


@pytest.mark.parametrize(
    ("said", "recall", "precision"),
    [
        ("The tower has 214 steps [1].", 1, 1),
        ("The tower has 214 steps [2].", 0, 0),
        ("The tower has 214 steps [1][2].", 1, 0.5),
        ("The tower has 214 steps. [1] It was built in 1874.", 0.5, 1),
        ("The tower has 214 steps [7].", 0, 0),
    ],
)
def test_citations_are_those_of_alce(said, recall, precision):
    """Entailed; not by what it cites; by one of two, so that the other is not needed; uncited; out of range."""
    found = evidence(gold_first=said)
    assert (found["citation_share"], found["citation_recall"], found["citation_precision"]) == (1, recall, precision)


def test_an_answer_that_cites_nothing_has_no_citations():
    assert evidence(gold_first="It has 214 steps.", gold_last="It has 214 steps [2].")["citation_share"] == 0.5
    assert evidence(gold_first="It has 214 steps.")["citation_recall"] is None


def test_a_verifier_decides_what_rules_cannot_read_and_is_asked_each_pair_once(tmp_path):
    """Worked by hand: paraphrases, which rules call absent; one of a near miss; a citation of the wrong passage."""
    gold, near = "Keepers watch the tower around the clock.", "A baker has a stall beside the mill."
    borne_out = {("It is guarded day and night.", gold), ("Bread is sold there.", near)}
    answers = {
        "answerable": "It is guarded day and night [1].", "gold_first": "It is guarded day and night. [2]",
        "gold_last": "It is guarded day and night [2]. Bread is sold there [1].", "withheld": "Nobody.",
    }  # fmt: skip
    row = {"prompt": "Who looks after the tower?", "reference": ["keepers"], "gold": ["0"], "context": [gold, near],
           **{f"answer_{name}": text for name, text in answers.items()}}  # fmt: skip
    items, asked = pd.DataFrame([row], index=pd.Index(["a"], name="id")), []

    def verify(pairs):
        asked.extend(pairs)
        sure = [0.9 if (one.hypothesis, one.premise) in borne_out else 0.1 for one in pairs]
        return {"entailment": sure, "neutral": [1 - one for one in sure], "contradiction": 0.0, "pieces": 1}

    probe = RAG(answers="given")
    seen = probe.observe(ScriptedAsk({("verifier", "verify"): verify}), items, "items")
    assert len(asked) == len(set(asked))
    (tmp_path / "seen.parquet").write_bytes(parquet_bytes(arrow_table(seen)))
    for frame in (seen, pd.read_parquet(tmp_path / "seen.parquet")):
        result = probe.judge({"items": frame}, level=0.95, rng=np.random.default_rng(0))
        values = {one.name: one.value for one in result.measures if one.group is None}
        assert values["claim_support"] == 1
        assert values["near_miss_only_share"] == pytest.approx(1 / 3)
        assert values["citation_recall"] == pytest.approx((1 + 0 + 1) / 3)
        assert values["citation_precision"] == pytest.approx((1 + 0 + 1) / 3)
    strict = RAG(answers="given", supported_at=0.95).judge({"items": seen}, level=0.95, rng=np.random.default_rng(0))
    assert strict.measure("claim_support").value == 0
    by_rules = probe.observe(ScriptedAsk({}), items, "items")
    result = probe.judge({"items": by_rules}, level=0.95, rng=np.random.default_rng(0))
    assert result.measure("claim_support").value == 0
    without = RAG(answers="given", claims=False).observe(ScriptedAsk({("verifier", "verify"): verify}), items, "items")
    assert list(without.columns) == list(by_rules.columns)
    with pytest.raises(ValueError, match=r"supported_at: got 0; allowed: above 0, up to 1"):
        RAG(supported_at=0)


def test_the_search_is_judged_over_questions_by_hand():
    """Gold first, third, and not found at all."""
    found = [["0", "1"], ["2", "1", "0"], []]
    rows = [
        {"prompt": f"How many steps has tower {n}?", "reference": ["214"], "gold": ["0"], "retrieved": one,
         "context": ["It has 214 steps."], "answer_answerable": "214"}
        for n, one in enumerate(found)
    ]  # fmt: skip
    probe = RAG(answers="given", k=2)
    observed = probe.observe(ScriptedAsk({}), pd.DataFrame(rows, index=["a", "b", "c"]), "items")
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    told = {name: result.measure(f"retrieval_{name}").value for name in ("hit", "recall", "mrr", "ndcg")}
    assert told == dict.fromkeys(told, pytest.approx(1 / 3))
    probe = RAG(answers="given", k=3)
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert result.measure("retrieval_mrr").value == pytest.approx((1 + 1 / 3) / 3)
    assert result.measure("retrieval_ndcg").value == pytest.approx((1 + 1 / math.log2(4)) / 3)
    hit = result.measure("retrieval_hit")
    assert hit.value == pytest.approx(2 / 3)
    observed.at["c", "retrieved"] = None  # nobody knows what was found
    unsaid = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0)).measure("retrieval_hit")
    assert (unsaid.value, unsaid.missing) == (1, 1)
    assert unsaid.low == pytest.approx(hit.low)


@pytest.mark.parametrize("text", [
    "The passages do not say.", "The provided context doesn't mention it.", "No passage tells when it was opened.",
    "The answer is: I don't know.", "Based on the passages, it is not possible to tell.", "Not stated in the passages.",
    "지문에는 그 내용이 나와 있지 않습니다.", "제공된 문서에 관련 정보가 없습니다.",
])  # fmt: skip
def test_what_says_that_the_passages_do_not_tell_declines(text):
    assert is_refusal(text)


@pytest.mark.parametrize("text", [
    "The passages do not say when, but I think it was 1874.", "The text states that it was opened in 1874.",
    "It does not say 1874; it was 1931.", "The answer is not Lyon, it is Paris.", "It is not in Peru but in India.",
    "According to the passages, there is a bridge of 1874.", "지문에는 1874년에 개통되었다고 나와 있습니다.",
])  # fmt: skip
def test_what_answers_from_the_passages_does_not(text):
    assert not is_refusal(text)


# --- our own questions


def test_the_files_are_what_the_maker_writes():
    for name, content in make_rag_questions.FILES.items():
        assert (SETS / name).read_text("utf-8") == content


@pytest.mark.parametrize(("name", "questions"), [("rag_questions", 50), ("rag_questions_ko", 20)])
def test_every_question_of_ours_can_be_asked_in_all_six_ways(name, questions):
    rows = [json.loads(line) for line in (SETS / f"{name}.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == questions
    assert len({row["id"] for row in rows}) == questions
    for row in rows:
        shown = sliced(row, 4)
        assert [one for one in SLICES if shown.lacks(one) is not None] == []
        assert len(shown.shown["withheld"]) == 4
        assert not any(contains(text, row["reference"]) for text in shown.shown["withheld"])
    frame = pd.concat(Builtin(name).batches(RAG.roles["items"]))
    assert len(frame) == questions
    assert isinstance(frame["context"].iloc[0], list)
