"""A text as words with places, in one pass: what claims, mismatch checks and overlap read.

    "Revenues rose 12.5%"  ->  Revenues (word, stem revenu), rose (word), 12.5 (number), % (mark)
    "매출은 3만원이다"       ->  매출은 (hangul, stem 매출), 3 (number), 만원이다 (hangul)
    "首都是北京"            ->  首都 都是 是北 北京 (signs: overlapping pairs, as no blank ends words)

A stem is a word without the endings of English (s, ed, ing, ly) or what Korean attaches (은, 는, 에서, 입니다,
했다): a rough key under which forms of one word meet, no dictionary form. `content` words carry meaning: no
articles, auxiliaries or pronouns. Places are characters of the text as it was given; reading is linear in its
length.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from itertools import pairwise

from detectors.immutable import immutable

__all__ = ["HANGUL", "MARK", "NUMBER", "SIGNS", "WORD", "Reading", "Token", "is_content", "read", "stem_of"]

NUMBER, WORD, HANGUL, SIGNS, MARK = "number", "word", "hangul", "signs", "mark"
_KINDS = (NUMBER, HANGUL, SIGNS, WORD, MARK)
_HANGUL = "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"
_SIGNS = "\u0e01-\u0e3a\u0e40-\u0e4e\u3005\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile(
    rf"(\d(?:\d|[.,'\u2019\u00a0\u202f](?=\d))*)"
    rf"|([{_HANGUL}]+)"
    rf"|([{_SIGNS}](?:(?=[{_SIGNS}]).)?)"
    rf"|([^\W\d_{_HANGUL}{_SIGNS}](?:[^\W_{_HANGUL}{_SIGNS}]|['\u2019](?=[^\W\d_]))*)"
    r"|([^\w\s]|_)"
)
_WIDE = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x2019: 0x27, 0x2212: 0x2D, 0: 0x20}
"""Full-width forms and the like by the plain character: one for one, so that places stay."""

_STOP_TEXT = """
a an the of to in on at by for from with as is are was were be been being am do does did has have had having it its
he she they them his her their him i you we us our your my me this that these those there here and or but if then
than so such which who whom whose what when where how why will would can could may might shall should must also into
onto over about s t re ve ll d m ya yes oh well answer just very really too s' 's
"""
_STOP = frozenset(_STOP_TEXT.split())
_STOP_KO_TEXT = """
그 이 저 것 수 등 답 답은 정답 정답은 및 또는 그리고 그러나 하지만 또한 그는 그녀 그녀는 있 하 되 때 더
"""
_STOP_KO = frozenset(_STOP_KO_TEXT.split())
_JOSA = """
으로부터 이라고는 에서부터 으로써 으로서 이라는 이라고 에게서 에서는 에서도 으로는 으로도 이라도 부터는 까지는
까지도 로부터 에게는 에게도 이었다 이었고 이었던 입니다 이라며 라는 라고 로써 로서 에서 에게 한테 께서 부터 까지
처럼 보다 마다 조차 마저 밖에 으로 이나 이며 이고 이다 이란 에는 에도 와는 과는 와의 과의 로는 로도 였다 였고 였던
은 는 이 가 을 를 의 에 도 만 와 과 로 나 랑 란
"""
_VERBAL = """
하였습니다 되었습니다 했습니다 됐습니다 하겠습니다 있습니다 없습니다 합니다 됩니다 하였다 되었다 하였고 되었고
했으며 됐으며 하였으며 되었으며 했지만 했는데 했다고 한다고 된다고 했었다 했던 됐던 하기로 하도록 하면서 되면서
하는데 하지만 하려고 해야 했다 됐다 했고 됐고 한다 된다 하다 되다 하고 되고 하며 되며 하여 되어 하는 되는 해서 돼서
했음 됐음 하기 되기 하게 되게 하지 되지 한 된 할 될 함 됨 해 돼
"""
_KOREAN_END = tuple(sorted({*_JOSA.split(), *_VERBAL.split()}, key=lambda one: (-len(one), one)))
_KOREAN_ENDINGS = {size: frozenset(one for one in _KOREAN_END if len(one) == size) for size in range(1, 6)}


@immutable(slots=True)
class Token:
    """A word, number or mark: `text` in small letters, its place, and `stem`, "" for marks and empty words."""

    kind: str
    text: str
    start: int
    end: int
    stem: str


@immutable
class Reading:
    """A text and its tokens in order."""

    text: str
    plain: str
    """The text with full-width characters as plain ones, of equal length."""
    tokens: tuple[Token, ...]

    @cached_property
    def stems(self) -> frozenset[str]:
        """Return the stems of content words and the numbers as they are written."""
        return frozenset(token.stem for token in self.tokens if token.stem)

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Return the pairs of stems that follow each other, empty words and numbers between them left out."""
        return frozenset(pairwise([one.stem for one in self.tokens if one.stem and one.kind != NUMBER]))


