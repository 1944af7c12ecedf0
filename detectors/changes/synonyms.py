"""Words that say nearly the same, for sentences about the world; each stands for the other.

Pairs in Korean both end in a vowel or both in a consonant, so that the particles behind them stay right. A word can
have senses that its partner has not, so a sentence with the other word may say something else.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SYNONYMS", "both_ways"]

_PAIRS = """
largest biggest  large big  smallest tiniest  small little  quick fast  quickly rapidly  begin start  begins starts
began started  end finish  country nation  countries nations  author writer  film movie  films movies  car automobile
cars automobiles  doctor physician  illness disease  buy purchase  buys purchases  help assist  kid child  kids children
often frequently  usually normally  correct right  incorrect wrong  nearly almost  many numerous  famous well-known
wealthy rich  reply response  choose select  show display  shows displays  make create  makes creates  near close
sick ill  error mistake  errors mistakes  job occupation  jobs occupations  street road  smart clever  happy glad
sad unhappy  strange odd  entire whole  maybe perhaps  wrote authored  gift present  huge enormous  reach attain
main principal  usual ordinary  shop store  stone rock  speak talk  speaks talks  home house
나라 국가  사람 인간  크기 규모  이름 명칭  시작 출발  비행기 항공기  가장 제일  질문 물음  나이 연령  책 서적
매우 아주  자주 종종  모두 전부  바로 곧장  다른 딴  큰 커다란  집 주택  일 작업  방법 방식  차이 격차
"""


def both_ways(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return a table in which each word of a pair stands for the other, in small letters; the first that is told wins.

    pairs: word -> synonym.
    """
    found: dict[str, str] = {}
    for one, other in pairs.items():
        found.setdefault(one.lower(), other.lower())
    for one, other in pairs.items():
        found.setdefault(other.lower(), one.lower())
    return found


_WORDS = _PAIRS.split()
SYNONYMS: Mapping[str, str] = both_ways(dict(zip(_WORDS[::2], _WORDS[1::2], strict=True)))
"""Word -> synonym, in small letters."""
