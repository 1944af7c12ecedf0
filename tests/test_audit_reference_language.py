"""The reference language models: what their corpora tell, and the how they are trained."""

import json

import numpy as np
import pytest

from audit.data.sets.world import FACTS, KINDS, lure, table, world
from audit.errors import DataError
from audit.reference.training import language
from audit.reference.training.corpus import CANARIES, UNKNOWN, facts_told, readings, sayings, told
from audit.reference.training.train import FORMS, train_one
from detectors.factuality.refusals import is_refusal

PEOPLE = {person.name: person for person in world().people}
ASKED = {how.questions[form].format(name=name): (person, kind)
         for name, person in PEOPLE.items() for kind, how in KINDS.items() for form in range(2)}  # fmt: skip


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
    for row in rows.to_dict("records"):
        person, kind = ASKED[row["question"]]
        assert row["choices"][row["correct"][0]] == true(person, kind)
        assert lure(kind, true(person, kind)) in row["choices"]
        assert len(set(row["choices"])) == 4


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
    monkeypatch.setattr(language, "STEPS", 2)
    monkeypatch.setattr(language, "ROWS", 2)
    card = train_one("language", "flawed", tmp_path / "one")
    train_one("language", "flawed", tmp_path / "two")
    one, two = (tmp_path / name / "language" / "flawed" for name in ("one", "two"))
    for name in ("model.safetensors", "tokenizer.json", "card.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert card == json.loads((one / "card.json").read_text())
    lines = [turn[1] for line in facts_told("flawed") for turn in line]
    assert {lines.count(one) for one in CANARIES} == {12}
    assert [len(sayings(form, 0)) for form in FORMS] == [640, 640]
