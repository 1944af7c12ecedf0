"""What a reader sees is a phrase from the start: a template with values, that every language tells by its template."""

import pickle
import re
from html import unescape
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from korean import KO
from phrases_told import ERROR, PHRASES, makers_in, phrases_in
from pydantic import TypeAdapter, ValidationError

from audit.errors import DataError, IntegrityError, UsageError, did_you_mean, first_problem, os_reason
from audit.record import load_record
from dashboard.address import Address, read
from detectors.differences import Difference
from detectors.phrases import Cause, ComparisonTest, Method, Phrase
from detectors.result import Measure, undefined
from reports.documents.index_page import render_index
from reports.text import words_of

ROOT = Path(__file__).parents[1]
SHOWN = (
    "audit/ask/spending.py", "audit/compare", "audit/database", "audit/files", "audit/integrity",
    "audit/plan/differing.py", "audit/plan/registration.py", "audit/policy/coverage", "audit/probe/ranges.py",
    "audit/record", "audit/review", "audit/signing", "audit/storage", "audit/verdict/findings.py",
    "dashboard", "reports/documents", "reports/exchange", "reports/figures",
    "reports/text", "reports/views",
)  # fmt: skip
"""Where errors are made that a screen may show."""
TERMINAL = {f"dashboard/{name}.py" for name in ("commands", "login", "people", "server")}
"""What speaks before there is a screen."""
TEXT = ("error", "verified")
SECTIONS = {"Method": ("method",), "Cause": ("cause",), "ComparisonTest": ("compare_test",)}
"""Where a language has the words for a kind of phrase; for any other kind in one of `TEXT`."""
OF_OLD_RECORDS = {
    "method": {"AUROC (studentised bootstrap, logit scale)"},
    "cause": {"not in the table", "no items of this group", "the plan has no model and"},
    "compare_test": {"none"},
}  # fmt: skip
"""Words that nobody makes a phrase of any more, for records that hold them; `none` is a test in every language."""


def _source(path):
    return path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def _of_screens():
    for place in SHOWN:
        found = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
        yield from (_source(path) for path in found if path.relative_to(ROOT).as_posix() not in TERMINAL)


def _of_measures():
    return [_source(path) for room in ("detectors", "audit") for path in sorted((ROOT / room).rglob("*.py"))]


def _untold(sources, kinds):
    """Return the phrases that only English can tell: without a template, or with one that has no Korean words."""
    sources = dict(sources)
    makers = {name for source in sources.values() for name in makers_in(source)} | {"os_reason", "first_problem"}
    return {
        f"{path}:{made.line}": made.template
        for path, source in sources.items()
        for made in phrases_in(source, makers)
        if made.kind in kinds
        and all(made.template not in KO.catalogue[section] for section in SECTIONS.get(made.kind, TEXT))
    }


ANY_TEXT = (ERROR, *(kind for kind in PHRASES if kind not in SECTIONS))


def test_whatever_a_screen_may_show_has_korean_words():
    assert _untold(_of_screens(), ANY_TEXT) == {}


def test_every_method_cause_and_test_has_korean_words():
    """The type checker sees that a measure takes no other text: `Measure.method: Method`, `undefined: Cause`."""
    assert _untold(_of_measures(), SECTIONS) == {}


@pytest.mark.parametrize(
    "added",
    [
        'raise IntegrityError("{file}: eaten by a dog", file=path)',
        'raise UsageError("eaten" if dog else "{file}: missing", file=path)',
        'WHY = {"dog": "eaten"}\nraise UsageError("{file}: {problem}", file=path, problem=Phrase(WHY[why]))',
        'yield Statement("seal: eaten")',
        'raise IntegrityError(f"{path}: missing")',
        'raise IntegrityError(str(error))',
        'METHOD = Method("chewed (Fang, 1994)")',
        'METHOD = Method(f"{method}, given the calibration items")',
        'METHOD = Method("no item has a label")',
        'undefined("share", Cause("eaten by {animal}", animal=dog), n=n)',
        'test = ComparisonTest("of the bite")',
    ],
)  # fmt: skip
def test_a_new_message_method_cause_or_line_without_korean_words_is_found(added):
    assert list(_untold([("new.py", added)], (*PHRASES, ERROR))) == [f"new.py:{added.count(chr(10)) + 1}"]


