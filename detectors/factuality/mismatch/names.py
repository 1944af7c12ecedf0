"""Names in a text: runs of capitalised words, and what else the same one may be called.

    Barack Obama     Obama, B. Obama; not Michelle Obama            United Nations     UN, U.N.
    Canada           Canadian                                       the Beatles        Beatles
    Louis XIV        Louis; not Louis XVI                            World War II       Second World War

The first word of a sentence is skipped unless more capitals follow or it is spelled in capitals. Where a text has
no capitals, or nothing but, or its script has none, names cannot be told: `unmeasurable` says why, and no finding
is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from detectors.factuality.mismatch.units import CURRENCY_SIGNS
from detectors.factuality.wordlists import TITLES
from detectors.factuality.words import HANGUL, SIGNS, WORD, Reading, Token, is_content
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = ["Name", "names", "unmeasurable"]

_INNER = frozenset(["of", "de", "van", "von", "der", "den", "la", "le", "del", "da", "di", "bin", "al"])
_DAYS_TEXT = "monday tuesday wednesday thursday friday saturday sunday"
_MONTHS_TEXT = "january february march april may june july august september october november december"
_NO_NAMES = frozenset(
    [*_DAYS_TEXT.split(), *_MONTHS_TEXT.split(), "i", "q1", "q2", "q3", "q4", "ok", "yes", "no", "not"]
)
_LETTERS = re.compile(r"[^\W\d_]")
_COMPANY = frozenset({"inc", "ltd", "corp", "co", "llc", "plc", "jr", "sr"})
_SPELLINGS = {"usa": "us"}
_DEMONYM = frozenset({"", "n", "an", "ian", "ean", "ese", "ish", "i", "ic", "a", "y", "e", "s"})
_NUMERAL = re.compile(r"(?:ii|iii|iv|vi|vii|viii|ix|x[iv]{0,4})\Z")
"""The number of a king, pope or war, as a word; not I and V, which are initials too."""
_LONGEST = 8
_READ = 4_000
_SHOUTS, _HEADLINE = 0.7, 0.95


@immutable(slots=True)
class Name:
    """A name in a text."""

    words: tuple[str, ...]
    """In small letters, without titles."""
    start: int
    end: int
    first: int
    last: int
    """Tokens, both included."""
    written: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the beginnings of its words and its initials, by which names that it may be are found."""
        joined = "".join(self.words)
        keys = [word[:4] for word in self.words if word not in _INNER]
        return tuple(dict.fromkeys([*keys, _initials(self.words) or joined]))

    def allows(self, other: Name) -> bool:
        """Tell whether this is a way to call what is called `other`."""
        one, two = _unnumbered(self.words), _unnumbered(other.words)
        if len(one) < len(self.words) and len(two) < len(other.words) and self.words[-1] != other.words[-1]:
            return False
        if len(one) == 1 and len(two) == 1:
            return _kin(one[0], two[0])
        if _initials(one) == "".join(two) or _initials(two) == "".join(one):
            return True
        if len(one) == 1:
            return any(_kin(one[0], word) for word in two)
        if len(two) == 1:
            return _kin(one[-1], two[0])
        return _kin(one[-1], two[-1]) and (_fits(one, two) or _fits(two, one))


def _unnumbered(words: tuple[str, ...]) -> tuple[str, ...]:
    return words[:-1] if len(words) > 1 and _NUMERAL.match(words[-1]) else words


def _kin(one: str, two: str) -> bool:
    """Tell whether two words are one, or a land and its people."""
    if one == two:
        return True
    same = 0
    while same < min(len(one), len(two)) and one[same] == two[same]:
        same += 1
    return same >= 4 and one[same:] in _DEMONYM and two[same:] in _DEMONYM


def _initials(words: tuple[str, ...]) -> str:
    return "".join(word[0] for word in words if word not in _INNER) if len(words) > 1 else ""


