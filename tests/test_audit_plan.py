"""Plans: every mistake at once, each with its place; what a plan is and what its hash stands for."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markov import MarkovText, Repeats

from audit.cli.schemas import json_schema
from audit.errors import PlanError
from audit.plan import Check, Plan, freeze, load_plan, read_plan
from audit.plugins import options_of
from audit.record import Limit
from audit.strict_yaml import MAX_DEPTH, read_yaml

GOOD = """\
title: Release check
seed: 3
checks:
  - name: stereotypes
    probe: {use: bias.stereotype_pairs}
    data: {use: file, path: pairs.csv}
    limit: {measure: stereotype_share, at_most: 0.6}
  - name: questions
    probe: {use: factuality.closed_book, mode: choice}
    data: {items: {use: builtin, name: plain_questions}}
model: {use: endpoint, url: "http://127.0.0.1:9/v1", name: m}
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "pairs.csv").write_text("more,less\na b,a c\n")
    return tmp_path


def problems(text: str, base: Path) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        read_plan(text, base=base)
    return caught.value.problems


def test_good_plan_is_built_with_its_parts(base):
    plan = read_plan(GOOD, base=base)
    first, second = plan.checks
    assert (first.probe.name, first.gates, first.limit.at_most) == ("bias.stereotype_pairs", True, 0.6)
    assert first.data["items"].path == (base / "pairs.csv").resolve()
    assert (second.gates, second.line, plan.seed, plan.text) == (False, 8, 3, GOOD)


def test_all_mistakes_at_once_with_their_lines(base):
    text = """\
title: x
sede: 7
model: {use: causal_lm, path: ./nowhere}
checks:
  - name: one
    probe: {use: bias.stereotype_pair}
    data: {use: file, path: missing.csv}
    limit: {measure: s, at_most: 0.6, mist: 1}
  - name: one
    probe: {use: factuality.closed_book, mod: choice}
    gating: true
  - name: three
    probe: {use: factuality.closed_book}
    data: {itms: {use: builtin, name: plain_questions}}
    limit: {measure: acuracy, at_least: 0.5}
"""
    found = problems(text, base)
    expected = [
        (2, "unknown key 'sede' (did you mean 'seed'?)"),
        (3, "no such file or folder: ./nowhere"),
        (6, "unknown probe 'bias.stereotype_pair' (did you mean 'bias.stereotype_pairs'?)"),
        (7, "no such file or folder: missing.csv"),
        (8, "unknown key 'mist'"),
        (9, "two checks are named 'one'"),
        (10, "unknown option 'mod' of factuality.closed_book (did you mean 'mode'?)"),
        (14, "unknown role 'itms'"),
        (15, "unknown measure 'acuracy' of factuality.closed_book (did you mean 'accuracy'?)"),
    ]
    assert len(found) == len(expected)
    for problem, (line, words) in zip(found, expected, strict=True):
        assert problem.startswith(f"plan.yaml:{line}:"), problem
        assert words in problem


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("level: 1.5", "level: got 1.5"),
        ("level: high", "level: got 'high'"),
        ("level: 95e-2", "level: got '95e-2'; input should be a valid number (did you mean 95.0e-2?)"),
        ("level: 1e400", "level: got '1e400'; input should be a valid number; it is too large for a number"),
        ("limit: 0", "limit: got 0"),
        ("shard: 2.5", "shard: got 2.5"),
        ("title: ''", "'title' stands twice"),
        ("helpers: {b: {use: causal_lmm}}", "unknown model 'causal_lmm' (did you mean 'causal_lm'?)"),
    ],
)
def test_wrong_values_say_what_was_got(base, change, words):
    assert any(words in problem for problem in problems(GOOD + change + "\n", base))


SHEET = "sheet: {inventory_id: LM-7, purpose: Answers questions, tier: high}\n"


def test_the_sheet_is_strict_and_part_of_the_frozen_plan(base):
    plan = read_plan(GOOD + SHEET + "two_person: true\n", base=base)
    assert (plan.sheet.inventory_id, plan.sheet.owner, plan.two_person) == ("LM-7", None, True)
    frozen = freeze(plan, {})
    assert frozen["sheet"] == {"inventory_id": "LM-7", "purpose": "Answers questions", "tier": "high"}
    assert frozen["two_person"] is True
    plain = freeze(read_plan(GOOD, base=base), {})
    assert not {"sheet", "two_person"} & set(plain), "a plan without them keeps its id"
    (found,) = problems(GOOD + SHEET.replace("purpose", "porpose"), base)
    assert "unknown key 'porpose' (did you mean 'purpose'?)" in found
    (found,) = problems(GOOD + SHEET.replace("high", "3"), base)
    assert "tier: got 3" in found


def test_wrong_option_types_and_limits(base):
    text = GOOD.replace("mode: choice", "mode: chance").replace("at_most: 0.6", "at_most: 0.6, at_least: 0.9")
    found = problems(text, base)
    assert any(":7:" in problem and "at_least 0.9 is above at_most 0.6" in problem for problem in found)
    assert any(":9:" in problem and "chance" in problem for problem in found)


