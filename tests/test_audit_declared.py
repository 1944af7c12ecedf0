"""Declared numbers against measured intervals: the rule, its size and power, plan to record, clause, policy, words."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import yaml
from report_fixtures import finding, rate, real, write_audit
from scipy.stats import binom

from audit.cli.app import execute
from audit.cli.screen import finding_line, summary_line
from audit.errors import UsageError
from audit.execute import run
from audit.frameworks import load_framework
from audit.integrity import recompute
from audit.model import Sample
from audit.plan import Check, Plan, freeze, plan_differences, read_plan
from audit.policy import Answered, Facts, cover, judge_audit, load_policy
from audit.probes.factuality.closed_book import ClosedBook
from audit.record import Declared, Limit
from audit.reference.starters.for_clauses import clause_plan
from audit.verdict import contradicts, declared_effect, declared_standing
from detectors.intervals import exact_binomial
from reports.documents.html_report import render_html
from reports.documents.junit_report import render_junit
from reports.documents.markdown_report import render_markdown
from reports.options import ReportOptions
from reports.text import Notation, words_of
from reports.views import declared_text, overview
from reports.views.summary import summary_sentence

HELD = {"positive": True, "negative": True}


def right(k, n=100, **more):
    return rate("accuracy", k, n, direction="higher is better", **more)


GOOD = right(80)  # exact interval [0.7082, 0.8733]


def told(measure, value, **more):
    name = "accuracy" if measure is None else measure.name
    one = finding(
        "facts", more.pop("verdict", "measured"), "A reason.", probe="factuality.closed_book",
        measures=[] if measure is None else [measure], declared=Declared(measure=name, value=value), gating=False,
        **{"controls": HELD, **more},
    )
    return one.model_copy(update={"dimension": "factuality"})


def standing(measure, value, **more):
    found = declared_standing(told(measure, value, **more))
    return found.kind, found.why


@pytest.mark.parametrize(
    ("direction", "ideal", "value", "kind"),
    [
        ("higher is better", None, 0.88, "contradicted"), ("higher is better", None, 0.87, "held"),
        ("higher is better", None, 0.71, "held"), ("higher is better", None, 0.70, "better"),
        ("lower is better", None, 0.88, "better"), ("lower is better", None, 0.70, "contradicted"),
        ("lower is better", None, 0.8, "held"),
        ("nearer to ideal is better", 1.0, 0.95, "contradicted"), ("nearer to ideal is better", 1.0, 0.6, "better"),
        ("nearer to ideal is better", 1.0, 1.05, "contradicted"),
        ("nearer to ideal is better", 0.8, 0.95, "better"), ("nearer to ideal is better", 0.72, 0.70, "open"),
        ("nearer to ideal is better", 0.0, 0.5, "contradicted"), ("neither", None, 0.5, "open"),
    ],
)
def test_the_side_on_which_a_declared_number_lies(direction, ideal, value, kind):
    measure = replace(GOOD, direction=direction, ideal=ideal)
    why = "no_side" if direction == "neither" else "beside"
    assert standing(measure, value) == (kind, why if kind == "open" else None)


@pytest.mark.parametrize(
    ("measure", "more", "why"),
    [
        (GOOD, {"verdict": "crashed"}, "not_asked"), (GOOD, {"reason": {"key": "changed"}}, "changed"),
        (GOOD, {"controls": {"positive": False, "negative": True}}, "controls"), (None, {}, "no_measure"),
        (replace(GOOD, low=None, high=None), {}, "no_interval"),
        (replace(GOOD, guarantee="approximate"), {}, "approximate"),
        (replace(GOOD, guarantee="measured", measured_to=0.9), {}, "measured_less"),
        (replace(GOOD, min_units=101), {}, "too_few"), (replace(GOOD, missing=60), {}, "missing"),
    ],
)
def test_what_decides_no_limit_tells_nothing_of_a_declared_number(measure, more, why):
    if "reason" in more:
        one = told(measure, 0.99).model_copy(update=more)
        found = declared_standing(one)
        assert (found.kind, found.why) == ("open", why)
    else:
        assert standing(measure, 0.99, **more) == ("open", why)
    assert declared_standing(finding("facts", "measured", "A reason.", measures=[GOOD])) is None


def test_the_farthest_of_several_groups_contradicts_by_its_own_interval_and_is_better_by_that_of_all():
    gap = replace(real("gap", 0.30, 0.08, 200, unit="share", direction="lower is better"), reach=(0.10, 0.50))
    kinds = {value: standing(gap, value)[0] for value in (0.15, 0.25, 0.45, 0.51)}
    assert kinds == {0.15: "contradicted", 0.25: "held", 0.45: "held", 0.51: "better"}


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_a_true_declaration_is_contradicted_no_more_often_than_the_level_allows(level):
    """Exactly, over all counts: the chance under the declared rate itself."""
    for n in (10, 40, 200):
        for rate_ in (0.5, 0.8, 0.95, 1.0):
            high = np.array([exact_binomial(k, n, level)[1] for k in range(n + 1)])
            kinds = [standing(right(k, n, level=level), rate_)[0] for k in range(n + 1)]
            wrong = np.array([kind == "contradicted" for kind in kinds])
            assert np.array_equal(wrong, high < rate_)
            assert binom.pmf(np.arange(n + 1), n, rate_)[wrong].sum() <= (1 - level) / 2 + 1e-12


def test_a_declaration_that_is_too_good_is_found_at_the_rate_that_is_told():
    effect = declared_effect(Declared(measure="accuracy", value=0.9), right(180, 200))
    wrong = [contradicts(told(right(k, 200), 0.9)) for k in range(201)]
    power = binom.pmf(np.arange(201), 200, effect.below)[np.array(wrong)].sum()
    assert power == pytest.approx(0.8, abs=1e-6)
    assert 0.8 < effect.below < 0.84  # by hand: 0.9 - 1.96 * 0.0212 - 0.84 * 0.027


# ---- plan, record, register -----------------------------------------------------------------------------------------

PLAN = """\
title: Declared
checks:
  - name: facts
    probe: {use: factuality.closed_book, mode: generate}
    data: {use: builtin, name: plain_questions}
    declared: {measure: accuracy, value: 0.9, source: "instructions for use, 4.2"}
