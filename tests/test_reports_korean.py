"""Korean, whole: no English sentence is left in any document, no particle depends on the word before it."""

import ast
import json
import re
from html import unescape
from pathlib import Path

import pytest
from every_probe import built_in_probes
from hypothesis import given
from hypothesis import strategies as st
from korean import KO, english_in, names_of, text_of
from report_fixtures import finding, rate

import audit.verdict.decision
import detectors
import reports.text
from audit import plugins
from audit.record import AGAINST, WEIGHT, Limit, items_of, load_record, table_of
from audit.verdict import decide, sentence
from reports.documents.index_page import render_index
from reports.options import ReportOptions
from reports.text import Notation, Words, digits_for, gloss, words_of
from reports.text.plain_words import _found
from reports.text.words import _held
from reports.views import reason_text

EN = words_of("en")
CATALOGUES = (EN, KO)
LOCALE = Path(reports.text.__file__).parent / "locale"
SENTENCES = audit.verdict.decision._SENTENCES
WORD_LISTS = {
    "dates.py", "name_kinds.py", "number_words.py", "opposites.py", "personal_forms.py", "quantities.py",
    "refusal_phrases.py", "refusals.py", "scripts.py", "synonyms.py", "units.py", "wording.py",
    "wordlists.py", "words.py",
}
"""Files of patterns that answers are read by."""
OF_ERRORS = {
    "{} samples with {} texts and {} log-probabilities",
    "bits per {}", "only {} distinct {} among {} items",  # whole in the catalogue, in each of their forms
    "{} negatives, {} positives", "labels {}, judged {}, others {}", "{} of {} and {} of {}", "in group {}",
    "[unit, rater], finite or NaN, not negative for ratio", "{} draws in {}, confusion {} for {} classes",
    "set {}, ddof {}", "vectors of {} numbers", "rows of {} draws", "scores from {} to {}", "groups {}, reference {}",
    "groups {}, reference {}, numbers of draws {}", "{} rows, bounds {}",
    "{} groups with {} rows or more in both tables",
    "from {} to {}, not from {} to {}", "guarantee {} with measured_to {}",
    "worst_coverage {} of an interval that is valid in finite samples",
    "counts {} of {}, missing {}, for {} strata and {} groups", "counts {} of {}, missing {} for {} names of {}",
    "[stratum, group], 0 <= selected <= totals, missing >= 0",
    "score {}, decision {}", "counts {} for {} groups and {} scores",
    "counts {} for {} prompts and {} classes",
    "shares of {} that sum to 1", "{} and {}, all positive", "{} calibration points that count as {}", ", {} at most",
    "{} attributes of {} levels, tau {}", "{} groups, {} attributes",
    ", or ids of their own for rows that are equal by chance", "cells of type {}",
    "{} has the levels {} beside {}", "{} rows by {}", "a text with {}, {} or {} in it",
}  # fmt: skip
"""Texts that are no phrase of their own, or that the message of an exception is put together from."""
PARTICLES = "은는이가을를과와으로로라란"


@pytest.fixture(scope="module")
def whole(every_review):
    return load_record(every_review)


@pytest.fixture(scope="module")
def brought(whole):
    return names_of(whole)


def _document(audit, name):
    [data] = plugins.load("reports", name)(audit, ReportOptions(lang="ko")).values()
    return data.decode()


@pytest.fixture(scope="module")
def page(every_review):
    return (every_review.parent / "report.html").read_text("utf-8")


@pytest.mark.parametrize("name", ["markdown", "junit", "sarif", "summary"])
def test_no_english_is_left_in_a_document(whole, brought, name):
    assert english_in(_plain(_document(whole, name), name)) - brought == set()


def test_no_english_is_left_on_the_page(page, brought):
    assert english_in(text_of(page)) - brought == set()


