"""Catalogues: every word that a report needs is there, no sentence hides in code, and no report promises too much."""

import ast
import json
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports
from audit.errors import UsageError
from audit.policy import STATUSES
from audit.record import DIMENSIONS, WORST_FIRST
from audit.verdict import OTHER
from detectors.result import Direction
from reports.text import Words, cell_text, languages, one_line, visible, words_of
from reports.views import WORDED
from reports.views.verdict_text import _SECTIONS

HOME = Path(reports.__file__).parent
CODE = sorted([*HOME.rglob("*.py"), *(HOME.parent / "dashboard").rglob("*.py")])
TEMPLATES = sorted([*HOME.glob("templates/*.j2"), *(HOME.parent / "dashboard").rglob("*.j2")])
CATALOGUES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(HOME.glob("text/locale/*.json"))}
BY_DATA = set(WORDED.values()) | set(_SECTIONS.values()) | {"remark", "told", "why", "likelihood"}
"""Sections that a record's own words choose from."""
PHRASES = {"cause", "error", "method", "verified"}
"""Sections whose keys are English templates, so that English itself needs no words."""
WORDS = words_of("en")


def keys(catalogue):
    return {f"{section}.{key}" for section, entries in catalogue.items() for key in entries}


def used():
    """Keys that code and templates name, and the beginnings of those that they put together."""
    text = "\n".join(path.read_text("utf-8") for path in CODE + TEMPLATES)
    found = re.findall(r"""["']([a-z_]+\.[a-z_]+)["']""", text)
    literal = {key for key in found if not key.endswith(("_", ".md", ".css", ".html"))} - {"probe.use"}  # a deviation's
    begun = set(re.findall(r"""["']([a-z_]+\.[a-z_]*)\{""", text)) | set(
        re.findall(r"""["']([a-z_]+\.[a-z_]*)["'] ~""", text)
    )
    return literal, begun


def test_every_key_that_is_used_exists():
    literal, begun = used()
    known = keys(CATALOGUES["en"])
    sections = set(CATALOGUES["en"])
    assert {key for key in literal if key.split(".")[0] in sections} <= known
    assert all(any(key.startswith(begin) for key in known) for begin in begun if begin.split(".")[0] in sections)


def test_every_key_that_exists_is_used():
    literal, begun = used()
    text = "\n".join(path.read_text("utf-8") for path in CODE + TEMPLATES)
    terms = BY_DATA | set(re.findall(r"""term\(\s*["']([a-z_]+)["']""", text))
    idle = {key for key in keys(CATALOGUES["en"]) if key.split(".")[0] not in terms}
    assert {key for key in idle - literal if not key.startswith(tuple(begun))} == set()


@pytest.mark.parametrize("section", ["verdict", "sign", "tally"])
def test_every_verdict_has_its_words(section):
    for catalogue in CATALOGUES.values():
        assert set(catalogue[section]) == set(WORST_FIRST)


def test_every_dimension_has_a_name():
    for catalogue in CATALOGUES.values():
        assert set(catalogue["dimension"]) == {*DIMENSIONS, OTHER}


def test_all_languages_have_the_same_keys_and_placeholders():
    """A phrase's key is its English; that each of them has words, tests/test_reports_phrases.py says."""

    def holes(sentence):
        texts = sentence.values() if isinstance(sentence, dict) else [sentence]
        return {hole for text in texts for hole in re.findall(r"\{(\w+)[^}]*\}", text.replace("{{", ""))}

    english = CATALOGUES["en"]
    for catalogue in CATALOGUES.values():
        whole = {section: entries for section, entries in catalogue.items() if section not in PHRASES}
        assert keys(whole) == keys({section: entries for section, entries in english.items() if section not in PHRASES})
        for section, entries in catalogue.items():
            for key, sentence in entries.items():
                shown, there = holes(sentence), holes(english[section].get(key, key))
                assert shown <= there if section in PHRASES else shown == there, f"{section}.{key}"


