"""Numbers as they are printed: once, here, so that no two documents show one number in two ways.

    share      0.6104   -> 61.0 %        other    0.93412 -> 0.934,  1234.5 -> 1,235,  0.0000123 -> 1.23×10⁻⁵
    p-value    0.00004  -> < 0.001       limit    0.6     -> 60 %    (a number that somebody set keeps its own digits)
    bytes      538060032 -> 538 MB       count    134515008 -> 135 million, in Korean 1.35억
    seconds    0.000232  -> 232 µs

Three significant digits; more where three would round a number onto or across the limit that it is compared with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from detectors.immutable import immutable
from detectors.result import Measure
from detectors.units import STEPS, short_unit
from reports.text.sanitise import one_line
from reports.text.words import Words

if TYPE_CHECKING:
    from audit.record import Limit

__all__ = ["LEAST_P", "POINTS", "Notation", "bounds_of", "digits_for"]

LEAST_P = 0.001
"""A smaller p-value is told as below this."""
POINTS = "points"
"""Hundredths of the whole: the unit of a difference of shares, as a per cent of a per cent would read otherwise."""
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_BARE_UNITS = ("", "score", "p-value", "share", "auroc", *STEPS)
"""Units that stand behind no number, or within each."""
_LONG = 1e6
"""Counts below are told whole."""


def bounds_of(limit: Limit | None) -> list[float]:
    """Return the numbers that a limit names, lower first."""
    return [] if limit is None else [bound for bound in (limit.at_least, limit.at_most) if bound is not None]


def digits_for(measure: Measure, limit: Limit | None) -> int:
    """Return how many significant digits keep value and interval on their own side of the limit; 3 to 8."""
    numbers = [number for number in (measure.value, measure.low, measure.high) if number is not None]
    pairs = [(number, bound) for number in numbers for bound in bounds_of(limit) if number != bound]
    for digits in range(3, 8):
        if all(
            (_rounded(number, digits) > bound) == (number > bound) and _rounded(number, digits) != bound
            for number, bound in pairs
        ):
            return digits
    return 8


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


def _plain(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    text = f"{value:.{digits - 1}e}"
    power = int(text.partition("e")[2])
    if not -4 <= power < 7:
        return _scientific(text)
    return f"{value:,.{max(0, digits - 1 - power)}f}".replace("-", "−")


def _scientific(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}×10{str(int(exponent or 0)).translate(_SUPERSCRIPT)}".replace("-", "−")


def _power(number: float) -> str:
    """Return a power of ten: 0.01, 100, 10⁻⁵."""
    exponent = round(math.log10(number))
    return f"{number:,.10g}" if -4 < exponent < 7 else f"10{str(exponent).translate(_SUPERSCRIPT)}"


_OF_REMARKS = {"problem": "cause", "measure": "measure", "likelihood": "likelihood"}
"""What a remark puts in -> the section of its words, where that is not `told`."""


_GROUPS = ("group", "reference")
"""What a remark puts in that names a group."""
_OF_DIFFERENCES = ("widest_gap", "turns_round", "simpson", "missing_more")
"""Remarks whose shares are differences, which are told in points."""


_COUNTS = ("known", "needed")
"""What a remark puts in that is a count, whatever its name."""


def _unit_of(name: str) -> str:
    """Return the unit of a remark's number by its name."""
    if name in _COUNTS:
        return "count"
    return next((unit for unit in ("share", "count") if name.endswith(unit)), "score")


