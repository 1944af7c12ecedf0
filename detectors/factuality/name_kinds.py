"""Names of a kind, so that one can stand where another stood: a city for a city, a colour for a colour.

    kind of an answer = that of the list that holds it, else what the question asks for ("who", "which town", 누가)

The lists are short on purpose: common names that a reader takes for what they are, none that tells who is meant by a
pronoun. A name of any other kind is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["kind_of_name", "names_of_kind"]

_LISTS: Mapping[str, str] = {
    "person": "Robin Calder; Alex Morrow; Jordan Pryce; Sasha Lindqvist; Kim Ostrander; Noel Hathersage;"
    "Jamie Verhoeven; Dana Whitlock; Chris Tamberlane; Andrea Kovarik",
    "surname": "Calder; Morrow; Pryce; Lindqvist; Ostrander; Hathersage; Verhoeven; Whitlock; Tamberlane; Kovarik",
    "city": "Lisbon; Oslo; Nairobi; Toronto; Havana; Dublin; Prague; Lima; Auckland; Istanbul; Manila; Ankara",
    "country": "Portugal; Norway; Kenya; Canada; Cuba; Ireland; Peru; Nepal; Turkey; Iceland; Egypt; Austria",
    "river": "Loire; Elbe; Tagus; Vistula; Indus; Volga; Murray; Orinoco; Ebro; Oder",
    "month": "January; February; March; April; May; June; July; August; September; October; November; December",
    "weekday": "Monday; Tuesday; Wednesday; Thursday; Friday; Saturday; Sunday",
    "colour": "red; green; blue; yellow; white; black; purple; brown; grey; orange; pink; indigo;"
    "ivory",
    "language": "Portuguese; Norwegian; Turkish; Finnish; Arabic; Hindi; Dutch; Greek; English; Icelandic",
    "metal": "iron; copper; silver; gold; tin; lead; zinc; nickel; bronze; aluminium; mercury",
    "wood": "oak; pine; birch; walnut; cedar; maple; elm; ash; beech; larch",
    "stone": "granite; marble; limestone; basalt; slate; sandstone",
    "animal": "heron; otter; badger; falcon; salmon; wolf; lynx; swan; hedgehog; beaver; owl; hare",
    "instrument": "violin; flute; harp; trumpet; cello; oboe; drum; organ; clarinet; bagpipe",
    "planet": "Mercury; Venus; Mars; Jupiter; Saturn; Uranus; Neptune",
    "인물": "김도현; 이서준; 박하윤; 최민재; 정유나; 강태오; 조은서; 윤지호; 한수빈; 오세린; 문하늘;"
    "서마루; 배한결; 신가을",
    "도시": "서울; 부산; 대구; 광주; 전주; 강릉; 원주; 여수; 포항; 제주; 청주; 목포; 카불; 이스탄불;"
    "파리; 런던",
    "나라": "노르웨이; 캐나다; 페루; 네팔; 이집트; 터키; 쿠바; 핀란드; 몽골; 베트남; 태국; 칠레; 브라질;"
    "네덜란드; 포르투갈",
    "요일": "월요일; 화요일; 수요일; 목요일; 금요일; 토요일; 일요일",
    "색": "빨간색; 초록색; 파란색; 노란색; 하얀색; 검은색; 보라색; 갈색; 회색; 분홍색",
    "동물": "수달; 두루미; 여우; 고라니; 부엉이; 너구리; 오소리; 사슴; 고슴도치; 담비",
    "악기": "가야금; 거문고; 해금; 대금; 장구; 피리; 아쟁; 단소; 꽹과리; 비파",
    "나무": "소나무; 참나무; 느티나무; 은행나무; 벚나무; 단풍나무; 오동나무; 전나무",
    "금속": "구리; 은; 금; 철; 주석; 납; 아연; 니켈; 청동",
}  # fmt: skip
_NAMES = {kind: tuple(one.strip() for one in names.split(";")) for kind, names in _LISTS.items()}
_MEMBERS = {name.casefold(): kind for kind, names in _NAMES.items() for name in names}
_ASKED = (
    ("person", r"\b(?:who|whom|whose)\b|\bname of the (?:architect|author|founder|inventor|painter|composer)\b"),
    ("river", r"\b(?:which|what) river\b"),
    ("country", r"\b(?:which|what) (?:country|kingdom|state)\b"),
    ("city", r"\b(?:which|what|the) (?:town|city|village|capital|port)\b|^where\b"),
    ("인물", r"누가|누구|(?:사람|화가|작가|건축가|시인|작곡가|설립자)의 이름"),
    ("도시", r"어느 도시|어떤 도시|수도는|어느 고장"),
    ("나라", r"어느 나라|어떤 나라"),
)  # fmt: skip
_QUESTIONS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _ASKED)
_HANGUL = re.compile("[가-힣]")


def kind_of_name(name: str, question: str) -> str | None:
    """Return the kind of a name that answers a question; None where nothing tells.

    A question alone tells the kind of names only: in its answer's own script, with a capital where there are capitals.
    """
    if (member := _MEMBERS.get(name.casefold())) is not None:
        return member
    named = bool(_HANGUL.match(name)) or name[:1].isupper()
    asked = next((kind for kind, pattern in _QUESTIONS if pattern.search(question)), None)
    if asked is None or not named or bool(_HANGUL.match(name)) != bool(_HANGUL.match(asked)):
        return None
    if asked == "person":
        return "person" if " " in name else "surname"
    return asked


def names_of_kind(kind: str) -> Sequence[str]:
    """Return the names of a kind; KeyError for one that there is not."""
    return _NAMES[kind]
