"""An answer as claims: sentences, and the parts of a sentence that can be true or false on their own.

    "Curie, who was born in Warsaw, won two prizes. She died in 1934; her notes are kept in Paris."
        Curie won two prizes.          She -> Curie died in 1934
        Curie was born in Warsaw       her -> Curie's notes are kept in Paris.

A sentence is split at a semicolon, before ", which|who ...," and around ", a physicist,", and before "and|but" with
a predicate of its own; in Korean behind a predicate that ends in 고, 며 or 지만. A part without a subject gets that
of its sentence; a pronoun at the beginning of a part gets the subject that went before, or a name of the question.
Rules without a parser: they miss splits, and a claim that is too long is judged whole. `text` is what is shown and
compared, `start` and `end` are characters of the answer. Reading is linear in the length of the answer; a sentence
longer than `LONGEST` is cut at a blank.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from detectors.factuality.pronouns import Antecedent, resolved
from detectors.factuality.wordlists import ABBREVIATIONS, FINITE, STARTERS, TITLES
from detectors.factuality.words import HANGUL, MARK, WORD, Token, read
from detectors.immutable import immutable

__all__ = ["LONGEST", "Claim", "Span", "claims_of", "sentences"]

LONGEST = 1_000
"""Characters of a sentence; a longer one is cut, so that no text without full stops costs more than one with them."""

_END = re.compile("[.!?\u2026\u3002]|\n")
_CLOSERS = frozenset("\"'\u201d\u2019\u00bb)]\u300d\u300f.!?\u2026\u3002")
_CITATIONS = re.compile(r"(?:\[\d{1,3}(?:[,;-] ?\d{1,3}){0,8}\]){1,8}")
_QUOTES = frozenset('"\u201d\u2019')
_BULLET = re.compile(r"[\s]{0,40}(?:[-*\u2022\u00b7#>]{1,6}\s{1,8}|\d{1,3}[.)]\s{1,8})?")
_RELATIVE = frozenset({"which", "who", "where"})
_JOINS = frozenset({"and", "but"})
_PRESENT = frozenset(
    {"is", "are", "has", "have", "does", "do", "can", "will", "may", "says", "lives", "works", "plays"}
)
_SUBJECTS = frozenset({"he", "she", "it", "they", "we", "i", "this", "these", "those"})
_KOREAN_JOIN = (
    "었고", "았고", "였고", "했고", "됐고", "이고", "으며", "이며", "하며", "되며",
    "었지만", "았지만", "했지만", "였지만", "지만",
)  # fmt: skip
_SUBJECT_WORDS = 8
_GAP = 1


@immutable(slots=True)
class Span:
    """Characters [start, end) of a text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the characters of the span."""
        return text[self.start : self.end]


@immutable(slots=True)
class Claim:
    """A statement of an answer."""

    text: str
    """As it stands alone: subject and pronouns filled in."""
    start: int
    end: int
    """Characters of the answer."""
    sentence: int
    """Which sentence of the answer it is from."""
    left_out: tuple[tuple[int, int], ...] = ()
    """Parts of [start, end) that are claims of their own."""


def sentences(text: str) -> list[Span]:
    """Return the sentences of a text, without blanks, bullets and numbering around them; empty ones are left out."""
    found, start = [], 0
    for match in _END.finditer(text):
        at = match.start()
        if at < start:
            continue
        if (end := _ends(text, at, start)) is not None:
            found.append((start, end))
            start = end
    return [span for one in [*found, (start, len(text))] for span in _cut(text, *one)]


def _ends(text: str, at: int, start: int) -> int | None:
    """Return where the sentence ends whose mark stands at a place; None where it ends none."""
    if text[at] == "\n":
        return at + 1
    end = at + 1
    while end < len(text) and text[end] in _CLOSERS:
        end += 1
    if (mark := _CITATIONS.match(text, end)) is not None:
        end = mark.end()
    if text[at] == "\u3002" or end == len(text):
        return end
    if not text[end].isspace():
        return None
    if text[end - 1] in _QUOTES and text[end + 1 : end + 2].islower():
        return None  # "Stop!" he said.
    return None if text[at] == "." and end == at + 1 and _abbreviates(text, at, start) else end


def _abbreviates(text: str, at: int, start: int) -> bool:
    """Tell whether a full stop belongs to the word before it: "Dr.", "J. Smith", "U.S. army", "1." before a blank."""
    before = text[max(start, at - 12) : at].split()
    word = before[-1].lower().lstrip("(\"'") if before else ""
    if word in TITLES:
        return True
    following = text[at + 1 : at + 24].split()
    starts = bool(following) and following[0].strip("\"'").lower() in STARTERS and following[0][:1].isupper()
    if word.isdecimal():
        return not text[start:at].strip().removesuffix(word).strip()
    if word in ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word.isascii()) or "." in word:
        return not starts
    return False


def _cut(text: str, start: int, end: int) -> list[Span]:
    """Return a sentence without what stands around it, in pieces of at most `LONGEST` characters."""
    bullet = _BULLET.match(text, start, end)
    start = bullet.end() if bullet else start
    pieces = []
    while end - start > LONGEST:
        blank = text.rfind(" ", start + LONGEST // 2, start + LONGEST)
        middle = blank if blank > 0 else start + LONGEST
        pieces.append((start, middle))
        start = middle
    return [span for piece in [*pieces, (start, end)] if (span := _stripped(text, *piece)) is not None]


def _stripped(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end -= len(piece) - len(piece.rstrip())
    return Span(start, end) if any(char.isalnum() for char in text[start:end]) else None


def claims_of(answer: str, question: str = "") -> list[Claim]:
    """Return the claims of an answer in their order; `question` lends a name to pronouns that have none before them."""
    found: list[Claim] = []
    antecedent = Antecedent.of_question(question)
    for index, span in enumerate(sentences(answer)):
        for part in _parts(answer, span):
            text = resolved(part.text, antecedent)
            found.append(Claim(text, part.start, part.end, index, part.left_out))
        antecedent = antecedent.after(span.of(answer))
    return found


@immutable(slots=True)
class _Part:
    text: str
    start: int
    end: int
    left_out: tuple[tuple[int, int], ...] = ()


def _parts(answer: str, span: Span) -> list[_Part]:
    """Return the parts of a sentence: its coordinate clauses, then the relative clause that stands inside them."""
    sentence = span.of(answer)
    tokens = read(sentence).tokens
    aside = _relative(tokens) or _apposition(sentence, tokens)
    main = tokens if aside is None else tokens[: aside.first] + tokens[aside.end :]
    if not (cuts := _cuts(main)) and aside is None:
        return [_Part(sentence, span.start, span.end)]
    parts: list[_Part] = []
    subject = ""
    for first, last in pairwise([0, *cuts, len(main)]):
        if not (piece := _trimmed(main[first:last], final=last == len(main))):
            continue
        lacks = bool(parts) and _lacks_subject(piece)
        parts.append(_part(sentence, span.start, piece, subject if lacks else ""))
        subject = subject if lacks else _subject(sentence, piece) or subject
    if aside is not None:
        about = _phrase_before(sentence, tokens[: aside.first])
        piece = tokens[aside.first + 1 + (aside.skipped if about else 0) : aside.end]
        subject = f"{about} {aside.verb}".strip() if about else ""
        parts.append(_part(sentence, span.start, _trimmed(piece, final=False), subject))
    return parts


class _Aside(NamedTuple):
    """Tokens [first, end) that say something of the phrase before them; `first` is a comma."""

    first: int
    end: int
    skipped: int
    """Tokens behind the comma that the subject takes the place of: which, who."""
    verb: str
    """Put behind the subject."""


def _part(sentence: str, offset: int, piece: tuple[Token, ...], subject: str) -> _Part:
    """Return the claim of some tokens, with `subject` put before them; tokens between its ends may be left out."""
    gaps = [(one.end, two.start) for one, two in pairwise(piece) if two.start - one.end > _GAP]
    gaps = [(one, two) for one, two in gaps if not sentence[one:two].isspace()]
    starts, ends = [piece[0].start, *(two for _, two in gaps)], [*(one for one, _ in gaps), piece[-1].end]
    text = " ".join(sentence[one:two] for one, two in zip(starts, ends, strict=True))
    left_out = tuple((offset + one, offset + two) for one, two in gaps)
    return _Part(f"{subject} {text}".strip(), offset + piece[0].start, offset + piece[-1].end, left_out)


def _relative(tokens: tuple[Token, ...]) -> _Aside | None:
    """Return ", which is ...," from its comma to behind the one that ends it, or to the last mark."""
    for i, token in enumerate(tokens[1:-2], 1):
        if token.text == "," and tokens[i + 1].text in _RELATIVE and _finite(tokens[i + 2]):
            end = next((k + 1 for k in range(i + 3, len(tokens)) if tokens[k].text == ","), len(tokens))
            end -= end == len(tokens) and tokens[-1].kind == MARK
            return _Aside(i, end, 1, "")
    return None


def _apposition(sentence: str, tokens: tuple[Token, ...]) -> _Aside | None:
    """Return ", a physicist," behind the name that a sentence begins with and before its predicate."""
    comma = next((i for i, token in enumerate(tokens[:_SUBJECT_WORDS]) if token.text == ","), 0)
    named = bool(comma) and all(one.kind == WORD and sentence[one.start].isupper() for one in tokens[:comma])
    if not named or comma + 3 >= len(tokens) or tokens[comma + 1].text not in ("a", "an", "the"):
        return None
    end = next((k for k in range(comma + 2, min(len(tokens), comma + 12)) if tokens[k].text == ","), 0)
    if not end or end + 1 >= len(tokens) or not _finite(tokens[end + 1]) or _has_verb(tokens[comma + 1 : end]):
        return None
    return _Aside(comma, end + 1, 0, "is" if tokens[end + 1].text in _PRESENT else "was")


def _phrase_before(sentence: str, tokens: tuple[Token, ...]) -> str:
    """Return the name, or the noun with its article, that ends here; "" where it is not plain what that is."""
    first = len(tokens)
    while first > 0 and tokens[first - 1].kind == WORD and sentence[tokens[first - 1].start].isupper():
        first -= 1
    if first == len(tokens):
        behind = [i for i in range(max(0, len(tokens) - 5), len(tokens)) if tokens[i].text in ("the", "a", "an")]
        first = behind[-1] if behind else len(tokens)
    return sentence[tokens[first].start : tokens[-1].end] if first < len(tokens) else ""


def _trimmed(piece: tuple[Token, ...], *, final: bool) -> tuple[Token, ...]:
    """Return tokens without joining words before them and, unless they end the sentence, commas behind."""
    while piece and ((piece[0].kind == MARK and piece[0].text in ",;") or piece[0].text in _JOINS):
        piece = piece[1:]
    while piece and not final and piece[-1].text in (",", ";"):
        piece = piece[:-1]
    return piece if any(one.kind != MARK for one in piece) else ()


def _cuts(tokens: tuple[Token, ...]) -> list[int]:
    """Return the tokens with which a new claim begins."""
    cuts: list[int] = []
    begun = depth = 0
    for i, token in enumerate(tokens):
        depth += (token.text in "([\u201c") - (token.text in ")]\u201d") if token.kind == MARK else 0
        if depth > 0 or i == begun or i + 1 >= len(tokens):
            continue
        if token.text == ";" or _joins(tokens, i, begun):
            begun = i if token.kind == WORD else i + 1
            cuts.append(begun)
    return cuts


def _joins(tokens: tuple[Token, ...], i: int, begun: int) -> bool:
    """Tell whether a claim ends before or with this token."""
    token, after = tokens[i], tokens[i + 1]
    if token.kind == HANGUL:
        return token.text.endswith(_KOREAN_JOIN) and i - begun >= 1 and len(tokens) - i > 2
    if token.text not in _JOINS or not _has_verb(tokens[begun:i]):
        return False
    if _finite(after):
        return True
    return after.text in _SUBJECTS and _has_verb(tokens[i + 2 : i + 4])


def _finite(token: Token) -> bool:
    """Tell whether a word is taken for a predicate: a known form, or one that ends in ed."""
    return token.kind == WORD and (token.text in FINITE or (len(token.text) >= 5 and token.text.endswith("ed")))


def _has_verb(tokens: tuple[Token, ...]) -> bool:
    return any(_finite(token) for token in tokens)


def _lacks_subject(piece: tuple[Token, ...]) -> bool:
    if any(one.kind == HANGUL for one in piece[:2]):
        return not any(one.kind == HANGUL and one.text.endswith(("은", "는", "이", "가")) for one in piece[:3])
    return _finite(piece[0])


def _subject(sentence: str, piece: tuple[Token, ...]) -> str:
    """Return what stands before the predicate, where it is short."""
    if piece[0].kind == HANGUL or any(one.kind == HANGUL for one in piece[:4]):
        topic = next((i for i, one in enumerate(piece[:5]) if one.text.endswith(("은", "는", "이", "가"))), None)
        return "" if topic is None else sentence[piece[0].start : piece[topic].end]
    verb = next((i for i, one in enumerate(piece[: _SUBJECT_WORDS + 1]) if _finite(one)), 0)
    if not verb:
        return ""
    comma = next((i for i, one in enumerate(piece[:verb]) if one.text == ","), verb)
    return sentence[piece[0].start : piece[comma - 1].end] if comma else ""
