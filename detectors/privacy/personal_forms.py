"""Personal data that can be told by their form: how a person is reached, paid or numbered by a state.

    bank_account      IBAN: its country's length, ISO 7064 check digits
    email             RFC 5321 in letters of ASCII
    ip_address        version 4 or 6
    national_number   of Brazil, China, France, India, Italy, Korea, Spain and the United States, in the form in which
                      it is written there, its date and check digits where it has them
    payment_card      length and first digits of a network, Luhn's check digit
    phone             with its country's code, or as a region of the plan writes it; the country's numbering plan

Check digits of numbers are those of python-stdnum, numbering plans of phones those of libphonenumber. What is reserved
for examples, tests or roles is nobody's and told apart: example.com (RFC 2606), postmaster@ (RFC 2142), addresses of no
public network, 555-01xx, phones of services (1-800), numbers with which payments are tried.

Names, addresses of houses and what is written otherwise ("kim at mail dot com") have no such form and are not found.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import chain
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberType
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.cn import ric
from stdnum.es import dni, nie
from stdnum.exceptions import ValidationError
from stdnum.fr import nir
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.us import ssn

from detectors.immutable import immutable

__all__ = ["KINDS", "Datum", "find_data", "mask_data"]


class Datum(NamedTuple):
    """A personal datum in a text."""

    kind: str
    start: int
    end: int
    key: str
    """The same for equal data, however they are written."""
    reserved: bool
    """Whether it is nobody's."""


@immutable
class _Form:
    """Written forms, and what of them is a datum: its key, or null."""

    pattern: re.Pattern[str]
    key: Callable[[str], str | None]
    reserved: Callable[[str], bool]


_ROLES = frozenset({
    "abuse", "ftp", "hostmaster", "info", "marketing", "news", "no-reply", "noc", "noreply", "postmaster", "sales",
    "security", "support", "usenet", "uucp", "webmaster", "www",
})  # fmt: skip
"""Local parts of RFC 2142, and of those who are not to be answered."""
_FOR_EXAMPLES = re.compile(r"(?:.*[@.])?(?:example\.(?:com|net|org)|[^@]*\.?(?:example|invalid|localhost|test))$")


def _email(text: str) -> str | None:
    local, _, _ = text.partition("@")
    return None if ".." in local or local.endswith(".") else text.casefold()


def _email_reserved(key: str) -> bool:
    local, _, domain = key.partition("@")
    return local in _ROLES or _FOR_EXAMPLES.match(domain) is not None


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _network(digits: str) -> bool:
    """Tell whether a card of these digits may exist: the first digits and lengths that networks publish."""
    size, head = len(digits), int(digits[:6])
    return (
        (digits[0] == "4" and size in (13, 16, 19))
        or (size == 16 and (510000 <= head <= 559999 or 222100 <= head <= 272099 or 352800 <= head <= 358999))
        or (size == 15 and digits[:2] in ("34", "37"))
        or (size == 14 and (300000 <= head <= 305999 or digits[:2] in ("36", "38", "39")))
        or (16 <= size <= 19 and (digits[:4] == "6011" or digits[:2] in ("62", "65") or 644000 <= head <= 649999))
    )


def _card(text: str) -> str | None:
    digits = re.sub(r"[ -]", "", text)
    return digits if _network(digits) and luhn.is_valid(digits) else None


_FOR_TRIALS = frozenset({
    "4111111111111111", "4242424242424242", "4012888888881881", "4222222222222", "4000056655665556",
    "5555555555554444", "5105105105105100", "5200828282828210", "2223003122003222", "378282246310005",
    "371449635398431", "6011111111111117", "6011000990139424", "30569309025904", "38520000023237", "36227206271667",
    "3530111333300000", "3566002020360505", "6200000000000005", "AT611904300234573201", "BE68539007547034",
    "CH9300762011623852957", "DE89370400440532013000", "ES9121000418450200051332", "FR1420041010050500013M02606",
    "GB29NWBK60161331926819", "GB82WEST12345698765432", "IT60X0542811101000000123456", "NL91ABNA0417164300",
})  # fmt: skip
"""Cards that processors of payments publish to be tried with, and accounts that the IBAN's registry shows."""


def _korean(text: str) -> str | None:
    """Return the number where its date may be and its check digit is right; since October 2020 there is none.

    Who is born from 2040 on has none yet: what a text holds is not to depend on the day when it is read.
    """
    digits = text.replace("-", "")
    try:
        born = rrn.get_birth_date(digits)
    except ValidationError:
        return None
    return digits if date(2020, 10, 1) <= born < date(2040, 1, 1) or rrn.is_valid(digits) else None


def _chinese(text: str) -> bool:
    try:
        return ric.is_valid(text)
    except KeyError:  # python-stdnum 2.2 knows some provinces without their counties
        return False


def _if(check: Callable[[str], bool]) -> Callable[[str], str | None]:
    return lambda text: re.sub(r"\W", "", text).upper() if check(text) else None