@lru_cache(maxsize=4096)
def _read_short(text: str) -> Reading:
    return _read(text)


def read(text: str) -> Reading:
    """Return the reading of a text; short texts are read once."""
    return _read_short(text) if len(text) <= 4000 else _read(text)


def _read(text: str) -> Reading:
    plain = text.translate(_WIDE) if not text.isascii() or "\0" in text else text
    return Reading(text, plain, tuple(_tokens(plain)))


def _tokens(plain: str) -> list[Token]:
    found: list[Token] = []
    lower = plain.lower()
    if len(lower) != len(plain):  # a letter whose small form is two, as İ
        lower = "".join(char if len(char.lower()) != 1 else char.lower() for char in plain)
    position, size = 0, len(plain)
    while position < size:
        match = _TOKEN.search(plain, position)
        if match is None:
            break
        kind, (start, end) = _KINDS[(match.lastindex or 1) - 1], match.span()
        text = lower[start:end]
        stem = stem_of(kind, text)
        counts = kind == HANGUL and found and found[-1].kind == NUMBER and found[-1].end == start
        if counts and len(stem) == 2 and stem[1] in _KOREAN_ENDINGS[1]:  # what counts has one syllable: 1969년에
            stem = stem[0]
        found.append(Token(kind, text, start, end, stem))
        position = end - 1 if kind == SIGNS and end - start == 2 and _continues(plain, end) else end
    return found


def _continues(plain: str, end: int) -> bool:
    """Tell whether a sign stands there, so that it pairs with the one before it."""
    match = _TOKEN.match(plain, end)
    return match is not None and match.lastindex == 1 + _KINDS.index(SIGNS)


def stem_of(kind: str, text: str) -> str:
    """Return the stem of a token in small letters; "" where it carries no content."""
    if kind in (NUMBER, SIGNS):
        return text
    if kind == MARK:
        return ""
    return _english(text) if kind == WORD else _korean(text)


def is_content(text: str) -> bool:
    """Tell whether an English word in small letters carries content."""
    return text not in _STOP


@lru_cache(maxsize=65536)
def _english(word: str) -> str:
    word = word.replace("\u2019", "'").removesuffix("'s").replace("'", "")[:40]
    if word in _STOP or (len(word) == 1 and word.isascii()):
        return ""
    for ending, least in (("ies", 5), ("ing", 6), ("edly", 7), ("ed", 5), ("ly", 5), ("es", 5), ("s", 4)):
        if word.endswith(ending) and len(word) >= least and not word.endswith(("ss", "us", "is")):
            word = word[: -len(ending)] + ("y" if ending == "ies" else "")
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


@lru_cache(maxsize=65536)
def _korean(word: str) -> str:
    word = word[:40]
    for _ in range(2):
        for size in range(min(5, len(word) - 1), 0, -1):
            if len(word) - size >= (2 if size == 1 else 1) and word[-size:] in _KOREAN_ENDINGS[size]:
                word = word[:-size]
                break
        else:
            break
    return "" if word in _STOP_KO else word