model: {use: table, path: outputs.csv}
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("accuracy,", "acuracy,"), "unknown measure 'acuracy' of factuality.closed_book (did you mean 'accuracy'?)"),
        (("0.9", "90"), "declared.value: got 90; accuracy is a share, 0 to 1 (did you mean 0.9?)"),
        (("value: 0.9", "valu: 0.9"), "unknown key 'valu' (did you mean 'value'?)"),
        (("measure: accuracy, ", ""), "checks.declared.measure is missing"),
        (("0.9", ".nan"), "declared.value"),
    ],
)
def test_mistakes_are_told_in_one_line(change, message):
    with pytest.raises(UsageError) as caught:
        read_plan(PLAN.replace(*change))
    assert any(message in line for line in str(caught.value).splitlines()), str(caught.value)


class Half:
    """A model that answers every second question of its frame rightly."""

    name, family, modality, fingerprint = "half", "table", "text", "sha256:" + "0" * 64

    def sample(self, prompts, *, seed, **options):
        return [Sample("right" if int(one.split()[1]) % 2 else "wrong") for one in prompts]


def asked(into, **more):
    rows = [{"question": f"Question {n} here?", "aliases": ["right"]} for n in range(60)]
    probe = ClosedBook(mode="generate", prompt="{question}")
    check = Check("facts", probe, pd.DataFrame(rows), **more)
    return run(Plan("Declared", (check,), model=Half()), into=into)


def test_a_record_keeps_what_is_declared_and_without_it_nothing_changes(tmp_path):
    plain, audit = asked(tmp_path / "a"), asked(tmp_path / "b", declared=Declared(measure="accuracy", value=0.9))
    assert "declared" not in (plain.folder / "plan.json").read_text() + (plain.folder / "record.json").read_text()
    one = audit.record.findings[0]
    assert (one.declared.value, one.declared.source, one.verdict) == (0.9, None, "measured")
    assert one.measures == plain.record.findings[0].measures
    assert contradicts(one)  # 30 of 60, [0.368, 0.632]
    assert recompute(audit) > 1
    assert not plan_differences(plain, audit)  # what somebody says is not what was asked