def test_no_prose_stands_in_the_code():
    """Three words in a row are a sentence; only the command's help and errors, as every command has, may hold one."""
    terms = {*get_args(Direction), *CATALOGUES["ko"]["unit"], *STATUSES}
    for path in CODE:
        if "command" in str(path.relative_to(HOME.parent)) or path.name in (
            "style.py", "face_file.py", "tokens.py",  # faces
        ):
            continue
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        notes = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        errors = (node for node in nodes if isinstance(node, ast.Raise))
        causes = [node for node in nodes if _calls(node, "Cause")]
        assert {node.args[0].value for node in causes} <= CATALOGUES["ko"]["cause"].keys()
        hints = (node for node in nodes if _calls(node, "read_text"))  # of an error, where there is no file
        notes |= {id(inner) for node in (*errors, *causes, *hints) for inner in ast.walk(node)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes:
                if node.value in terms or node.value.startswith("dokimasia "):
                    continue
                bare = re.sub("<[^>]*>", " ", node.value)
                assert not re.search(r"[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}", bare), (
                    f"{path.name}:{node.lineno}: {node.value}"
                )


def _calls(node, name):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def test_no_prose_stands_in_the_templates():
    for path in TEMPLATES:
        text = re.sub(
            r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<pre>.*?</pre>|<style>.*?</style>",
            "",
            path.read_text("utf-8"),
            flags=re.S,
        )
        outside = re.sub(r"<[^>]*>", "", text).replace("Dokimasia", "")
        assert not re.search(r"[A-Za-z]{2,}", outside), f"{path.name}: {outside.split()}"


OF_TLS = ("commands.py", "server.py", "login.py")
"""A server's certificate and its key are called so."""


def test_nothing_claims_more_than_evidence():
    for path in [*HOME.glob("text/locale/**/*.json"), *HOME.glob("templates/*"), *CODE]:
        text = path.read_text("utf-8").replace(".guarantee ", " ")  # a field of measures
        text = re.sub(r"tls_cert|certificate\b" if path.name in OF_TLS else "(?!)", " ", text, flags=re.I)
        assert not re.search(r"complian|certif|guarantee|준수|적합|인증", text, re.I), path.name


def test_templates_never_switch_escaping_off():
    for path in TEMPLATES:
        assert not re.search(r"\|\s*safe|autoescape|Markup", path.read_text("utf-8")), path.name


def test_lookup():
    assert WORDS("summary.passed_all", count=1, all=1) == "Passed: 1 of 1 check"
    assert WORDS("summary.passed_all", count=3, all=3) == "Passed: all 3 checks"
    assert WORDS.term("measure", "mc1") == "MC1"
    assert WORDS.term("measure", "of_somebody_else") == "of_somebody_else"
    with pytest.raises(KeyError):
        WORDS("summary.nothing")
    korean = Words("ko", {"a": {"b": {"other": "{count}개"}}})
    assert korean("a.b", count=1) == "1개"


def test_languages():
    assert languages() == sorted(CATALOGUES)
    with pytest.raises(UsageError, match=r"unknown language 'xx' \(allowed: en"):
        words_of("xx")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain 한국어 שלום", "plain 한국어 שלום"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("\x1b[31mred", "<U+001B>[31mred"),
        ("exe\u202egnp", "exe<U+202E>gnp"),
        ("\ufffe\ud800\U000e0041", "<U+FFFE><U+D800><U+E0041>"),
        ("z\u0301\u0301\u0301\u0301\u0301\u0301", "z\u0301\u0301\u0301\u0301"),
    ],
)
def test_what_hides_is_written_out(text, seen):
    assert visible(text) == seen


@given(st.text())
def test_visible_text_is_legal_everywhere(text):
    seen = visible(text)
    seen.encode()
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]", seen
    )
    assert visible(seen) == seen


@given(st.text(), st.integers(1, 30))
def test_a_line_is_one_line_and_not_longer_than_asked(text, most):
    line = one_line(text, WORDS, most)
    assert len(line.splitlines()) <= 1
    assert len(line) <= most + 40


def test_cells_of_any_kind():
    assert cell_text(None, WORDS) == cell_text(float("nan"), WORDS) == "—"
    assert cell_text({"a": [1, None]}, WORDS) == '{"a": [1, null]}'
    assert cell_text("two\nlines", WORDS) == "two\nlines"


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_no_key_stands_twice(lang):
    """Of two with one name the later would win, and nobody would see that the other is not told."""
    twice = []

    def seen(pairs):
        keys = [key for key, _ in pairs]
        twice.extend(key for key in set(keys) if keys.count(key) > 1)
        return dict(pairs)

    text = (Path(reports.__file__).parent / "text" / "locale" / f"{lang}.json").read_text("utf-8")
    json.loads(text, object_pairs_hook=seen)
    assert twice == []