def _plain(text, name):
    """What a reader sees of a document; commands and what only machines read are taken out."""
    if name == "sarif":
        return " ".join(_texts(json.loads(text)))
    if name == "junit":
        text = re.sub(r'<property [^>]*>|(?:classname|type|time|tests|failures|errors|skipped)="[^"]*"', " ", text)
        return unescape(re.sub(r"</?[a-z-]+|\b(?:name|message)=|<\?.*?\?>", " ", text))
    return re.sub(r"`[^`]*`", " ", text)


def _texts(value, key=""):
    """What a SARIF file tells people."""
    if isinstance(value, str):
        return [value] if key in ("text", "markdown") else []
    if isinstance(value, dict):
        return [text for name, one in value.items() for text in _texts(one, name)]
    return [text for one in value for text in _texts(one, key)] if isinstance(value, list) else []


def test_no_english_is_left_on_the_index(whole, brought):
    assert english_in(text_of(render_index([whole], "ko").decode())) - brought == set()


@pytest.mark.parametrize("probe", {one.name: one for one in built_in_probes()}.values(), ids=lambda one: one.name)
def test_every_word_of_a_probe_is_in_the_catalogues(whole, probe):
    """Names, units, methods and reasons of all that it measures, its columns, and the scores that its remarks name."""
    findings = [one for one in whole.record.findings if one.probe == probe.name and one.measures]
    assert findings
    measures = [one for finding in findings for one in finding.measures]
    frames = [file for one in findings for file in (items_of(whole.folder, one), table_of(whole.folder, one)) if file]
    wanted = {
        "probe": {probe.name},
        "measure": {*probe.measures, *(one.name for one in measures)},
        "unit": {one.unit for one in measures},
        "method": {one.method for one in measures},
        "cause": {one.undefined for one in measures} - {None},
        "group": {one.group for one in measures} - {None, "0", "1", "2", "a", "b", "nobody"},
        "column": {name for frame in frames for name in frame.columns} - {"id", AGAINST, WEIGHT},
        "told": {text for finding in findings for remark in finding.remarks for key, text in remark.items()
                 if key != "key" and isinstance(text, str)} - {*probe.measures, *(one.name for one in measures)},
        "role": set(probe.roles),
    }  # fmt: skip
    for words in CATALOGUES:
        for section, terms in wanted.items():
            if words.lang != "en" or section not in ("cause", "method"):  # their English is the term itself
                assert {term for term in terms if not _known(words, section, term)} == set(), (words.lang, section)
        assert {name for name in wanted["measure"] if not gloss(probe.name, name, words)} == set(), words.lang
        assert {name for name in wanted["measure"] if not _told(words, probe.name, name)} == set(), words.lang


def _told(words: Words, probe: str, name: str) -> bool:
    """Whether a value of this measure has a sentence of its own, of all the data or of groups."""
    return any(_found("meaning", probe, f"{name}{ending}", words) for ending in ("", " of a group"))


def _known(words: Words, section: str, term: str) -> bool:
    return term in words.catalogue[section] or any(_held(form, term) for form, _ in words._forms[section])


def test_families_modalities_and_abilities_of_our_models_are_in_the_catalogues():
    from audit.model import ABILITIES

    families = {name for name in plugins.names("models") if not name.startswith("outside")}
    for words in CATALOGUES:
        assert families <= set(words.catalogue["family"])
        assert set(ABILITIES) <= set(words.catalogue["ability"])


def test_every_reason_of_a_verdict_has_its_sentence():
    """And those of a number about which nothing is uncertain, which has no interval to speak of."""
    for words in CATALOGUES:
        assert set(words.catalogue["why"]) == {*SENTENCES, "passed_exact", "failed_exact"}