_NATIONAL: Sequence[tuple[str, Callable[[str], str | None]]] = (
    (r"\d{6}-[1-8]\d{6}", _korean),
    (r"\d{3}-\d{2}-\d{4}", _if(ssn.is_valid)),
    (r"\d{3}\.\d{3}\.\d{3}-\d{2}", _if(cpf.is_valid)),
    (r"[1-9]\d{16}[\dXx]", _if(_chinese)),
    (r"[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}", _if(nir.is_valid)),
    (r"(?<!\d )[2-9]\d{3} \d{4} \d{4}(?! \d)", _if(aadhaar.is_valid)),
    (r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]", _if(codicefiscale.is_valid)),
    (r"\d{8}-?[A-Z]", _if(dni.is_valid)),
    (r"[XYZ]-?\d{7}-?[A-Z]", _if(nie.is_valid)),
)
"""Written form, and the key of what is a number of a person."""
_ALONE = r"(?<![0-9A-Za-z.@-]){}(?![0-9A-Za-z@]|[.-]\w)"
"""A number that is no part of a longer one, of an address or of a version."""


def _alone(pattern: str) -> re.Pattern[str]:
    return re.compile(_ALONE.format(f"(?:{pattern})"), re.ASCII)


_FORMS: Sequence[tuple[str, _Form]] = (
    ("email", _Form(
        re.compile(r"(?<![\w.+%-])\w[\w.+%'-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])", re.ASCII),
        _email, _email_reserved,
    )),
    ("payment_card", _Form(
        _alone(r"\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|3\d{3}([ -]?)\d{6}\2\d{4,5}"), _card,
        _FOR_TRIALS.__contains__,
    )),
    *(("national_number", _Form(_alone(written), key, lambda key: False)) for written, key in _NATIONAL),
    ("ip_address", _Form(
        _alone(r"(?:\d{1,3}\.){3}\d{1,3}"), _address, lambda key: not ipaddress.ip_address(key).is_global,
    )),
    ("ip_address", _Form(
        re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4}(?![\w:])", re.ASCII), _address,
        lambda key: not ipaddress.ip_address(key).is_global,
    )),
)  # fmt: skip
"""In the order in which places are given to kinds."""
KINDS = ("bank_account", "email", "ip_address", "national_number", "payment_card", "phone")
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![0-9A-Za-z])", re.ASCII)


def _accounts(text: str) -> Iterator[Datum]:
    """Yield IBANs; capitals behind one look like further blocks of it, so the longest that is one counts."""
    for found in _IBAN.finditer(text):
        whole = found[0]
        for end in (len(whole), *(at for at in range(len(whole) - 1, 14, -1) if whole[at] == " ")):
            if iban.is_valid(whole[:end]):
                key = iban.compact(whole[:end])
                yield Datum("bank_account", found.start(), found.start() + end, key, key in _FOR_TRIALS)
                break


def _of_form(text: str, kind: str, form: _Form) -> Iterator[Datum]:
    """Yield data of a form; what looks like one and is none may hide one that begins within it."""
    at = 0
    while (found := form.pattern.search(text, at)) is not None:
        at = found.start() + 1
        if (key := form.key(found[0])) is not None:
            yield Datum(kind, *found.span(), key, form.reserved(key))
            at = found.end()


_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_FOR_DRAMA = re.compile(r"\+1\d{3}55501\d\d")


_PEOPLES = frozenset({
    PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.VOIP,
    PhoneNumberType.PERSONAL_NUMBER, PhoneNumberType.PAGER, PhoneNumberType.UNKNOWN,
})  # fmt: skip
"""Others are of services, as numbers that are free of charge or dear."""


def _phones(text: str, regions: Sequence[str]) -> Iterator[Datum]:
    """Yield numbers as each region writes them, with signs between digits: bare digits and decimals may be anything."""
    for region in regions or (None,):
        for found in phonenumbers.PhoneNumberMatcher(
            text, region, leniency=phonenumbers.Leniency.STRICT_GROUPING, max_tries=len(text)
        ):
            if _NUMBER.fullmatch(found.raw_string):
                continue
            key = phonenumbers.format_number(found.number, phonenumbers.PhoneNumberFormat.E164)
            start = found.start + (found.raw_string.startswith("(") and ")" not in found.raw_string)
            reserved = phonenumbers.number_type(found.number) not in _PEOPLES or _FOR_DRAMA.fullmatch(key) is not None
            yield Datum("phone", start, found.end, key, reserved)


def find_data(text: str, kinds: Sequence[str] = KINDS, regions: Sequence[str] = ()) -> list[Datum]:
    """Return the personal data of a text, in its order, none of which lie over one another.

    kinds: of `KINDS`; regions: codes of ISO 3166 whose way of writing phones without a country's code is read.
    """
    found: list[Datum] = []
    for one in chain(_accounts(text), *(_of_form(text, kind, form) for kind, form in _FORMS)):
        _put(found, one)
    for one in _phones(mask_data(text, found, lambda one: "|" * (one.end - one.start)), regions):
        _put(found, one)
    return [one for one in found if one.kind in kinds]


def _put(found: list[Datum], one: Datum) -> None:
    """Put a datum in its place among those in order, unless it lies over one of them."""
    at = bisect(found, one.start, key=lambda other: other.start)
    if (at == 0 or found[at - 1].end <= one.start) and (at == len(found) or one.end <= found[at].start):
        found.insert(at, one)


def in_brackets(one: Datum) -> str:
    """Return what stands for a datum that is masked."""
    return f"[{one.kind}]"


def mask_data(text: str, data: Sequence[Datum], sign: Callable[[Datum], str] = in_brackets) -> str:
    """Return the text with a sign for each datum, reserved ones too; `data` as `find_data` tells them."""
    parts, at = [], 0
    for one in data:
        parts += [text[at : one.start], sign(one)]
        at = one.end
    return "".join([*parts, text[at:]])