def test_a_declaration_that_was_changed_after_the_first_attempt_is_a_deviation(tmp_path):
    asked(tmp_path, declared=Declared(measure="accuracy", value=0.9))
    later = asked(tmp_path, declared=Declared(measure="accuracy", value=0.5, source="leaflet"))
    (one,) = later.record.deviations
    assert (one.what, one.before, one.after) == ("declared.value", 0.9, 0.5)
    view = overview(later, words_of("ko"))
    assert [row.what for row in view.deviations] == ["밝힌 수치"]


def test_checks_made_in_python_keep_the_same_rules():
    with pytest.raises(UsageError, match=r"declared.value: got 2; accuracy is a share, 0 to 1"):
        Check("facts", ClosedBook(), {}, declared=Declared(measure="accuracy", value=2))


def test_a_plan_file_says_it_beside_the_check(tmp_path):
    (tmp_path / "outputs.csv").write_text("prompt,output\na,b\n")
    plan = read_plan(PLAN, base=tmp_path)
    wanted = {"measure": "accuracy", "value": 0.9, "source": "instructions for use, 4.2"}
    assert freeze(plan, {"main": Half.fingerprint})["checks"][0]["declared"] == wanted
    bare = read_plan(PLAN.replace("    declared", "    # declared"), base=tmp_path)
    assert "declared" not in freeze(bare, {"main": Half.fingerprint})["checks"][0]


# ---- clause and policy ----------------------------------------------------------------------------------------------

ACT = load_framework("eu-ai-act")
BINDS = {
    one.id: Answered(
        ("none",) if ACT.when.get(one.id) == ["none"] else tuple(choice.id for choice in one.choices), "Kim",
        date(2027, 1, 1), None,
    ) for one in ACT.questions
}  # fmt: skip
CLAUSE = "art-15-3"


def clause(one, **more):
    facts = Facts(findings=(one,), day=date(2027, 12, 3), answers={"eu-ai-act": BINDS}, **more)
    return cover(facts, ACT).clause(CLAUSE)


def test_the_clause_follows_what_is_measured_of_what_is_declared():
    held, limited = told(GOOD, 0.8), told(GOOD, 0.8, limit=Limit(measure="accuracy", at_least=0.5), verdict="passed")
    assert clause(held).status == clause(told(GOOD, 0.5)).status == "supported"
    assert clause(limited.model_copy(update={"declared": None})).status == "inconclusive"  # a limit declares nothing
    against = clause(told(GOOD, 0.99))
    assert (against.status, against.against) == ("contradicted", ("facts",))
    assert str(against.reason) == "what is measured contradicts what is declared: facts"
    assert clause(told(replace(GOOD, guarantee="approximate"), 0.8)).status == "inconclusive"
    few = right(2, 2)
    assert clause(told(few, 0.15)).status == "inconclusive"  # no rate could have contradicted it
    assert clause(held, again=frozenset({"facts"})).status == "inconclusive"


def test_what_only_the_plan_says_raises_no_status():
    other = told(GOOD, 0.8).model_copy(update={"probe": "bias.stereotype_pairs", "clauses": [f"eu-ai-act:{CLAUSE}"]})
    assert clause(other).status == "inconclusive"
    wrong = other.model_copy(update={"declared": Declared(measure="accuracy", value=0.99)})
    assert clause(wrong).status == "contradicted"


def judged(folder, findings, **keys):
    folder.mkdir()
    (folder / "policy.yaml").write_text(yaml.safe_dump({"title": "Gate", **keys}))
    audit = write_audit(folder / "audit", findings)
    return [(one.about, one.verdict, one.why) for one in
            judge_audit(audit, load_policy(folder / "policy.yaml"), on=date(2026, 12, 1)).rulings]  # fmt: skip


