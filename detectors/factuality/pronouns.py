"""Pronouns at the beginning of a claim, replaced by what they stand for, so that the claim can be judged alone.

    before: "Ada Lovelace wrote programs."    She died in 1852.       ->  Ada Lovelace died in 1852.
    before: "세종은 한글을 만들었다."              그는 1450년에 죽었다.    ->  세종은 1450년에 죽었다.

The antecedent is the subject of the last sentence that had one by name, or else the last name of the question. A
rule of thumb, not coreference: where no subject is plain, the pronoun stays.
"""

from __future__ import annotations

import re

from detectors.factuality.wordlists import FINITE, STARTERS
from detectors.factuality.words import HANGUL, MARK, WORD, Token, read
from detectors.immutable import immutable

__all__ = ["Antecedent", "resolved"]

_PRONOUN = re.compile(r"(he|she|it|they|his|her|its|their)\b", re.IGNORECASE)
_POSSESSIVE = frozenset({"his", "her", "its", "their"})
_KOREAN = re.compile("(그는|그녀는|그가|그녀가|그의|그녀의|그것은|이것은|이는|그들은)(?=\\s)")
_TOPIC = ("은", "는", "이", "가")
_SUBJECT_WORDS = 8
_READ = 400


@immutable(slots=True)
class Antecedent:
    """What a pronoun stands for; "" where that is not known."""

    name: str = ""

    @classmethod
    def of_question(cls, question: str) -> Antecedent:
        """Return the last name of a question."""
        tokens, text = read(question[:_READ]).tokens, question[:_READ]
        last = len(tokens)
        while last > 1 and not _is_capital(text, tokens[last - 1]):
            last -= 1
        first = last
        while first > 1 and _is_capital(text, tokens[first - 1]):
            first -= 1
        return cls(text[tokens[first].start : tokens[last - 1].end]) if first < last else cls()

    def after(self, sentence: str) -> Antecedent:
        """Return what a pronoun stands for behind `sentence`."""
        name = _subject(sentence[:_READ])
        return Antecedent(name) if name else self


def resolved(claim: str, antecedent: Antecedent) -> str:
    """Return a claim with the pronoun that it begins with replaced."""
    if not antecedent.name:
        return claim
    if (match := _PRONOUN.match(claim)) is not None:
        return antecedent.name + ("'s" if match[0].lower() in _POSSESSIVE else "") + claim[match.end() :]
    if (match := _KOREAN.match(claim)) is not None:
        return antecedent.name + _josa(antecedent.name, match[0][-1]) + claim[match.end() :]
    return claim


def _josa(name: str, josa: str) -> str:
    """Return the particle in the form that follows a name."""
    final = (ord(name[-1]) - 0xAC00) % 28 > 0 if "\uac00" <= name[-1] <= "\ud7a3" else False
    return {"은": "은는", "는": "은는", "이": "이가", "가": "이가"}.get(josa, josa * 2)[not final]


def _is_capital(text: str, token: Token) -> bool:
    return token.kind == WORD and text[token.start].isupper()


def _subject(sentence: str) -> str:
    """Return the subject of a sentence where it is a name, or a noun with its article, before a known predicate."""
    tokens = read(sentence).tokens[: _SUBJECT_WORDS + 1]
    if tokens and any(one.kind == HANGUL for one in tokens[:3]):
        return _korean_subject(sentence, tokens)
    verb = next((i for i, one in enumerate(tokens) if one.text in FINITE or _past(one)), 0)
    marks = next((i for i, one in enumerate(tokens[:verb]) if one.kind == MARK and one.text not in "-.'"), verb)
    subject = tokens[:marks]
    if not subject or (subject[0].text in STARTERS and subject[0].text not in ("the", "a", "an")):
        return ""
    if subject[0].text not in ("the", "a", "an") and not _is_capital(sentence, subject[0]):
        return ""
    return sentence[subject[0].start : subject[-1].end]


def _past(token: Token) -> bool:
    return token.kind == WORD and len(token.text) >= 5 and token.text.endswith("ed")


def _korean_subject(sentence: str, tokens: tuple[Token, ...]) -> str:
    for i, token in enumerate(tokens[:5]):
        if token.kind == HANGUL and len(token.text) >= 2 and token.text.endswith(_TOPIC):
            subject = sentence[tokens[0].start : token.end - 1]
            return "" if _KOREAN.match(sentence[: token.end] + " ") or i > 3 else subject
    return ""
