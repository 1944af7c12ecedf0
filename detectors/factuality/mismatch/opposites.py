"""Words that negate and words that are opposites, in English and Korean."""

from __future__ import annotations

__all__ = ["AFTER_KOREAN", "BEFORE_KOREAN", "DENIALS", "KOREAN_OPPOSITES", "NEGATIONS", "OPPOSITES", "ROOTS"]

_NEGATIONS_TEXT = "not no never without neither nor none cannot hardly scarcely"
_DENIALS_TEXT = "denies denied deny denying refuses refused refuse fails failed fail lacks lacked lack unable"
NEGATIONS = frozenset(_NEGATIONS_TEXT.split())
DENIALS = frozenset(_DENIALS_TEXT.split())
AFTER_KOREAN = ("않", "못하", "못했", "없", "아니", "말았", "금지", "불가")
"""Beginnings of Korean words that negate the word before them."""
BEFORE_KOREAN = frozenset({"안", "못"})
"""Korean words that negate the word behind them."""

_PAIRS = """
more|less,fewer  before,prior|after,following
increase,increased,increases,increasing|decrease,decreased,decreases,decreasing
rise,rises,rose,risen,rising|fall,falls,fell,fallen,falling  higher|lower  high|low  highest|lowest
larger,bigger|smaller  largest,biggest|smallest  longer|shorter  longest|shortest  older|younger  oldest|youngest
faster|slower  stronger|weaker  strong|weak  above|below  over|under  maximum|minimum  most|least  first|last
earlier|later  earliest|latest  up|down  gain,gains,gained|loss,losses,lost  profit,profits|deficit,deficits
won,win,wins|lost,lose,loses  always|never  all|none  accept,accepts,accepted|reject,rejects,rejected
allow,allows,allowed|forbid,forbids,forbade,forbidden,prohibited  positive|negative  better|worse  best|worst
north,northern|south,southern  east,eastern|west,western  inside|outside  male|female
opened,open,opens|closed,close,closes  success,successful|failure,unsuccessful  same|different
strengthened,strengthen|weakened,weaken  improved,improve,improves|worsened,worsen,worsens  major|minor  young|old
grew,grow,grows,grown,growth|shrank,shrink,shrinks,decline,declined,declines  rich|poor  early|late
begin,began|end,ended  exceeded,exceeds,exceed|missed,misses,miss  included,includes|excluded,excludes
possible|impossible  married|divorced
"""
_KOREAN = """
증가|감소  상승|하락  이전|이후  이상|이하  초과|미만  최대|최소  최고|최저  많은|적은  많다|적다  높은|낮은
높았|낮았  높다|낮다  큰|작은  크다|작다  성공|실패  찬성|반대  승리|패배  흑자|적자  시작|종료  개선|악화
강화|약화  확대|축소  이익|손실  오전|오후  북쪽|남쪽  동쪽|서쪽  긍정|부정  허용|금지  가능|불가능  합격|불합격
있다|없다  있는|없는  있습니다|없습니다  있었|없었
"""


def _opposites(text: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the root of each form, and of each root the roots that are its opposites."""
    roots: dict[str, str] = {}
    opposites: dict[str, list[str]] = {}
    for pair in text.split():
        one, two = (forms.split(",") for forms in pair.split("|"))
        for forms in (one, two):
            root = roots.get(forms[0], forms[0])
            roots.update({form: roots.get(form, root) for form in forms})
        left, right = roots[one[0]], roots[two[0]]
        opposites.setdefault(left, []).append(right)
        opposites.setdefault(right, []).append(left)
    return roots, opposites


ROOTS, _ENGLISH = _opposites(_PAIRS)
"""Form -> the first form of its group."""
_KOREAN_ROOTS, _OF_KOREAN = _opposites(_KOREAN)
KOREAN_OPPOSITES = tuple(_KOREAN_ROOTS)
"""Parts of Korean words that have an opposite."""
OPPOSITES = _ENGLISH | _OF_KOREAN
"""Root -> its opposites."""