def test_a_policy_demands_that_declared_numbers_stand(tmp_path):
    wanted = {"required": {"declared": ["accuracy"]}, "forbid": ["contradicted"]}
    cases = {
        "held": ([told(GOOD, 0.8)], "passed", "passed"), "wrong": ([told(GOOD, 0.99)], "failed", "failed"),
        "open": ([told(replace(GOOD, low=None, high=None), 0.8)], "inconclusive", "passed"),
        "none": ([finding("facts", "measured", "A reason.", measures=[GOOD])], "failed", "passed"),
    }
    for name, (findings, required, forbidden) in cases.items():
        told_ = judged(tmp_path / name, findings, **wanted)
        assert [(about, verdict) for about, verdict, _ in told_] == [
            ("declared accuracy", required), ("contradicted", forbidden),
        ], name  # fmt: skip
    why = judged(tmp_path / "again", cases["wrong"][0], **wanted)[1][2]
    assert why == "a declared number is contradicted in facts."


# ---- words ----------------------------------------------------------------------------------------------------------


def test_a_contradiction_is_told_first_in_every_document(tmp_path):
    one = told(GOOD, 0.9).model_copy(update={"declared": Declared(measure="accuracy", value=0.9, source="leaflet <b>")})
    audit = write_audit(tmp_path / "audit", [one])
    begin = ("What is declared, accuracy 90 % (leaflet <b>), is contradicted: measured 80.0 % ([70.8 %, 87.3 %] at "
             "95 % confidence) lies wholly on the worse side.")  # fmt: skip
    view = overview(audit, words_of("en")).findings[0]
    assert view.why.startswith(begin)
    assert view.contradicted
    assert view.remarks == ()
    assert summary_sentence(audit.record, words_of("en")).startswith("1 declared number is contradicted. ")
    assert summary_line(audit.record).startswith("1 declared number is contradicted. ")
    assert begin in finding_line(one)
    assert "leaflet &lt;b&gt;" in next(iter(render_html(audit).values())).decode()
    assert "is contradicted" in next(iter(render_markdown(audit).values())).decode()
    assert "is contradicted" in next(iter(render_junit(audit).values())).decode()
    korean = next(iter(render_html(audit, ReportOptions(lang="ko")).values())).decode()
    assert "밝힌 수치와 어긋납니다: 정확도 90%, 출처: leaflet" in korean
    assert "밝힌 수치 1개와 어긋남." in korean


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_all_else_is_told_beside_the_sentence(lang):
    notation = Notation(words_of(lang))
    texts = [declared_text(told(GOOD, value), notation) for value in (0.8, 0.5)]
    texts.append(declared_text(told(replace(GOOD, low=None, high=None), 0.8), notation))
    texts.append(declared_text(told(None, 0.8), notation))
    assert len(set(texts)) == 4
    assert "67.5" in texts[0]  # a true accuracy of so much would have been told from 0.8 with a power of 80 %
    if lang == "en":
        assert texts[0].startswith("What is declared, accuracy 80 %, is not contradicted: ")
        assert "80.0 % ([70.8 %, 87.3 %] at 95 % confidence), lies wholly on the better side" in texts[1]
        assert texts[2].endswith("nobody can tell: the measure has no interval.")
        assert texts[3].endswith("nobody can tell: the check gave no such measure.")
        assert texts[0] in finding_line(told(GOOD, 0.8))


def test_the_plan_that_init_writes_for_the_clause_names_the_place_of_the_number():
    written = clause_plan(f"eu-ai-act/{CLAUSE}", None, None).text
    assert "    # declared: {measure: accuracy, value: }    # what your instructions for use say" in written
    assert "# declared" not in clause_plan("eu-ai-act/art-15-4", None, None).text


def test_the_command_lists_it_as_what_is_wrong_before_those_that_passed_alike(tmp_path, capsys):
    audits = {"false": (0.88, "passed"), "true": (0.8, "passed"), "both": (0.88, "inconclusive")}
    for name, (value, verdict) in audits.items():
        write_audit(tmp_path / name, [told(GOOD, value, verdict=verdict)], title=f"The {name}")
    assert execute(["list", "--into", str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["audits"]
    assert [(one["name"], one["contradicted"], one["unsettled"], one["worst"]) for one in rows] == [
        ("both", 1, 1, "facts"), ("false", 1, 0, "facts"), ("true", 0, 0, ""),
    ]  # fmt: skip
    assert execute(["list", "--into", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split(maxsplit=3)[3].removeprefix("model ") for line in lines] == [
        "facts, 1 contradicted", "facts: contradicted", "The true",
    ]  # fmt: skip
