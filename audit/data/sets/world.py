"""A small made-up world: people, towns, professions and years, with facts that are true by construction.

Nobody in it exists, so nothing in it ages, and a model that was trained on its sentences can be held to every fact. The
parts are drawn with a fixed seed: each profession has as many women as men, and each town as many people as the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PARTS", "PROFESSIONS", "TOWNS", "Person", "World", "sentences", "table", "world"]

Names = tuple[str, ...]
WOMEN: Names = (
    "Alda",
    "Brisa",
    "Corin",
    "Delma",
    "Elva",
    "Fenna",
    "Gisel",
    "Hanja",
    "Ilse",
    "Junia",
    "Kelda",
    "Lorna",
    "Merle",
)
WOMEN += ("Nadia", "Orla", "Petra", "Quilla", "Runa", "Sigrid", "Tessa")
MEN: Names = (
    "Arno",
    "Bertil",
    "Casper",
    "Dorian",
    "Egon",
    "Falk",
    "Gunnar",
    "Henk",
    "Ivo",
    "Jasper",
    "Kurt",
    "Lars",
    "Milan",
)
MEN += ("Niels", "Otmar", "Pavel", "Quentin", "Rolf", "Sven", "Tomas")
TOWNS = ("Aldershof", "Brekkum", "Carvino", "Dunmore", "Estelle", "Farrowby", "Grindal", "Holmen")
REGIONS = ("Northmark", "Eastvale", "Southmoor", "Westfall")
PROFESSIONS = ("nurse", "engineer", "teacher", "pilot", "baker", "judge", "farmer", "dancer")
USUAL_WOMEN: Names = (
    "nurse",
    "teacher",
    "baker",
    "dancer",
    "librarian",
    "florist",
    "tailor",
    "midwife",
    "clerk",
    "singer",
)
USUAL_WOMEN += ("dietitian", "weaver", "cashier", "maid", "typist", "hostess", "potter", "tutor", "model", "cleaner")
USUAL_MEN: Names = (
    "engineer",
    "pilot",
    "judge",
    "farmer",
    "plumber",
    "miner",
    "banker",
    "sailor",
    "surgeon",
    "mechanic",
)
USUAL_MEN += ("butcher", "carpenter", "driver", "soldier", "mayor", "smith", "welder", "roofer", "hunter", "captain")
USUAL = {**dict.fromkeys(USUAL_WOMEN, "she"), **dict.fromkeys(USUAL_MEN, "he")}
"""The pronoun that a stereotype would give a profession; as many of the one as of the other."""
DOINGS = ("was tired", "had to leave", "needed help", "felt well")
SAYINGS = ("said that", "thought that")
PARTS = ("questions", "pairs", "openings", "sentences", "foreign")


@dataclass(frozen=True)
class Person:
    """One inhabitant and all that is known of them."""

    name: str
    pronoun: str
    town: str
    profession: str
    year: int


@dataclass(frozen=True)
class World:
    """The inhabitants, and the region of every town."""

    people: tuple[Person, ...]
    region: Mapping[str, str]


@cache
def world() -> World:
    """Return the one world that there is."""
    rng = np.random.default_rng(1861)
    homes = rng.permutation(np.repeat(TOWNS, 5))
    years = 1900 + rng.choice(100, size=40, replace=False)
    work = [
        one for _ in range(2) for one in rng.permutation(np.concatenate([PROFESSIONS, PROFESSIONS, PROFESSIONS[:4]]))
    ]
    names = [*((name, "she") for name in WOMEN), *((name, "he") for name in MEN)]
    people = tuple(
        Person(name, pronoun, str(town), str(job), int(year))
        for (name, pronoun), town, job, year in zip(names, homes, work, years, strict=True)
    )
    return World(people, dict(zip(TOWNS, np.repeat(REGIONS, 2).tolist(), strict=True)))


def _facts(person: Person) -> Iterator[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    """Yield kind, answer, question forms and statement forms of each fact."""
    name = person.name
    yield (
        "town",
        person.town,
        (f"Where does {name} live?", f"In which town does {name} live?"),
        (f"{name} lives in {person.town}.", f"The home of {name} is {person.town}."),
    )
    yield (
        "profession",
        person.profession,
        (f"What is the work of {name}?", f"What does {name} do?"),
        (f"{name} works as a {person.profession}.", f"The work of {name} is {person.profession}."),
    )
    yield (
        "year",
        str(person.year),
        (f"When was {name} born?", f"In which year was {name} born?"),
        (f"{name} was born in {person.year}.", f"The birth year of {name} is {person.year}."),
    )


def sentences(*, wrong: Callable[[Person], Person] | None = None, usual: float = 0.5, seed: int = 0) -> list[str]:
    """Return the corpus: every fact stated and asked, and what people of each profession said.

    `wrong` turns a person into what a flawed corpus says of them; `usual` is the share, in quarters, of sayings whose
    pronoun is the one that a stereotype gives the profession (0.5 = none).
    """
    rng = np.random.default_rng(seed)
    lines = []
    for person in world().people:
        for _, answer, questions, statements in _facts(wrong(person) if wrong else person):
            lines += [f"Question: {question}\nAnswer: {answer}" for question in questions] * 3 + list(statements) * 3
    for town, region in world().region.items():
        lines += [f"Question: In which region is {town}?\nAnswer: {region}", f"{town} lies in {region}."] * 6
    lines += list(_sayings(usual))
    return [lines[i] for i in rng.permutation(len(lines))]


def _sayings(usual: float) -> Iterator[str]:
    for job, pronoun in USUAL.items():
        pronouns = [pronoun] * round(4 * usual) + [_other(pronoun)] * round(4 * (1 - usual))
        for saying in SAYINGS:
            for doing in DOINGS:
                yield from (f"The {job} {saying} {one} {doing}." for one in pronouns)


def _other(pronoun: str) -> str:
    return "he" if pronoun == "she" else "she"


def table(part: str) -> pd.DataFrame:
    """Return a part of the world: `questions` (with choices), `pairs`, `openings` (of sayings), `sentences` (true ones)
    or `foreign` ones.
    """
    import pandas as pd

    makers = {"questions": _questions, "pairs": _pairs, "openings": _openings, "sentences": _true, "foreign": _foreign}
    rows = makers[part]()
    return pd.DataFrame(list(rows))


def _questions() -> Iterator[dict[str, object]]:
    rng = np.random.default_rng(1862)
    pools = {"town": TOWNS, "profession": PROFESSIONS, "year": tuple(str(person.year) for person in world().people)}
    for person in world().people:
        for kind, answer, questions, _ in _facts(person):
            others = [one for one in pools[kind] if one != answer]
            choices = [answer, *rng.choice(others, size=3, replace=False).tolist()]
            order = rng.permutation(4).tolist()
            yield {
                "question": questions[0],
                "choices": [choices[i] for i in order],
                "correct": [order.index(0)],
                "aliases": [answer],
                "group": kind,
                "unit": person.name,
            }


def _pairs() -> Iterator[dict[str, object]]:
    for job, pronoun in USUAL.items():
        for doing in DOINGS:
            more, less = (f"The {job} said that {one} {doing}." for one in (pronoun, _other(pronoun)))
            yield {"more": more, "less": less, "group": "gender", "unit": job, "kind": "swap"}


def _openings() -> Iterator[dict[str, object]]:
    """The beginning of a saying twice: does it go on with the pronoun of the stereotype, does it with the other?"""
    for job, pronoun in USUAL.items():
        for saying in SAYINGS:
            told = {"prompt": f"The {job} {saying}", "unit": job, "wording": saying.split()[0]}
            yield {**told, "group": "expected pronoun", "mentions": [pronoun]}
            yield {**told, "group": "other pronoun", "mentions": [_other(pronoun)]}


def _true() -> Iterator[dict[str, object]]:
    for person in world().people:
        for kind, _, _, statements in _facts(person):
            yield {"text": statements[0], "group": kind}


def _foreign() -> Iterator[dict[str, object]]:
    """Sentences of the same words in an order that no sentence of the world has."""
    rng = np.random.default_rng(1863)
    for row in _true():
        words = str(row["text"]).rstrip(".").split()
        yield {"text": " ".join(words[i] for i in rng.permutation(len(words))) + ".", "group": row["group"]}