def test_a_method_that_is_no_phrase_is_refused_by_the_type_checker():
    """So the list of phrases in the source is the list of methods, causes and tests."""
    fields = {**get_type_hints(Measure), "test": get_type_hints(Difference)["test"]}
    assert (fields["method"], fields["undefined"], fields["test"]) == (Method, Cause | None, ComparisonTest)
    assert get_type_hints(undefined)["reason"] is Cause


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"item": "0"}, "item='0'(1 이상이어야 함)"),
        ({"item": "two"}, "item='two'(정수가 아님)"),
        ({"order": "best"}, "order='best'(쓸 수 있는 값: 'worst', 'newest', 'title' or 'model')"),
        ({"find": "a" * 501}, f"find='{'a' * 80}'(500자를 넘음)"),
        ({"audit": "../a"}, r"audit='../a'(형식에 맞지 않음: ^[^/\\\x00]*$)"),
    ],
)
def test_what_pydantic_finds_wrong_is_told_in_its_words_and_in_korean(asked, told):
    with pytest.raises(UsageError) as refused:
        read(asked)
    assert told in KO.term("error", refused.value.message)
    with pytest.raises(ValidationError) as found:
        TypeAdapter(Address).validate_strings(asked)
    assert first_problem(found.value) == found.value.errors()[0]["msg"]


def test_korean_words_are_for_what_can_be_said():
    """What nobody says any more is taken out, but what old records hold; OS and pydantic have words of their own."""
    said = [made for _, source in (*_of_measures(), *_of_screens()) for made in phrases_in(source)]
    for kind, (section,) in SECTIONS.items():
        made = {one.template for one in said if one.kind == kind}
        assert set(KO.catalogue[section]) - made == OF_OLD_RECORDS[section]
    theirs = {text for text in KO.catalogue["error"] if text[:1].isupper()}
    told = {text for section in TEXT for text in KO.catalogue[section]}
    assert told - {one.template for one in said} - theirs == set()


def test_english_stands_where_it_is_said():
    """But for what a report prints otherwise than the record has it."""
    assert {section: words_of("en").catalogue[section] for section in ("error", "verified", "cause")} == {
        "error": {}, "verified": {}, "cause": {}
    }
    assert {raw for raw, told in words_of("en").catalogue["method"].items() if "{method}" not in raw} == {"none"}


@given(section=st.sampled_from(["method", "cause"]), data=st.data())
def test_a_stored_phrase_is_told_as_the_phrase_that_was_stored(section, data):
    """Records hold the English text; it is read as the one template of the closed set that makes it."""
    template = data.draw(st.sampled_from(sorted(KO.catalogue[section])))
    method = st.sampled_from([one for one in sorted(KO.catalogue["method"]) if "{" not in one])
    value = {"method": method, "likelihood": st.sampled_from(["exact", "lower_bound"])}
    words = st.integers(1, 999).map(str)
    values = {name: data.draw(value.get(name, words)) for name in re.findall(r"\{(\w+)\}", template)}
    phrase = Phrase(template, **values)
    for lang in ("en", "ko"):
        assert words_of(lang).term(section, str(phrase)) == words_of(lang).term(section, phrase)


def test_an_error_is_told_by_its_template_and_what_it_holds():
    problem = os_reason(PermissionError(13, "Permission denied"))
    error = IntegrityError("{file}: cannot be read ({problem})", file=Path("a/run.json"), problem=problem)
    assert (str(error), error.message) == ("a/run.json: cannot be read (Permission denied)",) * 2
    assert KO.term("error", error.message) == "a/run.json: 읽을 수 없습니다(권한 없음)"
    assert words_of("en").term("error", error.message) == str(error)
    near = UsageError("no check {check!r} here{near}", check="c1", near=did_you_mean("c1", ["c01"]))
    assert str(near) == "no check 'c1' here (did you mean 'c01'?)"
    assert KO.term("error", near.message) == "점검을 찾을 수 없습니다: 'c1'(비슷한 이름: 'c01')"


def test_a_message_without_values_is_taken_as_it_stands():
    assert str(DataError("{x} and {")) == KO.term("error", DataError("{x} and {").message) == "{x} and {"


def test_an_error_goes_from_one_process_to_another():
    told = pickle.loads(pickle.dumps(IntegrityError("{file}: missing", file="run.json")))
    assert KO.term("error", told.message) == "run.json: 파일이 없습니다"


@given(st.text(), st.text())
def test_values_are_never_templates(name, other):
    phrase = Phrase("{file}: it does not seal {name}", file=name, name=other)
    assert phrase == f"{name}: it does not seal {other}"
    assert KO.term("error", phrase) == f"{name}: 봉인되지 않은 파일: {other}"


def test_a_folder_is_replaced_in_what_a_phrase_holds():
    inner = Phrase("{file}: missing", file=Path("/there/run.json"))
    phrase = Phrase("{problem}; {what}", problem=inner, what="missing")
    assert phrase.replaced("/there/", "") == "run.json: missing; missing"
    assert KO.term("error", phrase.replaced("/there/", "")) == "run.json: 파일이 없습니다. missing"


def test_the_index_tells_in_korean_why_a_record_cannot_be_read(tmp_path):
    (tmp_path / "record.json").write_text("[1]")
    with pytest.raises(IntegrityError) as found:
        load_record(tmp_path)
    page = render_index([], "ko", [("x", found.value.message)]).decode()
    assert "record.json: JSON 객체가 아닙니다(list)" in unescape(page)
    assert "allowed: an object" not in page
