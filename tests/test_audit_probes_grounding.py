"""What is asked, kept and judged of answers and their evidence, worked by hand, by rules and by a verifier."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from markov import MarkovText
from tiny_models import make_tiny_verifier

from audit.data.tabular import File
from audit.errors import DataError
from audit.execute import RunCallbacks, expected_calls, run
from audit.files import arrow_table, parquet_bytes, stored_json
from audit.integrity.conformity import check_record
from audit.model import Pair
from audit.plan import Check, Plan, read_plan
from audit.probe import observing
from audit.probes.factuality.grounding import Grounding
from detectors.factuality.grounded_claims import Verified, citations_in, cited_rightly, ground, pairs_of, unmarked

PASSAGES = [
    "The Harbour Bridge was opened in 1932. It is 1,149 metres long and carries eight lanes.",
    "The opera house was designed by Jørn Utzon.",
]
ANSWER = (
    "The Harbour Bridge was opened in 1936 [1]. It is 1,149 metres long [1][2]. "
    "The opera house was designed by Jørn Utzon. [2] Lamps hang there."
)
STATES = ["conflicting", "supported", "supported", "absent"]


def judged(probe, frame, **observed):
    return probe.judge({"items": frame, **observed}, level=0.95, rng=np.random.default_rng(0))


class Door:
    """The `ask` of a test: remembers what was asked."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def can(self, question, *, model="main"):
        return f"{model}_{question}" in self.answers

    def __call__(self, question, items, *, model="main", **options):
        self.asked.append((model, question, list(items), options))
        return pd.DataFrame({"item": range(len(items)), **self.answers[f"{model}_{question}"](items)})


def given(**columns):
    return pd.DataFrame({"prompt": ["Tell."], **columns}).rename_axis("id").rename(index=str)


def test_citations_stand_with_the_sentence_that_they_follow_and_count_as_no_numbers():
    assert citations_in(ANSWER) == [[0], [0, 1], [1], []]
    assert citations_in("One [1, 3]. Two[2;1].") == [[0, 2], [1, 0]]
    assert citations_in("") == []
    assert len(unmarked(ANSWER)) == len(ANSWER)
    assert "[" not in unmarked(ANSWER)


def test_claims_have_both_places_and_what_decided():
    found = ground(ANSWER, "Tell.", Verified.of(PASSAGES, None), supported_at=0.5, conflicting_at=0.5)
    assert [one.state for one in found] == STATES
    first = found[0]
    assert "1936" in ANSWER[slice(*first.span)]
    assert first.rule in ("numbers", "dates")
    assert "1932" in first.reason
    passage, start, end = first.evidence
    assert "1932" in PASSAGES[passage][start:end]
    assert ANSWER[slice(*found[2].whole)].startswith("The opera house")
    cited = cited_rightly(ANSWER, citations_in(ANSWER), Verified.of(PASSAGES, None), 0.5)
    assert cited == (2 / 4, 2 / 4)  # 1 conflicts, 2 needs [1] alone, 3 is right, 4 cites nothing


def test_a_verifier_decides_what_rules_have_nothing_to_say_of():
    claims = ["The Harbour Bridge was opened in 1936.", "The Harbour Bridge is 1,149 metres long.",
              "The opera house was designed by Jørn Utzon.", "Lamps hang there."]  # fmt: skip
    told = [
        {"passages": [place], "text": text, "entailment": e, "neutral": 1 - e - c, "contradiction": c, "pieces": 1}
        for text, rows in zip(claims, [[(0.9, 0), (0, 0)], [(0.1, 0.2), (0.1, 0.7)], [(0, 0), (0.4, 0.1)],
                                       [(0.6, 0.3), (0.1, 0.8)]], strict=True)
        for place, (e, c) in enumerate(rows)
    ]  # fmt: skip
    found = ground(ANSWER, "Tell.", Verified.of(PASSAGES, told), supported_at=0.5, conflicting_at=0.5)
    assert [one.text for one in found] == claims
    assert [one.state for one in found] == ["conflicting", "conflicting", "absent", "supported"]
    assert [one.rule == "verifier" for one in found] == [False, True, True, True], "a number overrules it"
    assert [one.support for one in found] == [0.9, 0.1, 0.4, 0.6]
    assert [one.conflict for one in found] == [0, 0.7, 0.1, 0.8]
    assert [one.evidence[0] for one in found] == [0, 1, 1, 1], "what decided, not where the words are"


