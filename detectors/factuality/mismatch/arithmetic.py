"""Is the arithmetic that a claim states right?

3 + 4 = 8, 12 x 3 is 36      both sides to the figures written
from 50 to 75, up 25 %       the change as a share of what it started from: 50 %
60 %, 30 % and 20 % where they are said to make up the whole: 110 %, within half a point for each
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from detectors.factuality.mismatch.cases import Case
from detectors.factuality.mismatch.quantities import Quantity, numeral
from detectors.factuality.mismatch.units import SHARE
from detectors.factuality.mismatch.verdicts import CONFLICTING, SUPPORTED, Finding
from detectors.factuality.words import Token
from detectors.phrases import Cause, Phrase

__all__ = ["ARITHMETIC", "check_arithmetic"]

ARITHMETIC = Phrase("arithmetic")
_TERM = r"(-?\d[\d.,]{0,20})\s{0,2}%?"
_SUM = re.compile(
    rf"(?<![\d.,])({_TERM}(?:\s{{0,2}}(?:[-+*/\u00d7\u00f7\u2212]|x|plus|minus|times)\s{{0,2}}{_TERM}){{1,6}})\s{{0,2}}"
    rf"(?:=|is|equals|makes|\uc740|\ub294)\s{{0,2}}{_TERM}(?![\d%])",
    re.IGNORECASE,
)
_OPERATOR = re.compile(r"(?<=[\d%])\s{0,2}(\+|-|\*|/|\u00d7|\u00f7|x|plus|minus|times)\s{0,2}", re.IGNORECASE)
_WHOLE_TEXT = "split divided consists consist composed comprises breakdown remaining rest remainder"
_WHOLE = frozenset([*_WHOLE_TEXT.split(), "나머지", "구성", "나뉜다", "합계"])
_CHANGES_TEXT = """
increase increased rise rose up growth grew gain decrease decreased fall fell down drop dropped decline declined
"""
_CHANGES = frozenset(_CHANGES_TEXT.split())
_NEAR = 6
"""Words between a change and the numbers that it is about."""


def check_arithmetic(case: Case) -> list[Finding]:
    """Return the sums, changes and shares of the claim that were worked out."""
    changes = [_change(case), _shares(case)]
    return [*_sums(case), *(one for one in changes if one is not None)]


def _sums(case: Case) -> list[Finding]:
    text = case.text(case.claim.start, case.claim.end).replace("\u2212", "-")
    found = []
    for match in _SUM.finditer(text):
        span = (case.claim.start + match.start(), case.claim.start + match.end())
        right, place = numeral(match[match.lastindex or 0].strip(",."))
        value = _worked_out(match[1])
        if value is None or not right:
            continue
        holds = any(abs(value - one) <= place / 2 + 1e-9 * abs(value) for one in right)
        reason = None if holds else Cause("it comes to {value}", value=f"{value:.12g}")
        found.append(Finding(ARITHMETIC, SUPPORTED if holds else CONFLICTING, span, None, reason))
    return found


def _worked_out(text: str) -> float | None:
    """Return the value of terms and operators, products before sums; None where a term is no number or a divisor 0."""
    parts = _OPERATOR.split(text.strip())
    terms: list[float] = []
    sign, product = 1.0, ""
    for part in parts:
        operator = part.lower()
        if operator in _SIGNS:
            sign, product = _SIGNS[operator]
            continue
        readings, _ = numeral(part.strip(" %").strip(",.").lstrip("-"))
        if not readings or (product == "/" and not readings[0]):
            return None
        value = -readings[0] if part.strip().startswith("-") else readings[0]
        if product:
            terms[-1] = terms[-1] * value if product == "*" else terms[-1] / value
        else:
            terms.append(sign * value)
        sign, product = 1.0, ""
    return sum(terms)


_SIGNS = {"+": (1.0, ""), "plus": (1.0, ""), "-": (-1.0, ""), "minus": (-1.0, "")} | dict.fromkeys(
    ("*", "x", "\u00d7", "times"), (1.0, "*")
) | dict.fromkeys(("/", "\u00f7"), (1.0, "/"))  # fmt: skip


def _change(case: Case) -> Finding | None:
    """Judge "from 50 to 75, an increase of 50 %": one pair of numbers and one percentage."""
    shares = [one for one in case.quantities if one.dimension == SHARE]
    others = [one for one in case.quantities if one.dimension != SHARE and one.readings]
    if len(shares) != 1 or len(others) != 2 or not _from_to(case.answer.reading.tokens, others):
        return None
    before, after, said = others[0].readings[0], others[1].readings[0], shares[0]
    tells = any(token.text in _CHANGES for token in case.tokens) and -_NEAR < said.first - others[1].last < _NEAR
    if not tells or others[0].dimension != others[1].dimension or before <= 0:
        return None
    value = abs(after - before) / before
    slack = said.place / 2 + (others[0].place * after / before + others[1].place) / (2 * before)
    holds = abs(value - abs(said.readings[0])) <= slack
    reason = None if holds else Cause("it comes to {value}", value=f"{100 * value:.3g}%")
    return Finding(ARITHMETIC, SUPPORTED if holds else CONFLICTING, (said.start, said.end), None, reason)


def _from_to(tokens: Sequence[Token], pair: Sequence[Quantity]) -> bool:
    """Tell whether two numbers stand as "from 50 to 75"."""
    one, two = pair
    return one.first > 0 and tokens[one.first - 1].text == "from" and tokens[two.first - 1].text == "to"


def _shares(case: Case) -> Finding | None:
    """Judge three or more percentages that are said to make up a whole."""
    shares = [one for one in case.quantities if one.dimension == SHARE]
    if len(shares) < 3 or not any(token.text in _WHOLE or token.stem in _WHOLE for token in case.tokens):
        return None
    between = case.answer.reading.tokens[shares[0].first : shares[-1].last + 1]
    if any(one.readings[0] >= 0.995 for one in shares) or any(token.text in ("-", "to") for token in between):
        return None
    total = sum(one.readings[0] for one in shares)
    holds = abs(total - 1.0) <= sum(one.place for one in shares) / 2 + 1e-9
    reason = None if holds else Cause("it comes to {value}", value=f"{100 * total:.4g}%")
    span = (shares[0].start, shares[-1].end)
    return Finding(ARITHMETIC, SUPPORTED if holds else CONFLICTING, span, None, reason)
