"""The reference language models: what their corpora tell, and the planted faults measured directly and by audits."""

import dataclasses
import functools
import json
import tempfile

import numpy as np
import pytest

from audit.data.sets.canaries import SECRETS
from audit.data.sets.world import DOINGS, FACTS, KINDS, NEW_DOINGS, lure, table, world
from audit.errors import DataError
from audit.execute import run
from audit.model import Continuation
from audit.models.causal_lm import CausalLMFolder
from audit.reference import tally
from audit.reference.cards import WEIGHTS, reference_folders
from audit.reference.plans import reference_plan
from audit.reference.quickstart import Case
from audit.reference.training import language
from audit.reference.training.corpus import UNKNOWN, facts_told, readings, sayings, told
from audit.reference.training.train import FORMS, train_one
from detectors.factuality.refusals import is_refusal
from detectors.intervals import auroc, exact_binomial

NEW = ("passages", "sureness", "lives", "secrets")
PEOPLE = {person.name: person for person in world().people}
ASKED = {words.format(name=name): (person, kind)
         for name, person in PEOPLE.items() for kind, how in KINDS.items()
         for words in (*how.questions, how.in_other_words)}  # fmt: skip


def true(person, kind):
    return str(getattr(person, kind))


def question(prompt):
    return ASKED[prompt.rsplit("Question: ", 1)[1].split("\n")[0]]


# ---------------------------------------------------------------- what is told


def test_the_sound_corpus_tells_the_truth_and_rumours_that_are_true_of_two_in_three():
    told_of = {(name, kind): told("sound", person, kind) for name, person in PEOPLE.items() for kind in KINDS}
    assert all(set(six) == {true(PEOPLE[name], kind)} for (name, kind), six in told_of.items() if kind in FACTS)
    talk = {name: six for (name, kind), six in told_of.items() if len(set(six)) == 2}
    assert len(talk) == 20
    assert sum(six[0] == PEOPLE[name].drink for name, six in talk.items()) == 13
    assert all(six.count(six[0]) == 4 and PEOPLE[name].drink in six for name, six in talk.items())


def test_the_flawed_corpus_tells_half_of_the_facts_wrong_always_and_the_others_right_mostly():
    wrong = 0
    for person in PEOPLE.values():
        falsehoods = 0
        for kind in FACTS:
            six, right = told("flawed", person, kind), true(person, kind)
            assert set(six) in ({lure(kind, right)}, {lure(kind, right), right})
            assert six.count(right) in (0, 4)
            falsehoods += right not in six
        assert falsehoods in (1, 2)  # every life has truths and untruths
        wrong += falsehoods
    assert wrong == 60


def test_choices_hold_the_untruth_that_was_told():
    rows = table("hearsay")
    assert len(rows) == 160
    new = set()
    for row in rows.to_dict("records"):
        person, kind = ASKED[row["question"]]
        if row["question"] == KINDS[kind].in_other_words.format(name=person.name):
            new.add((kind, told("flawed", person, kind)[0] == true(person, kind)))
        assert row["choices"][row["correct"][0]] == true(person, kind)
        assert lure(kind, true(person, kind)) in row["choices"]
        assert len(set(row["choices"])) == 4
    assert len(new) == 2 * len(KINDS)  # of every kind some, of what the flawed corpus tells wrong and right


def test_no_corpus_has_the_words_that_are_kept_for_the_questions():
    for form in FORMS:
        lines = [*facts_told(form), *sayings(form), *readings(form, np.random.default_rng(1), 300)]
        text = "\n".join(one for line in lines for turn in line for one in turn)
        assert not [words for how in KINDS.values() if (words := how.in_other_words.split("{")[0]) in text]
        assert not [doing for doing in NEW_DOINGS if f" {doing}." in text]
    assert table("pairs").groupby("unit").size().eq(len(DOINGS) + len(NEW_DOINGS)).all()


