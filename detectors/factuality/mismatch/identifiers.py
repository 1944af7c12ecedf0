"""Identifiers in a text: whether they can exist, and in the form in which equal ones are equal.

ISBN     ten or thirteen figures whose last is a checksum: 0-306-40615-2 = 978-0-306-40615-7
DOI      10.1000/182, in any case of letters          arXiv    2101.00001v2 = 2101.00001, months 01 to 12 only
URL      without scheme, www. and the slash at its end
"""

from __future__ import annotations

import re

from detectors.immutable import immutable

__all__ = ["Identifier", "identifiers", "isbn_holds"]

_PATTERN = re.compile(
    r"(?P<url>(?:https?://|\bwww\.)[^\s<>\"'\u201c\u201d]{1,500})"
    r"|(?<![\w./])(?P<doi>10\.\d{4,9}/[^\s<>\"'\u201c\u201d]{1,200})"
    r"|\bISBN(?:-1[03])?:?\s?(?P<isbn>[\d\-\u2010-\u2013 ]{8,20}[\dXx])"
    r"|\barXiv:?\s?(?P<arxiv>\d{4}\.\d{4,5}(?:v\d{1,3})?|[a-z\-]{2,12}(?:\.[A-Z]{2})?/\d{7})",
    re.IGNORECASE,
)
_TAIL = ".,;:!?)]}'\"\u3002"


@immutable(slots=True)
class Identifier:
    """An identifier in a text."""

    kind: str
    """url, doi, isbn or arxiv."""
    key: str
    """What equal ones share."""
    can_exist: bool
    start: int
    end: int


def identifiers(text: str) -> list[Identifier]:
    """Return the identifiers of a text in their order."""
    return [_made(match) for match in _PATTERN.finditer(text)]


def _made(match: re.Match[str]) -> Identifier:
    kind = match.lastgroup or ""
    start, end = match.span(kind)
    written = match[kind].rstrip(_TAIL)
    key, can_exist = _KEYS[kind](written)
    return Identifier(kind, key, can_exist, start, start + len(written) if kind != "isbn" else end)


def _url(written: str) -> tuple[str, bool]:
    host, slash, path = written.partition("://")[2].partition("/") if "://" in written else written.partition("/")
    host = host.casefold().removeprefix("www.")
    if host.removeprefix("dx.") == "doi.org":
        return _doi(path)
    labels = host.partition(":")[0].split(".")
    can_exist = len(labels) > 1 and all(0 < len(label) <= 63 for label in labels) and not labels[-1].isdecimal()
    return (host + slash + path).rstrip("/"), can_exist or all(label.isdecimal() for label in labels)


def _doi(written: str) -> tuple[str, bool]:
    return written.casefold(), bool(re.fullmatch(r"10\.\d{4,9}/\S{1,200}", written))


def _isbn(written: str) -> tuple[str, bool]:
    figures = re.sub(r"[^\dXx]", "", written).upper()
    return _as_13(figures) if len(figures) == 10 else figures, isbn_holds(figures)


def _as_13(figures: str) -> str:
    """Return an ISBN of ten figures as one of thirteen."""
    body = "978" + figures[:9]
    return (
        body + str(-sum(int(one) * (3 if i % 2 else 1) for i, one in enumerate(body)) % 10)
        if body.isdecimal()
        else body
    )


def isbn_holds(figures: str) -> bool:
    """Tell whether the checksum of an ISBN holds: mod 11 of ten figures, the last may be X; mod 10 of thirteen."""
    if len(figures) == 10 and figures[:9].isdecimal() and (figures[9].isdecimal() or figures[9] == "X"):
        values = [*map(int, figures[:9]), 10 if figures[9] == "X" else int(figures[9])]
        return sum(value * (10 - i) for i, value in enumerate(values)) % 11 == 0
    if len(figures) == 13 and figures.isdecimal() and figures[:3] in ("978", "979"):
        return sum(int(one) * (3 if i % 2 else 1) for i, one in enumerate(figures)) % 10 == 0
    return False


def _arxiv(written: str) -> tuple[str, bool]:
    key = re.sub(r"v\d{1,3}$", "", written.casefold())
    month = int(key[2:4]) if key[:4].isdecimal() else int(key.rpartition("/")[2][2:4])
    return key, 1 <= month <= 12


_KEYS = {"url": _url, "doi": _doi, "isbn": _isbn, "arxiv": _arxiv}
