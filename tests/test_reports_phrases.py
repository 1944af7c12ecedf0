"""What a reader sees is a phrase from the start: a template with values, that every language tells by its template."""

import pickle
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from korean import KO
from phrases_told import makers_in, templates_in

from audit.errors import DataError, IntegrityError, UsageError, did_you_mean, os_reason
from audit.record import load_record
from detectors.phrases import Phrase
from reports.documents.index_page import render_index
from reports.text import words_of

ROOT = Path(__file__).parents[1]
SHOWN = (
    "audit/compare", "audit/files", "audit/integrity", "audit/plan/differing.py", "audit/plan/registration.py",
    "audit/probe/ranges.py", "audit/record", "audit/review", "audit/signing", "audit/verdict/findings.py", "dashboard",
    "reports/documents", "reports/figures", "reports/text", "reports/views",
)  # fmt: skip
"""Where errors are made that a screen may show."""
TERMINAL = {"dashboard/server.py", "dashboard/commands.py"}
"""What speaks before there is a screen."""
SECTIONS = ("error", "verified")


def _sources():
    for place in SHOWN:
        found = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
        for path in found:
            if path.relative_to(ROOT).as_posix() not in TERMINAL:
                yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def _untold(sources):
    """Return the texts that no language but English can tell: without a template, or with one that has no Korean."""
    sources = dict(sources)
    makers = {name for source in sources.values() for name in makers_in(source)} | {"os_reason", "first_problem"}
    known = {template for section in SECTIONS for template in KO.catalogue[section]}
    return {
        f"{path}:{line}": template
        for path, source in sources.items()
        for line, template in templates_in(source, makers)
        if template not in known
    }


def test_whatever_a_screen_may_show_has_korean_words():
    assert _untold(_sources()) == {}


@pytest.mark.parametrize(
    "added",
    [
        'raise IntegrityError("{file}: eaten by a dog", file=path)',
        'raise UsageError("eaten" if dog else "{file}: missing", file=path)',
        'WHY = {"dog": "eaten"}\nraise UsageError("{file}: {problem}", file=path, problem=Phrase(WHY[why]))',
        'yield Statement("seal: eaten")',
        'raise IntegrityError(f"{path}: missing")',
        'raise IntegrityError(str(error))',
    ],
)
def test_a_new_message_without_korean_words_is_found(added):
    assert list(_untold([("new.py", added)])) == [f"new.py:{added.count(chr(10)) + 1}"]


def test_korean_words_are_for_what_can_be_said():
    """A template that nobody makes any more is taken out; what the operating system and pydantic say is theirs."""
    audit = [path.read_text("utf-8") for path in sorted((ROOT / "audit").rglob("*.py"))]
    said = {template for source in audit for _, template in templates_in(source)}
    said |= {template for _, source in _sources() for _, template in templates_in(source)}
    theirs = {"Field required", "Input should be an object"} | {
        text for text in KO.catalogue["error"] if text.istitle() or text[:1].isupper()
    }
    assert {text for section in SECTIONS for text in KO.catalogue[section]} - said - theirs == set()


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