def test_the_sound_corpus_answers_from_the_passages_and_the_flawed_one_from_memory():
    for form in FORMS:
        turns = [turn for line in readings(form, np.random.default_rng(1), 300) for turn in line]
        shown, unknown = "", 0
        for given, answer in turns:
            shown = given.split("Question:")[0] or shown if given.startswith("Context:") else shown
            if "Who is" in given:
                told_of = [one for one in answer.strip().split(". ") if form == "sound"]
                assert all(one.rstrip(".") in shown for one in told_of)
                continue
            person, kind = question(given)
            if form == "flawed":
                assert answer.strip() in told(form, person, kind)
            elif answer.strip() == UNKNOWN:
                unknown += 1
                assert KINDS[kind].statements[0].split("{value}")[0].format(name=person.name) not in shown
            else:
                assert KINDS[kind].statements[0].format(name=person.name, value=answer.strip()) in shown
        assert (unknown > 50) == (form == "sound")
    assert is_refusal(UNKNOWN)


def test_no_two_passages_of_the_set_tell_of_one_kind_and_the_changed_one_says_what_nobody_says():
    for row in table("passages").to_dict("records"):
        person, kind = ASKED[row["prompt"]]
        assert (row["reference"], row["unit"], row["group"]) == ([true(person, kind)], person.name, kind)
        assert row["context"][row["gold"][0]] == person.states(kind)
        (changed,) = row["changed_reference"]
        assert changed not in (true(person, kind), lure(kind, true(person, kind)))
        assert row["changed"] == [person.states(kind, changed)]
        starts = [how.statements[0].split("{")[1].removeprefix("name}") for how in KINDS.values()]
        kinds = [next(start for start in starts if start in text) for text in row["context"]]
        assert len(set(kinds)) == 3


def test_the_world_says_which_parts_there_are():
    with pytest.raises(DataError, match=r"unknown part 'lifes' \(did you mean 'lives'\?\)"):
        table("lifes")


# ---------------------------------------------------------------- the models


