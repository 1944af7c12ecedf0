"""How answers decline in Korean, Japanese, Chinese, Thai, German, French and Spanish.

    declines    a phrase of the first sentences that says the speaker does not know, or will not or cannot tell
    answers     what takes it back: an answer comes all the same

Whole phrases with their endings: 알 수 없습니다 declines, 알 수 없는 이유 (for an unknown reason) does not. Of answers
that were not in mind when the phrases were first written, 24 of 34 refusals were known as such and 24 of 25 others were
not; the rest is in them now. A refusal in rarer words counts as wrong.
"""

from __future__ import annotations

import re

__all__ = ["declines_elsewhere"]

_FIRST = re.compile(r"(?:[^.!?。！？]*[.!?。！？]){0,2}[^.!?。！？]*")
"""An apology may stand before the sentence that declines."""

_KOREAN = r"""
(?:^|\s)(?:모릅니다|몰라요|모름|모르겠(?:습니다|어요|네요|음|다|는데요)?)(?![가-힣])
TELL\S*(?: \S{1,4})? 수(?:가|는)? 없(?:습니다|어요|다|음|네요|겠습니다)(?![가-힣])
TELL\S*(?: \S{1,4})? 수(?:가|는)? 없(?:지만|으며|을 것 같습니다)
(?:답변|대답|답)\S* ?(?:하지 않겠|드리지 (?:않겠|못)|(?:드리|하)기 (?:어렵|힘들)|수 없|거부|불가)
(?:해|도와|알려|답해)? ?드릴 수(?:가|는)? 없(?:습니다|어요|네요|는 (?:일|점|것|부분|내용|질문|주제)입니다)(?![가-힣])
도움\S? ?드리(?:기 (?:어렵|힘들|곤란)|지 못)
(?:들어|접해) ?본 (?:적|일)(?:이|은)? 없(?:습니다|어요|네요|음|다)(?![가-힣])
OWN기억하지 못(?:합|해|했)
OWN(?:기억|생각)(?:이 )?(?:나지 않|안 나)(?:습|아|네|요)
(?:지식|능력|학습|권한|업무)(?:의)? ?(?:범위|영역)(?:를|을|에서|의|가)? ?(?:벗어|밖|넘|아니)
(?:전혀|처음) ?(?:모르는|듣는|보는) (?:이름|사람|내용|분야|질문|말|곳|주제|단어)(?:입니다|이에요|예요|네요)(?![가-힣])
말씀드리기 (?:어렵|곤란)|잘 모르는 (?:내용|부분|분야|질문)
(?:정보|자료|답)(?:를|을)? 찾(?:을 수 없|지 못)
(?:알지|알고 있지) (?:못|않)(?:합|습|해|아)
(?:정보|자료|지식|데이터)(?:가|는|를)? ?(?:충분하지 않|부족|없(?:습니다|어요|어서|네요))
(?:정보|자료|지식|데이터)(?:가|는|를)? ?(?:가지고|갖고) 있지 않
(?:확실하지|분명하지|알려져 있지) 않(?:습니다|아요|네요|다)(?![가-힣])
(?:지문|본문|문서|글|자료|문맥|단락|내용)\S*(?: \S+){0,4} (?:나와|나타나|언급되어|적혀|쓰여|명시되어|포함되어) 있지 않
(?:지문|본문|문서|글|자료|문맥|단락)\S*(?: \S+){0,4} (?:언급|정보|내용|답|설명)\S* (?:없|찾을 수 없)
^(?:글쎄요|노코멘트|불명|알 수 없음|모름)[.!~]*$
"""
_KOREAN = _KOREAN.replace("OWN", r"(?:(?:저는|저도|제가|나는) [^.!?]{0,25}|^|[.,] )")
_KOREAN = _KOREAN.replace("TELL", "(?:알|답|확인|제공|말씀|도와|판단|단정|공유|설명|언급|대답)")
_JAPANESE = r"""
(?:分か|わか|判)り(?:ません|かねます)
(?:分か|わか)ら(?:ない|ず)(?:です|んです)?(?:[。！\s]|$)
(?:知り|存じ|存じ上げ)(?:ません|かねます)|(?:把握|承知)して(?:い|おり)ません|(?:意見|見解)\S{0,4}述べられません
(?:答え|回答|提供|判断|お手伝い|お伝え|説明)\S{0,6}(?:できません|出来ません|できかねます)
(?:答え|回答|提供|判断|お手伝い|お伝え|説明)\S{0,6}(?:かねます|られません|控え)
(?:情報|データ|知識|記憶)(?:が|は|を)\S{0,6}(?:ありません|ございません|不足)
(?:情報|データ|知識|記憶)(?:が|は|を)\S{0,6}(?:持っていません|持ち合わせて)
(?:情報|答え|回答)(?:が|は|を)(?:見つか|見つけ)\S{0,3}ませんで?|(?:答え|情報|回答)(?:は|を)持ち合わせて\S{0,3}ません
^(?:不明|不明です|ノーコメント)[。.!]*$
"""
_CHINESE = r"""
(?<![他她它们們人者])不(?:太|是很)?(?:知道|清楚|了解|確定|确定)(?!的)|一无所知|一無所知
(?:无法|無法|不能|不便|沒辦法|没办法|难以|難以)\S{0,6}(?:回答|提供|回應|回应|告诉|告訴|确定|確定|判断|判斷)
(?:无法|無法|不能|不便|沒辦法|没办法|难以|難以)\S{0,6}(?:协助|協助|确认|確認|帮助|幫助|透露|给出|給出)
(?:没有|沒有|缺乏|缺少)\S{0,6}(?:信息|資訊|资讯|資料|资料|数据|數據|答案)
无可奉告|無可奉告|答不上来|答不上來
^(?:未知|不詳|不详|無解)[。.!]*$
"""
_THAI = r"""
ไม่ทราบ|ไม่รู้|ไม่แน่ใจ|ไม่มั่นใจ|ไม่มีข้อมูล|ตอบ(?:คำถาม)?\S{0,8}ไม่ได้|ขอไม่ตอบ|ไม่ขอตอบ
ไม่สามารถ\S{0,12}(?:ตอบ|ให้|บอก|ระบุ|ช่วย|ยืนยัน|เปิดเผย)
"""
_GERMAN = r"""
(?:das|dies|es|die antwort) weiss ich (?:leider )?(?:auch )?nicht\b
(?:ich )?weiss (?:ich )?(?:es |das |die antwort )?(?:leider )?nicht(?=[.,;!]|$| genau| sicher| mit)
keine ahnung\b|überfragt\b|darüber weiss ich (?:leider )?nichts\b
ist mir (?:leider )?(?:nicht bekannt|unbekannt)\b
CANNOT\b(?:beantworten|sagen|helfen)\b
CANNOT\b(?:weiterhelfen|geben|nennen|beurteilen|antworten)\b
(?:habe|haben|verfüge)\b[^.!?]{0,40}\b(?:keine?|nicht genug|nicht genügend)\b[^.!?]{0,30}\b(?:information|daten)
(?:habe|haben|verfüge)\b[^.!?]{0,40}\b(?:keine?|nicht genug|nicht genügend)\b[^.!?]{0,30}\b(?:kenntnis|antwort)
(?:ich )?bin (?:ich )?mir (?:da |leider )?nicht sicher\b
bin (?:ich )?(?:leider )?nicht in der lage\b
^(?:unbekannt|kein kommentar|nicht bekannt)[.!]*$
"""
_GERMAN = _GERMAN.replace(
    "CANNOT", r"(?:kann|können|darf|werde|möchte) (?:ich|wir)?[^.!?]{0,80}(?:nichts?|keine\w*)\b[^.!?]{0,40}"
)
_FRENCH = r"""
je (?:ne |n')?(?:le |l'|la )?(?:sais|connais) pas\b
je n'(?:en )?ai (?:aucune|pas la moindre) (?:idée|information|réponse|donnée)
je n'(?:en )?ai pas (?:cette |la |l'|d'|assez d'|suffisamment d')(?:information|réponse|donnée)
aucune idée\b|je l'ignore\b|j'ignore\b|je n'en sais rien\b|m'est inconnue?\b
je ne saurais (?:pas )?(?:vous |te )?(?:le )?dire\b|je ne dispose pas\b
je (?:ne )?(?:peux|puis|pourrai|souhaite) (?:malheureusement )?pas (?:\S+ ){0,4}?(?:répondre|fournir|dire)\b
je (?:ne )?(?:peux|puis|pourrai|souhaite) (?:malheureusement )?pas (?:\S+ ){0,4}?(?:donner|aider|confirmer)\b
je ne suis (?:malheureusement )?pas (?:sûre?|certaine?|en mesure|autorisée?|capable)\b
^(?:inconnue?|pas de commentaire|sans réponse)[.!]*$
"""
_SPANISH = r"""
no (?:lo )?sé(?: la respuesta| con certeza)?(?=[.,;!]|$)
no (?:conozco la|tengo|dispongo de|cuento con) (?:\S+ ){0,2}?(?:respuesta|información|datos|idea)\b
ni idea\b|lo desconozco\b|desconozco la\b|no estoy segur[oa]\b
no sabría (?:decir|responder)|no recuerdo (?:la|el|eso)\b
no (?:puedo|podría|me es posible|quiero) (?:\S+ ){0,3}?(?:responder|contestar|ayudar|decir|dar)
no (?:puedo|podría|me es posible|quiero) (?:\S+ ){0,3}?(?:proporcionar|confirmar|ofrecer)
^(?:desconocid[oa]|sin comentarios|sin respuesta)[.!]*$
"""
_BUT = r"""
(?:하지만|그러나|그렇지만|다만|지만|는데|아마도?)[ ,][^.]*(?:것 같|생각합니다|생각해요|추측|입니다)
(?:하지만|그러나|그렇지만|다만|지만|는데|아마도?)[ ,][^.]*일 (?:겁니다|것입니다)
(?:が|けど|しかし|でも|たぶん|おそらく)、?[^。]*(?:と思います|でしょう|です)
(?:但|不过|不過|可能|也许|也許|大概)[^。]*(?:是|为|為)
แต่|น่าจะ|คิดว่า|อาจจะ
\b(?:aber (?!ich (?:kann|helfe))|vermutlich|wahrscheinlich|vielleicht|ich (?:glaube|denke|vermute))
\b(?:mais (?:je (?:pense|crois)|c'est)|peut-être|probablement|je (?:pense|crois)|sans doute)\b
\b(?:pero (?:creo|pienso|es)|creo que|quizás?|tal vez|probablemente)\b
"""


def _any_of(*blocks: str) -> str:
    """Return a pattern that finds one of the patterns, a line each."""
    return "|".join(f"(?:{line})" for block in blocks for line in block.strip().splitlines())


# said once, where a word begins, and not in every phrase: nearly all places of a text are passed at once
_IN_LETTERS = re.compile(rf"\b(?:{_any_of(_GERMAN, _FRENCH, _SPANISH)})")
_IN_SIGNS = re.compile(_any_of(_KOREAN, _JAPANESE, _CHINESE, _THAI))
_ANSWERS = re.compile(_any_of(_BUT))


def declines_elsewhere(plain: str) -> bool:
    """Tell whether an answer in one of these languages declines.

    plain: the answer's beginning, in small letters (ss for ß), with single blanks and plain apostrophes.
    """
    opening = begun[0] if (begun := _FIRST.match(plain)) else ""
    declined = [_IN_LETTERS.search(opening), None if opening.isascii() else _IN_SIGNS.search(opening)]
    starts = [one.start() for one in declined if one]
    return bool(starts) and _ANSWERS.search(plain, min(starts)) is None