@immutable
class Notation:
    """Numbers in one language."""

    words: Words

    def number(self, value: float, unit: str, digits: int = 3, *, beside: float | None = None) -> str:
        """Return a measured number: shares as per cent, bytes, times and long counts in the unit that keeps them short.

        Other counts are whole, other numbers without their unit. beside: the number in whose unit it is told, such as
        the value of an interval.
        """
        if unit == "p-value" and value < LEAST_P:
            return self.words("format.below", number=f"{LEAST_P:g}")
        form, times = self._form(value if beside is None else beside, unit)
        whole = unit == "count" and times == 1 and float(value).is_integer()
        return form.format(number=f"{value:,.0f}".replace("-", "−") if whole else _plain(times * value, digits))

    def _form(self, value: float, unit: str) -> tuple[str, float]:
        """Return how a number is written with the unit within it, and how many of that are one of its unit."""
        if unit == "share":
            return self.words.catalogue["format"]["percent"], 100.0
        if unit not in STEPS or (unit == "count" and abs(value) < _LONG):
            return "{number}", 1.0
        forms = self.words.catalogue["with_unit"]
        if unit == "count":
            form, size = short_unit(value, {form: float(key) for key, form in forms.items() if key.startswith("1e")})
            return form, 1 / size
        name, size = short_unit(value, STEPS[unit])
        return forms[name], 1 / size

    def set_number(self, value: float, unit: str) -> str:
        """Return a number that a person chose, such as a limit, without padding zeros."""
        form, times = self._form(value, unit)
        return form.format(number=f"{times * value:,.10g}".replace("-", "−"))

    def ticks(self, numbers: Sequence[float], unit: str, *, powers: bool = False) -> list[str]:
        """Return the numbers of an axis, all with as many decimals as the finest of them needs; powers as they are."""
        if powers:
            return [_power(number) for number in numbers]
        form, times = self._form(max(numbers, key=abs), unit)
        scaled = [times * number for number in numbers]
        if 1e-4 <= max(map(abs, scaled)) < 1e7:
            decimals = max(len(f"{number:.10g}".partition(".")[2]) for number in scaled)
            texts = [f"{number:,.{decimals}f}".replace("-", "−") for number in scaled]
        else:
            texts = ["0" if number == 0 else _scientific(f"{number:.3g}") for number in scaled]
        return [
            "0" if number == 0 and unit in STEPS else form.format(number=text)
            for number, text in zip(numbers, texts, strict=True)
        ]

    def interval(self, measure: Measure, digits: int = 3) -> str:
        """Return `[57.1 %, 65.2 %]`, as every sentence writes it; one bound alone as `≥ 3 %`.

        A number about which nothing is uncertain is `exact`.
        """
        low, high, unit = measure.low, measure.high, measure.unit
        if low is None:
            top = None if high is None else self.number(high, unit, digits)
            return self.words("format.none") if top is None else self.words("format.at_most", number=top)
        if high is None:
            return self.words("format.at_least", number=self.number(low, unit, digits))
        if measure.certain:
            return self.words("format.exact")
        ends = {"low": low, "high": high}
        told = {name: self.number(end, unit, digits, beside=measure.value) for name, end in ends.items()}
        return self.words("format.interval", **told)

    def limit(self, limit: Limit | None, unit: str) -> str:
        """Return `≤ 60 %`, `≥ 90 %` or `40 % to 60 %`; empty without a limit."""
        numbers = [self.set_number(bound, unit) for bound in bounds_of(limit)]
        if limit is None or not numbers:
            return ""
        if len(numbers) == 2:
            return self.words("format.range", low=numbers[0], high=numbers[1])
        return self.words("format.at_most" if limit.at_least is None else "format.at_least", number=numbers[0])

    def level(self, level: float) -> str:
        """Return a confidence level in three digits, more only where three would make it 100 %: 0.9997 -> 99.97 %."""
        alpha = 100 * (1 - level)
        decimals = 0 if alpha <= 0 else max(1, -math.floor(math.log10(alpha)))
        text = f"{100 * level:.{decimals}f}"
        return self.words("format.percent", number=text.rstrip("0").rstrip(".") if "." in text else text)

    def sample(self, n: Mapping[str, int]) -> str:
        """Return `300 (60)`: items, and in brackets the independent units where they are fewer."""
        items, units = n.get("items"), n.get("units")
        if items is None or units is None or items == units:
            number = items if items is not None else units
            return self.words("format.none") if number is None else f"{number:,}"
        return f"{items:,} ({units:,})"

    def unit(self, unit: str) -> str:
        """Return the unit's name as it stands behind a number; empty for shares, scores, counts and p-values."""
        return "" if unit in _BARE_UNITS else one_line(self.words.term("unit", unit), self.words, 24)

    def with_unit(self, number: str, unit: str) -> str:
        """Return a printed number with its unit behind it, as this language joins the two."""
        if unit in _BARE_UNITS:
            return number
        forms = self.words.catalogue["with_unit"]
        return forms[unit].format(number=number) if unit in forms else f"{number} {self.unit(unit)}"

    def cause(self, reason: str) -> str:
        """Return why there is no number, as a detector said it."""
        return one_line(self.words.term("cause", reason), self.words)

    def better(self, measure: Measure) -> str:
        """Return which way is good in a word or two: `lower`, `higher`, `near 50 %`."""
        if measure.direction == "nearer to ideal is better" and measure.ideal is not None:
            return self.words("format.near", number=self.set_number(float(f"{measure.ideal:.4g}"), measure.unit))
        return one_line(self.words.term("direction", measure.direction), self.words, 40)

    def day(self, day: date | str) -> str:
        """Return a day as this language writes it; a text that is no day in ISO format as it stands."""
        if isinstance(day, str):
            try:
                day = date.fromisoformat(day)
            except ValueError:
                return one_line(str(day), self.words, 60)
        return self.words("format.day", year=day.year, month=day.month, day=day.day)

    def minute(self, at: datetime) -> str:
        """Return a time of this machine's clock, to the minute."""
        return self.words("format.minute", day=self.day(at), hour=at.hour, minute=at.minute)

    def moment(self, at: datetime | str) -> str:
        """Return a time with its distance from UTC; a text that is no time in ISO format as it stands."""
        if isinstance(at, str):
            try:
                at = datetime.fromisoformat(at)
            except ValueError:
                return one_line(str(at), self.words, 60)
        offset = at.strftime("%z")[:3]
        return self.words("format.moment", day=self.day(at), hour=at.hour, minute=at.minute, offset=offset)

    def remark(self, remark: Mapping[str, str | float]) -> str:
        """Return the sentence of a remark; one whose key this version does not know is told as it stands."""
        told = {name: self._of_remark(remark, name) for name in remark}
        try:
            sentence = self.words.catalogue["remark"][remark["key"]].format_map(told)
        except KeyError:
            sentence = self.words("format.list").join(f"{name} {value}" for name, value in told.items())
        return one_line(sentence[:1].upper() + sentence[1:], self.words, 400)

    def _of_remark(self, remark: Mapping[str, str | float], name: str) -> str:
        """Return one thing that a remark holds."""
        value, unit = remark[name], _unit_of(name)
        if isinstance(value, str):
            told = self.words.term(_OF_REMARKS.get(name, "told"), value)
            return self.words.term("group", value) if told == value and name in _GROUPS else told
        if unit == "share" and (remark.get("key") in _OF_DIFFERENCES or name == "least_share"):
            return self.number(100 * value, POINTS)
        return self.number(value, unit)

    def sentence(self, measure: Measure, limit: Limit | None) -> str:
        """Return value, interval, n and limit on one line, for formats that draw nothing."""
        from audit.verdict import informs_only

        if measure.value is None:
            return self.words("measure_line.undefined", reason=self.cause(measure.undefined or ""))
        digits = digits_for(measure, limit)
        value = self.with_unit(self.number(measure.value, measure.unit, digits), measure.unit)
        parts = [self.words("measure_line.value", value=value)]
        if measure.low is not None or measure.high is not None:
            interval, level = self.interval(measure, digits), self.level(measure.level)
            kind = "measure_line.about" if informs_only(measure) else "measure_line.interval"
            parts.append(self.words(kind, interval=interval, level=level))
        parts.append(self.words("measure_line.n", n=self.sample(measure.n)))
        if limit is not None:
            parts.append(self.words("measure_line.limit", limit=self.limit(limit, measure.unit)))
        return self.words("format.list").join(parts)