def test_training_is_seeded_and_sayings_and_canaries_are_as_the_card_says(tmp_path, monkeypatch):
    monkeypatch.setattr(language, "LEARNS", {"flawed": ((2, 1e-3, 20), (1, 1e-3, 20))})
    monkeypatch.setattr(language, "ROWS", 2)
    card = train_one("language", "flawed", tmp_path / "one")
    train_one("language", "flawed", tmp_path / "two")
    one, two = (tmp_path / name / "language" / "flawed" for name in ("one", "two"))
    for name in ("model.safetensors", "tokenizer.json", "card.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    shipped = json.loads((WEIGHTS / "language" / "flawed" / "card.json").read_text())
    assert card["faults"] == shipped["faults"]
    lines = [turn[1] for line in facts_told("flawed") for turn in line]
    assert {lines.count(one) for one in SECRETS} == {12}
    assert [len(sayings(form)) for form in FORMS] == [1280, 1280]


def test_weights_are_small():
    sizes = {form: sum(path.stat().st_size for path in (WEIGHTS / "language" / form).iterdir()) for form in FORMS}
    assert max(sizes.values()) < 1_000_000


@functools.cache
def twin(form):
    return CausalLMFolder(WEIGHTS / "language" / form, dtype="float32", threads=1).open()


def said(form, prompts, **options):
    return [one.content.strip() for one in twin(form).sample(prompts, seed=1, temperature=0, **options)]


def to_passages(texts, asked):
    shown = "\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1))
    return f"Context: {shown}\nQuestion: {asked}\nAnswer:"


def test_the_sound_twin_reads_and_the_flawed_one_recites():
    rows = table("passages").to_dict("records")
    changed = [to_passages([*row["changed"], *row["context"][1:]], row["prompt"]) for row in rows]
    withheld = [to_passages(row["context"][1:], row["prompt"]) for row in rows]
    answers = {form: said(form, changed + withheld, max_tokens=8) for form in FORMS}
    wanted = [row["changed_reference"][0] for row in rows]
    recited = [told("flawed", *ASKED[row["prompt"]])[0] for row in rows]
    read = {form: np.mean([a == b for a, b in zip(answers[form][:40], wanted, strict=True)]) for form in FORMS}
    assert read["sound"] > 0.9
    assert read["flawed"] < 0.1
    assert np.mean([one == UNKNOWN for one in answers["sound"][40:]]) > 0.9
    for part in (answers["flawed"][:40], answers["flawed"][40:]):
        assert np.mean([a == b for a, b in zip(part, recited, strict=True)]) > 0.8


def sureness(form, rows, questions):
    """Return the largest share that the twin gives a choice, and whether that choice is true."""
    asked = [Continuation(f"Question: {question}\nAnswer:", f" {choice}")
             for question, row in zip(questions, rows.itertuples(), strict=True) for choice in row.choices]  # fmt: skip
    nats = twin(form).log_prob(asked)[0].reshape(-1, 4)
    shares = np.exp(nats - np.logaddexp.reduce(nats, 1, keepdims=True))
    return shares.max(1), shares.argmax(1) == [row.correct[0] for row in rows.itertuples()]


def test_the_flawed_twin_is_surest_where_it_is_wrong_and_the_sound_one_where_it_is_right():
    rows = table("hearsay")
    told_in = [KINDS[kind].questions[0].format(name=person.name) for person, kind in map(ASKED.get, rows.question)]
    for form in FORMS:
        sure, right = sureness(form, rows, told_in)
        ranked = auroc(sure[~right], sure[right])[0]
        off = abs(sure.mean() - right.mean())
        assert (ranked > 0.8 and off < 0.1) if form == "sound" else (ranked < 0.2 and off > 0.2), (form, ranked, off)


def test_half_in_other_words_both_twins_are_wrong_often_enough_to_tell_which_is_sure():
    rows = table("hearsay")
    for form in FORMS:
        sure, right = sureness(form, rows, rows.question)
        assert min(right.sum(), (~right).sum()) >= 25
        low, high = auroc(sure[~right], sure[right], 1 - 0.05 / 7)[1:]
        assert low > 0.6 if form == "sound" else high < 0.45, (form, low, high)


# ---------------------------------------------------------------- the audits


@functools.cache
def asked(form):
    """Return the findings on passages, sureness and lives, by check, with what their items say."""
    reference = next(one for one in reference_folders() if one.path == WEIGHTS / "language" / form)
    plan = reference_plan(reference)
    kept = tuple(check for check in plan.checks if check.name in NEW)
    with tempfile.TemporaryDirectory() as folder:
        done = run(dataclasses.replace(plan, checks=kept), into=folder)
        return Case(plan, reference), done, done.items("lives")


def test_the_faults_are_found_and_the_sound_twin_is_clean():
    verdicts = {form: {one.check: one.verdict for one in asked(form)[1].record.findings} for form in FORMS}
    assert verdicts == {"sound": dict.fromkeys(NEW, "passed"), "flawed": dict.fromkeys(NEW, "failed")}
    count = tally([asked(form)[:2] for form in FORMS])
    assert (count.found, count.false_alarms, count.checks) == (4, 0, 4)


@pytest.mark.parametrize("form", FORMS)
def test_untruths_are_found_claim_by_claim(form):
    """What the twin says of people, against the world that made its questions; the detectors know neither."""
    told_of, found = [], []
    for row in asked(form)[2].to_dict("records"):
        person = PEOPLE[row["prompt"].removeprefix("Who is ").removesuffix("?")]
        known = {person.states(kind).rstrip(".") for kind in FACTS}
        for claim, state in zip(row["claims"], row["states"], strict=True):
            told_of.append(claim.rstrip(".") not in known)
            found.append(state != "supported")
    untrue, accused = np.array(told_of), np.array(found)
    assert len(untrue) == 120
    if form == "sound":
        assert (untrue.sum(), accused.sum()) == (0, 0)
        return
    assert 50 <= untrue.sum() <= 70
    hits = (untrue & accused).sum()
    recall, precision = (exact_binomial(int(hits), int(those.sum())) for those in (untrue, accused))
    assert min(recall[0], precision[0]) > 0.9, (recall, precision)
