"""Catalogues by name, and the check that a writer of one runs.

    load_framework("eu-ai-act")     the installed catalogue, from the package that the entry point of this name names
    check_file("my-law.yaml")       every mistake at once, with file, line and column

An entry point of the group `dokimasia.frameworks` names a package that holds NAME.yaml, so another distribution adds
catalogues as ours are added. A file is checked by the strict reader, which knows the place of every value; an installed
one is read by the C parser, all of whose values are texts, as they are in the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import get_args, get_type_hints

import yaml
from pydantic import ValidationError

from audit import plugins
from audit.errors import PlanError, UsageError, did_you_mean
from audit.frameworks.spec import Alternative, Clause, Framework, Text, claims_in
from audit.strict_yaml import Document, KeyPath, by_line, mistakes, read_text, read_yaml

__all__ = [
    "check_file", "clause_of", "framework_names", "load_framework", "read_framework", "unknown_clause",
    "unknown_frameworks",
]

_Fast = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def framework_names() -> list[str]:
    """Return the names of all installed catalogues, without reading them."""
    return plugins.names("frameworks")


@cache
def load_framework(name: str) -> Framework:
    """Return an installed catalogue; UsageError for an unknown name, PlanError for one with mistakes."""
    package = plugins.load("frameworks", name)
    file = files(package) / f"{name}.yaml"
    if not file.is_file():
        raise UsageError(f"framework {name!r}: {package.__name__} holds no {name}.yaml")
    text = file.read_text(encoding="utf-8")
    try:
        found = Framework.model_validate(yaml.load(text, _Fast))  # noqa: S506  (every value is a text)
    except (ValidationError, yaml.YAMLError):
        found = None
    if found is None or any(found.mistakes()):
        found = read_framework(text, str(file))
    if found.id != name:
        raise UsageError(f"framework {name!r}: its file says that it is {found.id!r}")
    return found


def read_framework(text: str, name: str) -> Framework:
    """Return the catalogue that a text holds; PlanError with every mistake at once."""
    return _read(text, name)[1]


def _read(text: str, name: str) -> tuple[Document, Framework]:
    document = read_yaml(text, name)
    if not isinstance(document.data, dict):
        raise PlanError([f"{document.at(())}: a catalogue is a mapping with id, title and clauses"])
    try:
        found = Framework.model_validate(document.data)
    except ValidationError as error:
        raise PlanError(mistakes(error, document, Framework)) from None
    _raise(document, found.mistakes())
    return document, found


def _raise(document: Document, found: Iterable[tuple[KeyPath, str]]) -> None:
    if problems := [f"{document.at(place)}: {problem}" for place, problem in found]:
        raise PlanError(sorted(problems, key=by_line))


def check_file(path: Path) -> Framework:
    """Return a catalogue in a file, with nothing wrong in it; PlanError with every mistake at once.

    Beyond its form: each test is one that is installed, no text claims what no audit may claim, and the file is named
    like the framework.
    """
    document, found = _read(read_text(path, "a catalogue is a YAML file"), str(path))
    named = [] if path.stem == found.id else [(("id",), f"id is {found.id!r}, the file is {path.name}")]
    _raise(document, (*named, *_unknown_tests(found), *_claims(found)))
    return found


def clause_of(reference: str) -> tuple[Framework, Clause]:
    """Return what `framework:clause` names; UsageError says what is near."""
    name, _, clause = reference.partition(":")
    framework = load_framework(name)
    if (found := framework.clause(clause)) is None:
        near = did_you_mean(clause, (one.id for one in framework.clauses))
        raise UsageError(f"unknown clause {clause!r} of {name}{near}")
    return framework, found


def unknown_clause(reference: str) -> str | None:
    """Return why `framework:clause` names nothing of a framework that is installed; None where it may.

    A framework that is not installed is somebody's own: what they call its clauses, nobody here knows.
    """
    name, _, clause = reference.partition(":")
    if name not in framework_names():
        return None
    ids = [one.id for one in load_framework(name).clauses]
    return None if clause in ids else f"unknown clause {clause!r} of {name}{did_you_mean(clause, ids)}"


def unknown_frameworks(references: Iterable[str]) -> list[str]:
    """Return the frameworks that references to clauses name and that are not installed, so that nobody checked them."""
    return sorted({one.partition(":")[0] for one in references} - set(framework_names()))


def _unknown_tests(framework: Framework) -> Iterator[tuple[KeyPath, str]]:
    for index, clause in enumerate(framework.clauses):
        for place, test in enumerate(clause.tests):
            for one in Alternative.of(test):
                if (problem := _unknown_test(one)) is not None:
                    yield ("clauses", index, "tests", place), problem


def _unknown_test(test: Alternative) -> str | None:
    known = plugins.names("probes")
    if test.probe == "*" or (test.probe.endswith(".*") and any(test.names(one) for one in known)):
        return None
    if test.probe not in known:
        return f"unknown probe {test.probe!r}{did_you_mean(test.probe, known)}"
    probe = plugins.load("probes", test.probe)
    if test.measure is not None and test.measure not in probe.measures:
        return f"unknown measure {test.measure!r} of {test.probe}{did_you_mean(test.measure, probe.measures)}"
    topics = get_args(get_type_hints(probe).get("about")) if test.about is not None else ()
    if test.about is not None and test.about not in topics:
        return f"{test.probe} is not about {test.about!r}{did_you_mean(test.about, topics)}"
    return None


def _claims(framework: Framework) -> Iterator[tuple[KeyPath, str]]:
    """Yield the texts of ours that claim too much; `says`, `never` and the names of laws speak for others."""
    texts: list[tuple[KeyPath, Text | None]] = [(("note",), framework.note)]
    texts += [(("clauses", index, "evidence"), one.evidence) for index, one in enumerate(framework.clauses)]
    for place, text in texts:
        for word in () if text is None else claims_in(f"{text.en} {text.ko}"):
            yield place, f"{word!r}: no text of ours may claim it"