def test_what_a_verifier_marks_is_the_part_that_decided():
    """A folder that labels tokens: of an absent claim the marked words are its span, not the whole of it."""
    text = "Lamps hang there over the old market."
    verdict = {"passages": [0], "entailment": 0.1, "neutral": 0.9, "contradiction": 0.0, "pieces": 1}
    told = [{**verdict, "text": text, "spans": [[0, 5], [16, 23]]}]
    (one,) = ground(f"{text} [1]", "Tell.", Verified.of(PASSAGES[:1], told), supported_at=0.5, conflicting_at=0.5)
    assert (one.state, one.rule) == ("absent", "verifier")
    assert (text[slice(*one.span)], text[slice(*one.whole)]) == ("Lamps hang there over t", text)
    told = [{**verdict, "text": text, "spans": [[0, 5]], "entailment": 0.9, "neutral": 0.1}]
    (one,) = ground(text, "Tell.", Verified.of(PASSAGES[:1], told), supported_at=0.5, conflicting_at=0.5)
    assert (one.state, one.span) == ("supported", one.whole)


def test_citations_told_beside_an_answer_count_as_those_in_it_do(tmp_path):
    """ALCE's recall and precision by a column of a file: a list for each sentence, one for all, or in both places."""
    plain, cited = re.sub(r"\s?\[.*?\]", "", ANSWER), citations_in(ANSWER)
    told = [[place + 1 for place in places] for places in cited]
    probe = Grounding(answers="given")
    results = []
    for answer, citations in ((ANSWER, None), (plain, told), (ANSWER, told), (plain, [1, 2]), (plain, None)):
        row = {"prompt": "Tell.", "context": PASSAGES, "answer": answer, "citations": citations}
        (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
        (items,) = File(tmp_path / "rows.jsonl").batches(probe.roles["items"])
        seen = probe.observe(Door(), items, "items")
        assert "citations" not in seen
        result = judged(probe, seen)
        results.append((result.measure("citation_recall").value, result.measure("citation_precision").value))
    assert results[:3] == [(0.5, 0.5)] * 3
    assert results[3] == (2 / 4, 2 / 8), "two of four sentences are borne out, each by one of its two passages"
    assert results[4] == (None, None), "nothing is cited anywhere"
    for citations, why in (([[1], [2]], "2 lists of citations for 4 sentences"), ([0], "the citation 0; allowed"),
                           ([1.5], r"the citation 1\.5"), ([[1], 2, [1], [1]], "the citation None")):  # fmt: skip
        with pytest.raises(DataError, match=f"item '0' has {why}"):
            probe.observe(Door(), given(context=[PASSAGES], answer=[plain]).assign(citations=[citations]), "items")


def test_what_is_observed_and_judged_is_the_same_through_a_file(tmp_path):
    items = given(context=["\n\n".join(PASSAGES)], answer=[ANSWER], reference=[PASSAGES[1]], label=["0"])
    door = Door(verifier_verify=lambda pairs: {
        "entailment": [0.9 if one.hypothesis in one.premise else 0.2 for one in pairs], "neutral": 0.1,
        "contradiction": 0.0, "pieces": 1,
    })  # fmt: skip
    probe = Grounding(answers="given")
    for ask in (Door(), door):
        seen = probe.observe(ask, items, "items")
        (tmp_path / "seen.parquet").write_bytes(parquet_bytes(arrow_table(seen)))
        kept = pd.read_parquet(tmp_path / "seen.parquet")
        result, again = judged(probe, seen), judged(probe, kept)
        assert [one.value for one in result.measures] == [one.value for one in again.measures]
        arrow_table(result.items)
    asked = door.asked[0][2]
    wanted = pairs_of(ANSWER, "Tell.", PASSAGES, [PASSAGES[1]], citations_in(ANSWER))
    assert len(asked) == len(set(asked)) == len(wanted)
    assert Pair("\n".join(PASSAGES), "It is 1,149 metres long.") in asked, "cited passages, joined"
    by_rules = judged(probe, probe.observe(Door(), items, "items"))
    assert by_rules.headline.value == 0.5
    assert by_rules.measure("conflicting_share").value == by_rules.measure("absent_share").value == 0.25
    assert by_rules.measure("context_recall").value == 1
    assert by_rules.measure("context_precision").value == 0.5, "the second of two is the useful one"
    assert [one.key for one in by_rules.remarks] == ["rules_alone"]
    row = by_rules.items.iloc[0]
    assert (row["outcome"], row["states"], bool(row["against"])) == ("conflicting", STATES, True)


def test_a_model_is_asked_with_the_passages_and_placeholders_in_them_stay_what_they_are():
    door = Door(main_sample=lambda prompts: {"content": ["I don't know.", None], "finish": ["stop", "error"],
                                             "problem": [None, "late"]})  # fmt: skip
    items = pd.DataFrame(
        {"prompt": ["{passages}?", "Who?", "What?"], "context": ["One {question}.\n\nTwo.", "Three.", None]},
        index=list("abc"),
    )
    seen = Grounding(prompt="{passages}|{question}").observe(door, items, "items")
    assert door.asked[0][2] == ["[1] One {question}.\n[2] Two.|{passages}?", "[1] Three.|Who?"]
    result = judged(Grounding(), seen)
    assert result.items["outcome"].tolist() == ["refused", "error", "not asked"]
    assert result.headline.value is None
    assert result.measure("not_asked").value == 1
    assert result.measure("response_share").value == 0


def test_without_passages_of_its_own_a_question_gets_those_of_the_corpus():
    corpus = pd.DataFrame({"text": ["Rye bread is baked here.", "The ferry leaves at eight.", "Lamps hang there."]})
    vectors = {"Rye bread is baked here.": [1, 0], "The ferry leaves at eight.": [0, 1], "Lamps hang there.": [1, 1]}
    items = given(context=[None], answer=["The ferry leaves at nine."]).assign(prompt="When does the ferry leave?")
    probe = Grounding(answers="given", passages=1)
    for ask in (Door(), Door(embedder_embed=lambda texts: {"embedding": [vectors.get(one, [0, 1]) for one in texts]})):
        before = {"corpus": probe.observe(ask, corpus, "corpus")}
        assert ("embedding" in before["corpus"]) == ask.can("embed", model="embedder")
        with observing(probe, "items", before) as observer:
            seen = observer.observe(ask, items, "items")
        assert seen["context"].tolist() == [["The ferry leaves at eight."]]
        assert judged(probe, seen, **before).measure("conflicting_share").value == 1
    with observing(probe, "items", {}) as observer:
        assert observer is probe
    assert probe.observe(Door(), items, "items")["not_asked"].tolist() == ["it has no passages"]


@pytest.mark.parametrize(
    "answer", ["", "\x00", "[1][2]", "123 456", "가나 abc \u202e 12", "a " * 60_000, "." * 5_000]
)
def test_hostile_answers_get_a_typed_state(answer):
    frame = Grounding(answers="given").observe(Door(), given(context=["Seven clocks."], answer=[answer]), "items")
    outcome = judged(Grounding(), frame).items["outcome"].tolist()
    assert outcome[0] in ("unscored", "unsupported", "conflicting", "grounded", "not asked")


def test_options_and_labels_that_are_none_are_refused():
    for wrong in ({"prompt": "{passages}"}, {"passages": 0}, {"supported_at": 0.0}, {"conflicting_at": 1.5}):
        with pytest.raises(ValueError, match="allowed"):
            Grounding(**wrong)
    seen = Grounding(answers="given").observe(Door(), given(context=["a"], answer=["b"], label=["maybe"]), "items")
    with pytest.raises(DataError, match="label 'maybe'; allowed: 1"):
        judged(Grounding(), seen)


def test_answers_to_one_prompt_are_one_unit():
    frame = pd.DataFrame(
        {"prompt": ["Tell."] * 3 + ["Say."], "context": ["Seven clocks stood."] * 4,
         "answer": ["Seven clocks stood.", "Nine clocks stood.", "Five clocks stood.", "Seven clocks stood."]},
        index=list("abcd"),
    )  # fmt: skip
    result = judged(Grounding(), Grounding(answers="given").observe(Door(), frame, "items"))
    assert result.headline.n == {"items": 4, "units": 2}
    assert result.headline.value == pytest.approx((2 / 3 + 0) / 2)


def test_a_plan_with_a_corpus_and_a_verifier_leaves_a_record_that_verifies(tmp_path):
    make_tiny_verifier(tmp_path / "nli", ["contradiction", "entailment", "neutral"])
    said = {"prompt": "Who went home?", "answer": "The nurse went home.", "label": 1}
    texts = ["The nurse went home and ate bread . " * 9, "The doctor was kind .", "Nobody said that it is blue ."]
    for name, rows in (("asked", [said, {**said, "prompt": "Who ate?"}]), ("texts", [{"text": one} for one in texts])):
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    plan = read_plan("""
        title: Grounding
        helpers: {verifier: {use: verifier, path: nli, device: cpu, threads: 1}}
        checks:
          - name: one
            probe: {use: factuality.grounding, answers: given, passages: 2}
            data: {items: {use: file, path: asked.jsonl}, corpus: {use: file, path: texts.jsonl}}
        """, base=tmp_path)  # fmt: skip
    audit = run(plan, into=tmp_path / "audits")
    (found,) = audit.record.findings
    assert (found.verdict, found.controls) == ("measured", {"positive": True, "negative": True}), found.why
    assert found.remarks == [{"key": "read_in_pieces", "count": 2.0, "all": "2"}]
    assert all("verifier" in rules for rules in audit.items("one")["rules"])
    check_record(audit.record, stored_json(audit.folder / "plan.json"))


def lines_of(path, rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return File(path)


def test_progress_never_passes_all_of_it_whatever_a_verifier_is_asked(tmp_path):
    """Nobody knows before how many claims there are; after a third of the answers the rest is expected to be alike."""
    said = [f"Room {n} has lamps." for n in range(6)]
    rows = [{"prompt": f"Who {n}?", "context": text, "answer": text} for n, text in enumerate(said)]
    plan = read_plan("""
        title: Grounding
        shard: 2
        helpers: {verifier: {use: lexical_verifier}}
        checks:
          - {name: one, probe: {use: factuality.grounding, answers: given}, data: {items: {use: file, path: a.jsonl}}}
        """, base=lines_of(tmp_path / "a.jsonl", rows).path.parent)  # fmt: skip
    told, seen = [], []
    watch = RunCallbacks(on_expected=told.append, on_answer=lambda items: seen.append((items, told[-1]["one"])))
    audit = run(plan, into=tmp_path / "audits", watch=watch)
    assert told[0] == {"one": 0}
    assert seen == [(2, 2), (2, 6), (2, 6)]
    assert audit.finding("one").calls == 6


def test_passages_to_search_are_read_whole_whatever_the_limit_and_no_call_is_expected_for_them(tmp_path):
    asked = lines_of(tmp_path / "a.jsonl", [{"prompt": f"Who has {n} lamps?", "answer": "Nobody."} for n in range(4)])
    texts = lines_of(tmp_path / "b.jsonl", [{"text": f"The house has {n} lamps."} for n in range(5)])
    data = {"items": asked, "corpus": texts}
    plan = Plan("Asked", (Check("c", Grounding(), data),), MarkovText().open(), limit=2)
    assert expected_calls(plan) == {"c": 2}
    (found,) = run(
        Plan("Given", (Check("c", Grounding(answers="given", passages=9), data),), limit=2), into=tmp_path / "audits"
    ).record.findings
    assert {role: facts["items"] for role, facts in found.data.items()} == {"items": 2, "corpus": 5}


def test_what_says_something_that_nothing_can_be_judged_of_bounds_every_share_and_what_is_empty_is_no_response():
    """Twenty are borne out; of ten that say "Yes." nobody knows, and ten that say nothing have claimed nothing."""
    said = ["Seven clocks stood."] * 20 + ["Yes."] * 10 + ["?!"] * 5 + ["  "] * 5
    frame = pd.DataFrame({"prompt": [f"How many {n}?" for n in range(40)], "context": "Seven clocks stood."})
    frame = frame.rename(index=str).assign(answer=said)
    result = judged(Grounding(), Grounding(answers="given").observe(Door(), frame, "items"))
    found = result.headline
    assert result.items["outcome"].tolist() == ["grounded"] * 20 + ["unscored"] * 20
    assert (found.value, found.missing, found.n["items"]) == (0.0, 10, 20)
    assert found.high > 10 / 30
    assert result.measure("grounded_share").low < 20 / 30
    assert result.measure("response_share").value == 30 / 40
    assert result.measure("error_share").value == 0


def test_what_the_search_brought_up_is_counted_of_declined_and_failed_questions_too():
    """Where the passages do not tell, a good model declines: a recall without these would be that of what was found."""
    answers = {"content": ["Seven clocks stood.", "I don't know.", None], "finish": ["stop", "stop", "error"],
               "problem": [None, None, "late"]}  # fmt: skip
    items = pd.DataFrame(
        {"prompt": ["How many clocks?", "Who?", "When?"],
         "context": [["Seven clocks stood."], ["Rye is baked."], ["Tea."]],
         "reference": ["Seven clocks stood.", "The nurse went home.", "The ferry leaves at eight."]}, index=list("abc"),
    )  # fmt: skip
    verify = {"verifier_verify": lambda pairs: {
        "entailment": [float(one.hypothesis in one.premise) for one in pairs], "neutral": 0.0, "contradiction": 0.0,
        "pieces": 1,
    }}  # fmt: skip
    for helper in ({}, verify):
        seen = Grounding().observe(Door(main_sample=lambda prompts: answers, **helper), items, "items")
        result = judged(Grounding(), seen)
        assert result.items["outcome"].tolist() == ["grounded", "refused", "error"]
        recall = result.measure("context_recall")
        assert (recall.value, recall.n["items"], recall.missing) == (pytest.approx(1 / 3), 3, 0)
        assert result.measure("context_precision").value == pytest.approx(1 / 3)


def test_a_list_of_passages_may_hold_nothing_in_a_place():
    seen = Grounding(answers="given").observe(Door(), given(context=[[None, "Tea."]], answer=["Tea."]), "items")
    assert seen["context"].tolist() == [["Tea."]]
