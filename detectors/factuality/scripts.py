"""Where words begin and end in writing that does not say it by blanks.

    Latin, Greek, Cyrillic, figures    between blanks and marks
    Hangul                             a word and what is attached to it: 서울, 서울은, 서울입니다; not 서울대학교
    Han                                one run may hold many words: 首都是北京; not 北京大学, and 京都 not in 東京都
    Kana                               a run of one syllabary, and what is attached to it: さくらです
    Thai                               anywhere, as nothing tells: กรุงเทพ in เมืองหลวงคือกรุงเทพมหานคร; short words alone

A word of Han is one where it is a whole run, or stands between signs that commonly end and begin words: the lists here.
They are short of complete, so that a right answer may be missed; one that is found inside a longer word is told apart
(`inside_words`). Of other scripts that attach words to one another nothing is known here: `unjudged_script` names them.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["apart", "inside_words", "pattern_of", "script_of", "unjudged_script"]

_RANGES = {
    "hangul": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3", "han": "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "hiragana": "\u3041-\u309f", "katakana": "\u30a1-\u30fa\u30fc-\u30ff", "thai": "\u0e01-\u0e3a\u0e40-\u0e4e",
}
_UNJUDGED = {
    "Arabic": "\u0620-\u064a\u0671-\u06d3", "Hebrew": "\u05d0-\u05ea", "Lao": "\u0e81-\u0edf",
    "Tibetan": "\u0f40-\u0fbc", "Burmese": "\u1000-\u109f", "Khmer": "\u1780-\u17ff",
}
_RUN = re.compile("|".join(f"(?P<{name}>[{chars}]+)" for name, chars in _RANGES.items()))
_THAI_AFTER = "\u0e30-\u0e3a\u0e45-\u0e4e"
"""Vowels and marks that belong to the letter before them."""

_SHORTEST = 4
"""Thai words of fewer signs are found in too many others: กา (crow) in กาแฟ (coffee)."""

_JOSA = (
    "에서|에게서|에게|께서|께|에|으로|로|부터|까지|처럼|보다|만|와|과|이랑|랑|하고|뿐|마저|조차|"
    "이라고|라고|이라는|라는|이란|란"
)
_COPULA = (
    "입니다|이다|이에요|예요|에요|이예요|이었습니다|였습니다|이었어요|였어요|이었다|였다|이었고|였고|이죠|죠|이지요|지요|"
    "이네요|네요|이군요|군요|인데요|인데|이며|며|이고|고|이지만|지만|이라서|라서|이므로|일까요|이야|야|이요|요|입니다만|임"
)
_HANGUL_END = (
    f"(?:님|씨|시|특별시|광역시)?(?:{_JOSA})?(?:은|는|이|가|을|를|의|도|만)?(?:{_COPULA})?"
)
_KANA_END = (
    "(?:さん)?(?:で|に|と|から|まで|へ)?(?:は|が|を|の|も|や)?"
    "(?:です|でした|だ|だった|である|であった|でしょう|だろう)?(?:よ|ね|か)?"
)
_COPULA_ALONE = f"(?:{_COPULA}|です|でした|だ|である|ですよ)"
_HAN_BEFORE = "是为為在於于叫作做名即乃由和与與及或跟的之到从從位向往去回达達都市省会會国國家人者帝王城岛島语語文"
_HAN_AFTER = (
    "是为為在於于和与與及或跟的之到也了吗嗎呢吧啊市省县縣国國府都道州区區年月日"
    "号號位以而就这這那等曾并並共有被先女氏"
)


def script_of(char: str) -> str:
    """Return the script of a character: a name of the module's text, `other` for all that stand between blanks."""
    match = _RUN.match(char)
    return str(match.lastgroup) if match else "other"


def apart(text: str) -> str:
    """Return `text` with a blank wherever Hangul, Han, Hiragana, Katakana or Thai begins or ends."""
    return _RUN.sub(lambda match: f" {match[0]} ", text)


@lru_cache(maxsize=4096)
def pattern_of(tokens: tuple[str, ...], *, whole: bool = False) -> re.Pattern[str]:
    """Return what finds these words in a text of words with single blanks between and around them.

    whole: the text must hold nothing else but a copula, as in 서울입니다 and 東京です.
    """
    short = len("".join(tokens)) < _SHORTEST
    first, last = script_of(tokens[0][0]), script_of(tokens[-1][-1])
    before = {
        "han": rf"(?<=[\s{_HAN_BEFORE}])", "hiragana": r"(?<=[\sはがのをにとでもやへ])",
        "thai": r"(?<=\s)" if short else "",
    }
    after = {
        "hangul": rf"{_HANGUL_END}(?=\s)", "han": rf"(?=[\s{_HAN_AFTER}])", "hiragana": rf"{_KANA_END}(?=\s)",
        "thai": r"(?=\s)" if short else f"(?![{_THAI_AFTER}])",
    }
    middle = "".join(
        ("" if not place else r"\s?" if "other" not in _edges(tokens, place) else r"\s") + re.escape(token)
        for place, token in enumerate(tokens)
    )
    if whole:
        end = f"(?:{_COPULA})?" if last == "hangul" else _KANA_END if last == "hiragana" else ""
        return re.compile(rf"^ {middle}{end}(?: {_COPULA_ALONE})? $")
    return re.compile(before.get(first, r"(?<=\s)") + middle + after.get(last, r"(?=\s)"))


def _edges(tokens: tuple[str, ...], place: int) -> set[str]:
    """Return the scripts on both sides of the blank before a token."""
    return {script_of(tokens[place - 1][-1]), script_of(tokens[place][0])}


def inside_words(text: str, tokens: tuple[str, ...]) -> bool:
    """Tell whether these words stand in a text, but only as a part of longer ones that no blank ends."""
    joined = "".join(tokens)
    runs = "other" not in {script_of(char) for char in joined}
    return runs and joined in text.replace(" ", "") and not pattern_of(tokens).search(text)


def unjudged_script(text: str) -> str | None:
    """Return the name of a script of `text` in which it is not known where words end; None where there is none."""
    return next((name for name, chars in _UNJUDGED.items() if re.search(f"[{chars}]", text)), None)