def test_gating_needs_a_limit_and_names_are_file_names(base):
    found = problems(GOOD.replace("name: questions", "name: ../Questions\n    gating: true"), base)
    assert any("a gating check needs a limit" in problem for problem in found)
    assert any("got '../Questions'" in problem for problem in found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("a: [1", "not YAML"),
        ("a: 1\na: 2", "key 'a' stands twice"),
        ("a: &x 1\nb: *x", "anchors and aliases"),
        ("a: !!python/object:os.system 1", "tag"),
        ("- 1", "a plan is a mapping"),
        ("\t- x", "not YAML"),
        ("a: " + "[" * 30 + "]" * 30, f"deeper than {MAX_DEPTH}"),
        ("a: " + "x" * 1_000_001, "at most 1,000,000"),
    ],
)
def test_hostile_or_broken_yaml_is_one_line(text, words, base):
    found = problems(text, base)
    assert words in found[0]
    assert "\n" not in found[0]


def test_missing_plan_names_the_file(tmp_path):
    with pytest.raises(PlanError, match=r"gone\.yaml: no such file"):
        load_plan(tmp_path / "gone.yaml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9999, 9999) | st.text("abc \"':#\n", max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    ).filter(lambda value: value is not None)
)
def test_reading_equals_safe_load(value):
    assert read_yaml(yaml.safe_dump(value), "x").data == value


def test_frozen_plan_depends_on_what_is_asked_and_not_on_where(base, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "pairs.csv").write_bytes((base / "pairs.csv").read_bytes())
    one, two = (freeze(read_plan(GOOD, base=where), {}) for where in (base, other))
    assert one == two
    assert str(base) not in json.dumps(one)
    (other / "pairs.csv").write_text("more,less\na b,a d\n")
    assert freeze(read_plan(GOOD, base=other), {}) != one
    assert freeze(read_plan(GOOD.replace("0.6", "0.7"), base=base), {}) != one
    assert freeze(read_plan("# a remark\n" + GOOD, base=base), {}) == one


def test_error_budget_is_shared_by_weight():
    limit = Limit(measure="repeat_share", at_most=0.5)
    checks = (Check("a", Repeats(), limit=limit), Check("b", Repeats(), limit=limit, weight=3), Check("c", Repeats()))
    plan = Plan(title="t", checks=checks, model=MarkovText())
    assert [round(plan.check_level(check), 6) for check in checks] == [0.9875, 0.9625, 0.95]


def test_schema_accepts_good_plans_and_refuses_bad_ones():
    schema = jsonschema_rs.validator_for(json.loads(json_schema("plan")))
    good = yaml.safe_load(GOOD)
    assert schema.is_valid(good)
    for bad in (
        "probe: {use: bias.stereotype_pairs}",
        "data: {use: file, path: pairs.csv}",
        "limit: {measure: stereotype_share, at_most: 0.6}",
    ):
        assert not schema.is_valid(
            yaml.safe_load(GOOD.replace(bad, bad.replace("use", "uze").replace("at_most", "atmost")))
        )


def test_halves_of_a_character_are_put_together_or_refused():
    assert read_yaml('title: "\\ud83d\\ude00"\n', "p.yaml").data == {"title": "\U0001f600"}
    with pytest.raises(PlanError, match=r"p\.yaml:1:8: half a character"):
        read_yaml('title: "\\ud83d"\n', "p.yaml")
    with pytest.raises(PlanError, match="half a character"):
        read_yaml('"\\ud83d": 1\n', "p.yaml")


@pytest.mark.parametrize("probe", ["text_mark", "image_mark", "audio_mark", "video_mark"])
def test_a_key_of_a_mark_is_a_file_that_lies_by_the_plan(base, probe):
    """A key that is not there was found by the run alone, and its check crashed."""
    text = f"""\
title: Marks
model: {{use: outside.markov}}
checks:
  - name: marks
    probe: {{use: provenance.{probe}, key_file: nope.dokimasia-key}}
    data: {{use: builtin, name: plain_questions}}
"""
    said = [one.partition(": ")[2] for one in problems(text, base) if one.startswith("plan.yaml:5:")]
    assert said == ["no such file or folder: nope.dokimasia-key"]
    (base / "nope.dokimasia-key").touch()
    assert read_plan(text.replace("outside.markov", "table, path: pairs.csv"), base=base).checks[0].probe.key_file == (
        base / "nope.dokimasia-key"
    )


@pytest.mark.parametrize(
    ("probe", "option"), [("text_mark", "known_keys"), ("signed_origin", "keys"), ("duties", "keys")]
)
def test_each_key_of_a_list_is_a_file_that_lies_by_the_plan(base, probe, option):
    text = f"""\
title: Marks
model: {{use: table, path: pairs.csv}}
checks:
  - name: marks
    probe: {{use: provenance.{probe}, {option}: [a.dokimasia-key, nope.dokimasia-key]}}
    data: {{use: builtin, name: plain_questions}}
"""
    (base / "a.dokimasia-key").touch()
    said = [one.partition(": ")[2] for one in problems(text, base) if one.startswith("plan.yaml:5:")]
    assert said == ["no such file or folder: nope.dokimasia-key"]
    (base / "nope.dokimasia-key").touch()
    (check,) = read_plan(text, base=base).checks
    assert [*getattr(check.probe, option)] == [base / "a.dokimasia-key", base / "nope.dokimasia-key"]
    assert options_of(check.probe)[option] == ["a.dokimasia-key", "nope.dokimasia-key"]