@given(k=st.integers(0, 200), at_most=st.floats(0.01, 0.99), group=st.sampled_from([None, "women"]))
def test_the_sentence_has_the_numbers_of_the_record_and_claims_its_verdict(k, at_most, group):
    measure = rate("odd_share", k, 200, group=group)
    limit = Limit(measure="odd_share", group=group, at_most=round(at_most, 2))
    decision = decide([measure], limit, {})
    one = finding("x", decision.verdict, sentence(decision.reason), measures=[measure], limit=limit).model_copy(
        update={"reason": decision.reason, "more_units": decision.more_units, "fresh_units": decision.fresh_units}
    )
    claims = {
        "en": {"passed": "keeps the limit", "failed": "breaks the limit", "inconclusive": "The limit is at most"},
        "ko": {"passed": "기준값을 지킵니다", "failed": "기준값을 벗어납니다", "inconclusive": "판정할 수 없습니다"},
    }
    for words in CATALOGUES:
        told, notation = reason_text(one, Notation(words)), Notation(words)
        digits = digits_for(measure, limit)
        for number in (notation.interval(measure, digits), notation.number(k / 200, "share", digits)):
            assert number.replace("\u00a0", " ") in told
        assert notation.set_number(limit.at_most, "share").replace("\u00a0", " ") in told
        assert {verdict for verdict, claim in claims[words.lang].items() if claim in told} == {decision.verdict}
        assert (words.term("group", "women") in told) == (group is not None)


def test_a_reason_of_a_later_version_is_told_in_the_records_english():
    one = finding("x", "failed", "because").model_copy(update={"reason": {"key": "of tomorrow", "x": 1}})
    assert reason_text(one, Notation(KO)) == "because"


@pytest.mark.parametrize(
    ("section", "raw", "told"),
    [
        ("method", "exact binomial (Clopper-Pearson), given the calibration items",
         "정확 이항(Clopper-Pearson), 보정 항목이 주어졌을 때"),
        ("method", "classes counted by their intervals: exact binomial (Clopper-Pearson), Bonferroni over classes",
         "구간으로 센 클래스 수: 정확 이항(Clopper-Pearson), 클래스 수로 본페로니 보정"),
        ("method", "studentised cluster bootstrap; log p is exact/lower_bound",
         "스튜던트화 군집 부트스트랩, log p: 정확한 값·하한"),
        ("group", "nll - knn5", "모델 가능도 − kNN-5 거리"),
        ("column", "log_prob_half_noise", "log p, 절반 잡음"),
        ("cause", "3 of 12 scores are not finite numbers", "점수 12개 중 3개가 유한한 수가 아님"),
        ("cause", "only 1 distinct score among 9 items", "항목 9개에서 서로 다른 점수가 1개뿐임"),
        ("cause", "nothing that the catalogue knows", "nothing that the catalogue knows"),
        ("method", "{method}, least of {count}", "{method}, {count}개 중 최솟값"),
    ],
)  # fmt: skip
def test_a_phrase_with_places_is_told_with_what_they_hold(section, raw, told):
    assert KO.term(section, raw) == told


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=3), st.sampled_from([", ", " of ", "; "])), min_size=1))
def test_what_the_places_hold_makes_the_text_again(parts):
    form = ["<", *(word for number, (_, behind) in enumerate(parts) for word in (f"p{number}", behind)), "last", ">"]
    text = "<" + "".join(held + behind for held, behind in parts) + "end>"
    held = {f"p{number}": word for number, (word, _) in enumerate(parts)} | {"last": "end"}
    assert _held(form, text) == held
    assert _held(form, text[:-1]) is None
    assert _held(form, "<>") is None


def test_no_text_makes_the_look_up_slow():
    """Looked for piece by piece, a text of this length would take hours."""
    for section in ("cause", "method"):
        for piece in (": a is, ; (", ", given the calibration items", "classes counted by their intervals: "):
            assert KO.term(section, piece * 20_000) == piece * 20_000
            KO.term(section, (piece * 600)[:600])


@given(st.text(max_size=200))
def test_a_text_of_unknown_origin_is_told_as_it_stands_or_by_a_form_that_it_fits(text):
    for section in ("cause", "method", "column", "group"):
        assert isinstance(KO.term(section, text), str)


