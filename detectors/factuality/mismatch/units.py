"""Units of quantities: what a number counts, its dimension and how many of the base unit it is.

    5 km, 5킬로미터    length, 5,000 m          90 minutes, 90분    time, 5,400 s         12 %, 12퍼센트    share, 0.12
    $3, 3달러          money USD, 3             5 people, 5명       people, 5             3rd, 제3           ordinal, 3

Units of one dimension are compared by value, whatever they are called: 90 minutes = 1.5 hours. Money is not
converted. Months and years are twelfths and ones of a dimension of their own, as no month has a fixed length.
"""

from __future__ import annotations

__all__ = ["CURRENCY_SIGNS", "HANGUL_UNITS", "ORDINAL", "QUARTER", "SHARE", "UNITS", "Unit"]

Unit = tuple[str, float, float]
"""Dimension, base units in one, and what is added, as for degrees Fahrenheit."""

SHARE, ORDINAL, QUARTER = "share", "ordinal", "quarter"

_TABLE: dict[str, dict[str, tuple[float, ...]]] = {
    "length": {
        "m metre metres meter meters 미터": (1,), "km kilometre kilometres kilometer kilometers 킬로미터 킬로": (1e3,),
        "cm centimetre centimetres centimeter centimeters 센티미터 센티": (1e-2,),
        "mm millimetre millimetres millimeter millimeters 밀리미터": (1e-3,),
        "nm nanometre nanometer nanometres nanometers": (1e-9,),
        "mile miles mi 마일": (1609.344,), "foot feet ft 피트": (0.3048,), "inch inches 인치": (0.0254,),
        "yard yards yd 야드": (0.9144,), "리": (392.7,),
    },
    "mass": {
        "g gram grams gramme grammes 그램": (1,),
        "kg kilogram kilograms kilogramme kilogrammes kilo kilos 킬로그램": (1e3,),
        "mg milligram milligrams 밀리그램": (1e-3,), "tonne tonnes ton tons 톤": (1e6,), "lb lbs 파운드": (453.59237,),
        "ounce ounces oz 온스": (28.349523,),
    },
    "time": {
        "second seconds sec secs 초": (1,), "minute minutes min mins 분": (60,), "hour hours hr hrs 시간": (3600,),
        "day days 일간 일": (86400,), "week weeks 주일 주간 주": (604800,), "ms millisecond milliseconds": (1e-3,),
    },
    "years": {
        "year years yr yrs 년간 년": (1,), "month months 개월": (1 / 12,),
        "decade decades": (10,), "century centuries": (100,),
    },
    "volume": {"l litre litres liter liters 리터": (1,),
               "ml millilitre millilitres milliliter milliliters 밀리리터": (1e-3,),
               "gallon gallons 갤런": (3.785412,), "barrel barrels 배럴": (158.987,)},
    "area": {"hectare hectares ha 헥타르": (1e4,), "acre acres 에이커": (4046.856,),
             "평": (3.305785,), "제곱미터": (1,)},
    "temperature": {"celsius centigrade": (1, 273.15), "fahrenheit": (5 / 9, 255.3722222), "kelvin": (1, 0)},
    "data": {"gb gigabyte gigabytes 기가바이트": (1e9,), "mb megabyte megabytes 메가바이트": (1e6,),
             "tb terabyte terabytes 테라바이트": (1e12,), "kb kilobyte kilobytes": (1e3,)},
    "power": {"watt watts 와트": (1,), "kw kilowatt kilowatts 킬로와트": (1e3,),
              "mw megawatt megawatts 메가와트": (1e6,)},
    SHARE: {"percent % pct 퍼센트 프로": (1e-2,), "할": (1e-1,)},
    "points": {"%p pp 퍼센트포인트": (1,), "bps": (1e-2,)},
    "USD": {"$ dollar dollars usd 달러": (1,), "cent cents": (1e-2,)}, "EUR": {"€ euro euros eur 유로": (1,)},
    "GBP": {"£ gbp": (1,)}, "KRW": {"₩ krw won 원": (1,)}, "JPY": {"¥ yen jpy 엔": (1,)},
    "CNY": {"yuan rmb 위안": (1,)},
    "INR": {"₹ rupee rupees": (1,)},
    "people": {"people persons person 명 인": (1,)},
    "age": {"세 살": (1,)}, "times": {"times 회 차례 번 배": (1,)},
    QUARTER: {"분기": (1,)},
    ORDINAL: {"st nd rd th 번째 위 등": (1,)},
}  # fmt: skip
_WRITTEN: dict[str, Unit] = {
    name: (dimension, values[0], values[1] if len(values) > 1 else 0.0)
    for dimension, spellings in _TABLE.items()
    for names, values in spellings.items()
    for name in names.split()
}

UNITS = {name: unit for name, unit in _WRITTEN.items() if name.isascii() or not name[0].isalpha()}
"""Spelling in small letters -> unit."""

_COUNTERS = "개 권 대 마리 층 가지 곳 건 편 채 점 시 월 호 쪽 줄"
HANGUL_UNITS: dict[str, Unit] = {name: unit for name, unit in _WRITTEN.items() if name not in UNITS} | {
    one: (one, 1.0, 0.0) for one in _COUNTERS.split()
}
"""Korean spelling, counters among them -> unit; a counter is a dimension of its own."""

CURRENCY_SIGNS = frozenset("$€£¥₩₹")