def _fits(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Tell whether every word of one is in the other, or is its initial."""
    return all(any(_kin(a, b) or (len(a) == 1 and b.startswith(a)) for b in two) for a in one)


def names(reading: Reading, beginnings: Iterable[int] = (0,), *, loose: bool = False) -> list[Name]:
    """Return the names of a text in their order; `beginnings` are the characters at which its sentences begin.

    loose: a first word counts too, as for what a text may be referring to.
    """
    tokens, found, i = reading.tokens, [], 0
    starts = frozenset(beginnings)
    while i < len(tokens):
        last = _run(reading, tokens, i)
        begins = not loose and _begins(tokens, i, starts)
        made = None if last is None else _name(reading, tokens, i, last, begins=begins)
        if made is not None:
            found.append(made)
        i = i + 1 if last is None else last + 1
    return found


def _begins(tokens: tuple[Token, ...], i: int, starts: frozenset[int]) -> bool:
    """Tell whether a token is the first word of a sentence, or of what is said behind a colon or in quotes."""
    before = tokens[i - 1].text if i else ""
    return tokens[i].start in starts or i == 0 or before in ':"\u201c\u2018(.?!*#\u2022'


def _capital(reading: Reading, token: Token) -> bool:
    return token.kind == WORD and reading.plain[token.start].isupper()


def _run(reading: Reading, tokens: tuple[Token, ...], i: int) -> int | None:
    """Return the last token of the run of capitalised words that begins at a token."""
    if not _capital(reading, tokens[i]):
        return None
    last = i
    for k in range(i + 1, min(len(tokens), i + 2 * _LONGEST)):
        near = tokens[k].start - tokens[k - 1].end <= 1
        if not near:
            break
        if _capital(reading, tokens[k]) and tokens[k].text not in _NO_NAMES:
            last = k
        elif not (tokens[k].text in _INNER or (tokens[k].text in ".-&'" and _joins(tokens, k))):
            break
    return last


def _joins(tokens: tuple[Token, ...], k: int) -> bool:
    """Tell whether a mark stands inside a name: J. Smith, Jean-Luc, AT&T."""
    if tokens[k].text == ".":
        before = tokens[k - 1].text
        return (len(before) == 1 or before in TITLES) and tokens[k].start == tokens[k - 1].end
    return tokens[k].start == tokens[k - 1].end


def _name(reading: Reading, tokens: tuple[Token, ...], first: int, last: int, *, begins: bool) -> Name | None:
    """Return the name of a run; None where it is none."""
    while first <= last and _empty(tokens[first], reading.plain[tokens[first].start : tokens[first].end]):
        first, begins = first + 1, False
    after = tokens[last + 1] if last + 1 < len(tokens) else None
    if after is not None and after.text in CURRENCY_SIGNS and after.start == tokens[last].end:
        last -= 1  # US$, a currency
    words = _words(tokens[first : last + 1])
    alone = len(words) == 1
    if not words or (alone and (words[0] in _NO_NAMES or (len(words[0]) < 2))):
        return None
    start, end = tokens[first].start, tokens[last].end
    written = reading.plain[start:end]
    if begins and alone and not (written.isupper() and len(words[0]) >= 2):
        return None
    return Name(words, start, end, first, last, written)


def _empty(token: Token, written: str) -> bool:
    if token.kind == WORD and len(token.text) > 1 and written.isupper():
        return False
    return token.kind != WORD or token.text in TITLES or token.text in _NO_NAMES or not is_content(token.text)


def _words(tokens: tuple[Token, ...]) -> tuple[str, ...]:
    """Return the words of a run, letters with full stops as one: U.S. = US."""
    words: list[str] = []
    dotted = False
    for token in tokens:
        if token.kind != WORD:
            continue
        text = token.text.replace("\u2019", "'").removesuffix("'s").replace("'", "")
        if len(text) == 1 and dotted and words:
            words[-1] += text
        elif text and text not in TITLES and text not in _COMPANY:
            words.append(text)
            dotted = len(text) == 1
        dotted = dotted and len(text) == 1
    return tuple(_SPELLINGS.get(word, word) for word in words[:_LONGEST])


def unmeasurable(reading: Reading) -> Cause | None:
    """Return why no name can be told in a text; None where names can, or there is no letter."""
    head = reading.tokens[:_READ]
    other = sum(len(one.text) for one in head if one.kind in (HANGUL, SIGNS))
    letters = "".join(_LETTERS.findall("".join(reading.plain[one.start : one.end] for one in head if one.kind == WORD)))
    upper, lower = sum(map(str.isupper, letters)), sum(map(str.islower, letters))
    if other > len(letters) or (letters and upper + lower < len(letters) / 2):
        return Cause("names not measurable: its script has no capital letters")
    if letters and not upper:
        return Cause("names not measurable: it is written in small letters")
    if len(letters) >= 12 and upper > _SHOUTS * (upper + lower):
        return Cause("names not measurable: it is written in capitals")
    words = [one for one in head if one.kind == WORD and is_content(one.text)]
    capital = sum(_capital(reading, one) for one in words)
    if len(words) >= 6 and capital > _HEADLINE * len(words):
        return Cause("names not measurable: nearly every word has a capital")
    return None