def _sentences(catalogue):
    for section, entries in catalogue.items():
        for key, entry in entries.items():
            for text in entry.values() if isinstance(entry, dict) else [entry]:
                yield f"{section}.{key}", text


def test_no_particle_stands_behind_a_value():
    """Whether it is 은 or 는 would depend on the value's last sound; a sentence is written so that none is needed."""
    particles = "|".join((*PARTICLES, "으로", "이라", r"[은을이과]?\(\w\)\w?"))
    behind = re.compile(rf"\{{\w+[^}}]*\}}[)\]’”'\"]*(?:{particles})(?=[\s.,)]|$)")
    assert {key: text for key, text in _sentences(KO.catalogue) if behind.search(text)} == {}


def test_every_korean_sentence_is_korean():
    """A text with an English word of three letters or more has Hangul too, unless it is a name."""
    for key, text in _sentences(KO.catalogue):
        bare = re.sub(r"\{[^}]*\}", "", text)
        if re.search("[A-Za-z]{4,}", bare) and key.split(".")[0] not in ("export", "error", "variant"):
            named = key.split(".")[1] in ("run_python", "auroc", "knn5", "p_true")
            assert named or re.search("[가-힣]", bare), (key, text)


def test_no_phrase_of_a_detector_is_forgotten():
    """Every text of three words that a detector hands out is, or is part of, a method, cause or group we have."""
    sections = ("method", "cause", "group", "unit", "direction", "compare_test")
    known = [key for section in sections for key in KO.catalogue[section]]
    found = {}
    for path in sorted(Path(detectors.__file__).parent.rglob("*.py")):
        if path.name not in WORD_LISTS:
            for text in _phrases(ast.parse(path.read_text("utf-8"))):
                found.setdefault(_holes(text).strip(), path.name)
    lost = {text: name for text, name in found.items() if not any(map(_form(text).search, known))}
    assert {text: name for text, name in lost.items() if text not in OF_ERRORS} == {}


def _holes(text):
    return re.sub(r"\{[^}]*\}", "{}", text)


def _form(text):
    return re.compile(".+".join(map(re.escape, text.split("{}"))))


def _phrases(tree):
    """Texts of three words or more, but for docstrings and the messages of exceptions."""
    left_out = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.Expr):
            left_out |= {id(inner) for inner in ast.walk(node)}
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith("_TEXT"):  # a list of words
            left_out.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            left_out |= {id(inner) for inner in node.values}
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
        else:
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if len(text.split()) >= 3:
            yield text


def test_numbers_and_days_are_written_as_koreans_write_them(page):
    notation = Notation(KO)
    assert notation.number(0.61, "share") == "61.0%"
    assert notation.interval(rate("x", 61, 100)) == "[50.7%, 70.6%]"
    assert notation.day("2026-11-24") == "2026년 11월 24일"
    assert notation.moment("2026-01-02T03:04:05+00:00") == "2026년 1월 2일 03:04(UTC+00)"
    assert notation.moment("soon") == "soon"
    assert re.findall(r"\d\s+%", text_of(page)) == []


def test_the_catalogue_is_laid_out_like_the_english_one():
    home = Path(__file__).parents[1] / "reports" / "text" / "locale"
    en, ko = ({section: list(entries) for section, entries in json.loads((home / f"{lang}.json").read_text()).items()}
              for lang in ("en", "ko"))  # fmt: skip
    assert list(en) == list(ko)
    assert {section for section in en if en[section] != ko[section]} == {"cause", "error", "method", "verified"}


@pytest.mark.parametrize("path", sorted(LOCALE.rglob("*.json")), ids=lambda path: str(path.relative_to(LOCALE)))
def test_no_key_of_a_catalogue_stands_twice(path):
    """JSON takes the later one in silence."""
    def once(pairs):
        assert len(dict(pairs)) == len(pairs), [name for name, _ in pairs]
        return dict(pairs)

    assert json.loads(path.read_text("utf-8"), object_pairs_hook=once)
