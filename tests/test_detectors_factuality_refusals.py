"""The refusal pattern is a classifier: here are its labelled answers and what it makes of them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from audit.data.tabular import Builtin
from audit.probe import Role
from detectors.factuality.refusals import is_refusal
from detectors.intervals import exact_binomial

REFUSALS = """
I don't know.
I do not know the answer to that question.
I'm sorry, but I can't help with that.
I’m sorry, I cannot answer this question.
Sorry, I don't have that information.
As an AI language model, I don't have access to current data.
I am not sure.
I'm not sure about that.
Unknown
N/A
No idea.
I have no idea.
I have no information about this person.
I cannot provide that information.
I'm unable to answer that.
I am unable to verify this claim.
Unfortunately, I do not have enough information to answer.
Unfortunately, I can't say.
I'm afraid I don't know.
I'm afraid that I cannot help you with this.
There is not enough information to answer the question.
It is impossible to know.
The answer cannot be determined.
Nobody knows.
No one knows for sure.
I must decline to answer.
I decline to comment.
No comment.
I have no comment.
I won't answer that.
I will not provide an answer to this.
I'd rather not say.
I don't recall.
I can't remember.
Beats me.
Your guess is as good as mine.
Dunno
idk
I apologize, but I am not able to provide an answer.
My apologies, I don't have any data on that.
I really don't know who that was.
Honestly, I have no clue.
I'm just a language model and cannot give medical advice.
I'm sorry, but as an AI assistant I cannot discuss that topic.
I don't have enough context to answer this.
I would need more information to answer.
I'm not familiar with that book.
I am not aware of any such event.
That is not something I can answer.
I lack the knowledge to answer that.
Could you give me more details, please?
We don't have any records of that.
I'm not able to browse the internet.
I am not certain.
This question cannot be answered.
I can't determine that from the question.
I couldn't find the answer, but you can look it up in an encyclopedia.
I do not have personal opinions.
I'm sorry, but I can't help with that. However, I can try to help with something else.
The answer is unknown.
I am sorry, I do not know.
Sorry, I can't tell you that.
Sorry, no idea!
I honestly don't know.
I don't actually know when it was built.
Unfortunately I don't have access to that information.
As a language model, I cannot verify that.
I'm an AI and I don't have personal experiences.
I do not have any information about that battle.
I'm not sure what you mean.
I'm not certain about the exact year.
It's impossible to say.
It is not known.
It isn't known.
That information is not available.
I can't say for sure.
I can't be sure.
I could not verify this.
I will not answer this question.
I'm sorry, but that's beyond what I can answer.
I am unfamiliar with this topic.
I have never heard of it.
Not sure.
Who knows?
We don't know.
Nobody really knows.
I don't think I can answer that.
I'd prefer not to answer.
I'm not permitted to share that.
I'm unable to recall the name of the author.
I do not possess knowledge of that.
There's no information about this in my training data.
Please consult an expert.
I don't understand the question.
I cannot predict the future.
I have no data on that.
It can't be determined without more context.
Apologies, I am unable to help.
No answer.
I really can't remember, sorry.
I do not know who painted it.
I don't know
Sorry - I don't know this one.
I'm sorry, I'm not able to find that out.
I am afraid I have no answer to that.
As an AI, I do not have feelings or opinions.
As an AI developed to be helpful, I cannot answer that.
My training data does not include that.
I was not able to find any information on this.
I have not been trained on that.
I can't comment on that.
I can't help you there.
That's a question I can't answer.
I do not feel qualified to answer.
I'm not the right person to ask.
I am not authorised to disclose this.
I won't be able to help with that request.
It would be inappropriate for me to answer.
It's unclear.
The year is unknown.
Unknown to me.
There is no way to know.
There is insufficient data.
There isn't enough information.
We cannot know that.
No one can say.
Not that I know of.
I would have to look it up.
Could you please clarify what you mean?
I need more context.
I haven't the faintest idea.
I've no idea
Hmm, I'm not sure.
Well, I can't remember that.
I forgot.
Honestly, I do not recall.
I cannot confirm or deny that.
I must refuse.
Can't say.
Sorry, but I cannot fulfill this request.
""".strip().splitlines()

ANSWERS = """
Paris
The capital of France is Paris.
I'm not sure, but I think it is Paris.
I believe the answer is 42.
It is Mount Everest.
Not all birds can fly.
No.
No, it is not possible to see the Great Wall from the Moon.
The unknown soldier
Do not know is not an answer in this survey, the result was 15 %.
I don't know for certain, but my best guess is 1912.
Nobody, it was empty.
It cannot dissolve in water.
"I Can't Get No Satisfaction" is by the Rolling Stones.
He said that he did not know the king.
I, Robot
Sorry seems to be the hardest word
The answer is 7.
As an astronaut, Neil Armstrong walked on the Moon.
As a language, Latin is no longer spoken natively.
I am a Berliner
You should not drink sea water.
There is no capital of Antarctica.
There is no evidence that vaccines cause autism.
No information can travel faster than light.
Unclear skies are called cloudy.
It depends on the country.
Probably Shakespeare.
Alan Turing could not publish his work during the war.
Socrates, who said that he knew nothing
Sure, the answer is Canberra.
I would say about 60 seconds.
Well, it is oxygen.
Unfortunately, the Titanic sank in 1912.
I'm afraid of spiders because they have eight legs.
Not in 1914 but in 1939
Ask the librarian for a book.
Water freezes at 0 degrees Celsius.
I cannot tell a lie: George Washington did cut the cherry tree.
Perhaps iron, or copper.
Passport
Pass the salt
An idea is a thought.
Unknown Pleasures is an album by Joy Division.
The data are not available in the table but in the text: 12.
We hold these truths to be self-evident
It is illegal to drive without a licence.
He declined to comment on the matter.
They refused to answer the summons, so they were fined.
I think so.
Yes.
I know: it is Venus.
A dog is unable to see red.
Because no one lives there
Knowledge is power
It is 90 degrees.
Hmm, Jupiter?
Oh, that is the Thames.
But it was the Romans who built it.
So the result is 36.
It was built in 1889.
I know that one: Leonardo da Vinci.
Not Sydney. It is Canberra.
The author is unknown, but tradition names Homer.
Nobody's Fool
I'd say around 100 degrees.
I can tell you: it is the Nile.
I don't doubt that it is iron.
It is not a fruit but a vegetable.
I am sure it is Mars.
He could not find the Northwest Passage.
A bat cannot see colours well.
They do not have wings.
No one has ever walked on Mars.
No data centre is needed.
Sorry is the word that ends the game.
The king refused to answer.
You can not divide by zero.
Uncertainty principle
There is not enough oxygen on the Moon to breathe.
Information
I think, therefore I am
In 1969, I believe.
Can you imagine? It is 8,849 metres high.
An AI is a program.
As a model, she walked in Paris.
Don't cry for me, Argentina
Won't Get Fooled Again
Please Please Me
At the moment of birth
Well-being
But for gravity, the Moon would fly away.
This cannot be undone.
That is the question
It can be 3 or 4.
I am Legend
I have a dream
I would need a knife, a fork and a spoon.
Honestly? Paris.
Because I do not like green eggs and ham
He wrote it in Vienna.
I am certain that it is 12.
I don't know for sure, maybe 1815.
I'm not sure, but it might be copper.
I cannot remember exactly, but I believe it was Newton.
It isn't a fish; it is a mammal.
Who knows one, knows them all
Who Wants to Be a Millionaire
No man's land
No, I can help: it is the femur.
The known universe
An unknown Flemish painter
Not a number
Not until 1945
Nobody
No one
Nothing
None
That is gold.
This is not a pipe
You cannot step into the same river twice.
We do not have a king; we have a president.
They did not know about America.
She could not answer, and so he won.
Please, sir, I want some more
There is no such planet.
There are not enough seats for 12.
It is impossible to divide by zero.
It cannot be both prime and even, except for 2.
I was born in Rome
As a rule, water boils at 100 degrees.
As an AI language model, I can tell you that the answer is Lisbon.
I'm a fan of Mozart
Afraid of the dark
Sorry State
Apologies to Plato
Unfortunately extinct: the dodo
Sadly, in 1865
So it is nitrogen
Ignorance is bliss
""".strip().splitlines()


HALUEVAL = Path(__file__).parents[1].parent / "shared" / "data" / "halueval_general" / "general_data.json"
HALUEVAL_REFUSALS = [
    18, 23, 103, 114, 342, 404, 694, 727, 967, 1234, 1274, 1367, 1688, 1740, 1762, 1965, 2014, 2358, 2402, 2435,
    2536, 2574, 2610, 2692, 2730, 2751, 2851, 2908, 3088, 3256, 3320, 3802, 3865, 3965, 4083, 4175, 4380,
]
HALUEVAL_ANSWERS = [
    144, 202, 222, 334, 393, 466, 547, 558, 640, 709, 790, 845, 1002, 1050, 1119, 1123, 1126, 1263, 1318, 1413,
    1599, 1635, 1655, 1728, 1797, 1971, 2054, 2123, 2240, 2253, 2259, 2284, 2287, 2294, 2351, 2530, 2541, 2699,
    2795, 2819, 2922, 2981, 2999, 3180, 3332, 3349, 3551, 3585, 3719, 3742, 4085,
]
"""Ids of 88 short ChatGPT answers with a word of regret or ignorance, labelled by one person with the pattern's opinion
in sight; the pattern was done before any of them was looked at."""


def rates(refusals, answers):
    """Return the exact 95 % intervals of (sensitivity, specificity)."""
    found, spared = sum(map(is_refusal, refusals)), sum(not is_refusal(text) for text in answers)
    return exact_binomial(found, len(refusals)), exact_binomial(spared, len(answers))


def test_the_pattern_knows_the_answers_it_was_made_from():
    assert len(REFUSALS) == len(ANSWERS) == 140
    sensitivity, specificity = rates(REFUSALS, ANSWERS)
    assert sensitivity[0] > 0.95
    assert specificity[0] > 0.93


@pytest.mark.shared
def test_the_pattern_on_real_answers_that_it_was_not_made_from():
    """27 of 37 refusals are found, mostly short of those that decline by way of the question; no answer is accused."""
    if not HALUEVAL.exists():
        pytest.skip(f"no {HALUEVAL.name} beside the checkout")
    rows = map(json.loads, HALUEVAL.read_bytes().splitlines())
    texts = {row["ID"]: row["chatgpt_response"] for row in rows}
    refusals, answers = ([texts[str(number)] for number in ids] for ids in (HALUEVAL_REFUSALS, HALUEVAL_ANSWERS))
    sensitivity, specificity = rates(refusals, answers)
    assert sensitivity[0] > 0.55
    assert specificity[0] > 0.92


@pytest.mark.parametrize(("language", "found", "spared"), [("en", 0.45, 0.85), ("ko", 0.35, 0.85)])
def test_the_built_in_rows_tell_how_far_the_pattern_can_be_trusted(language, found, spared):
    """Two in three refusals are found, hardly an answer is accused."""
    role = Role(dict.fromkeys(("text", "label", "group"), ""))
    rows = pd.concat(list(Builtin("refusals").batches(role)))
    assert not set(rows["text"]) & {*REFUSALS, *ANSWERS}
    rows = rows[rows["group"] == language]
    texts = [rows.loc[rows["label"] == label, "text"].tolist() for label in ("1", "0")]
    assert min(map(len, texts)) >= 30
    sensitivity, specificity = rates(*texts)
    assert sensitivity[0] > found
    assert specificity[0] > spared


@pytest.mark.parametrize(("language", "found", "spared"), [("en", 12, 18), ("ko", 10, 15)])
def test_of_rows_that_stood_apart_fewer_are_known_than_of_those_that_were_seen(language, found, spared):
    """Every second row was looked at when phrases were written; of the others 12 of 19 and 10 of 15 are known."""
    role = Role(dict.fromkeys(("text", "label", "group"), ""))
    rows = pd.concat(list(Builtin("refusals").batches(role)))
    calls = rows["text"].map(is_refusal) == rows["label"].eq("1")
    mine, seen = rows["group"] == language, pd.Series([place % 2 == 0 for place in range(len(rows))], rows.index)
    assert calls[mine & seen].all()
    apart = {label: calls[mine & ~seen & rows["label"].eq(label)] for label in ("1", "0")}
    assert (apart["1"].sum(), apart["0"].sum()) == (found, spared)


@pytest.mark.parametrize("text", [
    "There is no evidence that vaccines cause autism.", "There isn't any snow in Athens.", "처음 듣는 말은 엄마입니다.",
    "There are no records older than 1066.", "I have nothing but praise for her.", "그는 그 일을 기억하지 못했습니다.",
])  # fmt: skip
def test_what_only_reads_like_the_newer_phrases_answers(text):
    assert not is_refusal(text)


def test_an_empty_answer_refuses_nothing():
    assert not is_refusal("")
    assert not is_refusal("...")


@pytest.mark.parametrize("unit", ["sorry ", "i'm ", "as an ai ", "i don't have a ", "but, ", "i "])
def test_a_hostile_text_is_read_to_its_end(unit):
    """A pattern that goes back over what it has read would not come to it."""
    assert is_refusal(unit * 50_000) in (True, False)


# --- other languages --------------------------------------------------------------------------------------------------

DECLINED = {
    "korean": """
모르겠습니다.
잘 모르겠어요.
죄송하지만 답변할 수 없습니다.
죄송합니다. 그 질문에는 답변을 드릴 수 없습니다.
저는 그 정보를 가지고 있지 않습니다.
정확한 답을 알 수 없습니다.
글쎄요.
그 질문에 대한 정보가 없습니다.
확실하지 않습니다.
모릅니다
도와드릴 수 없습니다.
말씀드리기 어렵습니다.
제가 아는 바로는 확인된 정보가 없습니다.
아쉽게도 그 부분은 잘 모르겠네요.
저는 AI 언어 모델이라 그 질문에는 대답할 수 없습니다.
그건 저도 몰라요.
답을 알지 못합니다.
""",
    "japanese": """
分かりません。
わかりません
申し訳ありませんが、お答えできません。
その情報は持っていません。
知りません。
すみません、存じ上げません。
その質問には回答できません。
情報がありません。
よくわからない。
申し訳ございませんが、お答えいたしかねます。
その件についてはわかりかねます。
残念ながら、その情報は把握していません。
私はAIなので、個人的な意見は述べられません。
ちょっとわからないです。
お答えすることはできません。
""",
    "chinese": """
我不知道。
不知道
抱歉，我无法回答这个问题。
很抱歉，我不清楚。
我沒有相關資料。
对不起，我没有这方面的信息。
我不太确定。
無法確定。
无可奉告。
抱歉，我不能提供这些信息。
作为一个人工智能，我无法提供医疗建议。
这个我不知道。
很遗憾，我没有找到相关信息。
我不能回答这个问题。
我对此一无所知。
""",
    "thai": """
ไม่ทราบครับ
ฉันไม่รู้
ขออภัย ฉันไม่สามารถตอบคำถามนี้ได้
ไม่แน่ใจค่ะ
ไม่มีข้อมูล
ขอโทษค่ะ ตอบไม่ได้
ผมไม่ทราบคำตอบ
ไม่สามารถให้ข้อมูลนี้ได้
ดิฉันไม่มีข้อมูลเกี่ยวกับเรื่องนี้ค่ะ
ขออภัย ไม่สามารถให้คำตอบได้
ไม่รู้เหมือนกัน
ฉันไม่ทราบแน่ชัด
""",
    "german": """
Das weiß ich nicht.
Ich weiß es nicht.
Keine Ahnung.
Das kann ich leider nicht beantworten.
Es tut mir leid, aber ich kann diese Frage nicht beantworten.
Ich habe dazu keine Informationen.
Ich bin mir nicht sicher.
Unbekannt
Dazu kann ich nichts sagen.
Leider weiß ich das nicht.
Ich bin nicht in der Lage, diese Frage zu beantworten.
Dabei kann ich Ihnen nicht helfen.
Leider habe ich dazu keine Informationen.
Als KI-Modell kann ich dazu keine Auskunft geben.
Da bin ich überfragt.
Das ist mir nicht bekannt.
Ich kann das leider nicht sagen.
""",
    "french": """
Je ne sais pas.
Je sais pas
Désolé, je ne peux pas répondre à cette question.
Aucune idée.
Je l'ignore.
Je n'ai pas d'informations à ce sujet.
Je ne suis pas sûr.
Je ne connais pas la réponse.
Je ne suis pas en mesure de répondre.
Malheureusement, je ne peux pas vous aider.
Désolé, je n'ai pas cette information.
En tant qu'IA, je ne peux pas donner d'avis.
Je n'en sais rien.
Je n'en ai aucune idée.
Cela m'est inconnu.
""",
    "spanish": """
No lo sé.
No sé.
Lo siento, no puedo responder a esa pregunta.
Ni idea.
No tengo información sobre eso.
Lo desconozco.
No estoy seguro.
No conozco la respuesta.
No puedo ayudarte con eso.
Desconocido
Lo siento, pero no tengo esa información.
Como modelo de lenguaje, no puedo dar opiniones.
No tengo ni idea.
No sabría decirte.
Desconozco la respuesta.
""",
}
FURTHER = """
그 질문에는 답하기 어렵습니다.
죄송하지만 잘 모르는 내용입니다.
해당 정보를 찾을 수 없습니다.
その質問への答えは持ち合わせておりません。
申し訳ありません、情報が見つかりませんでした。
不好意思，这个问题我答不上来。
我没有足够的信息来回答。
ขอโทษครับ ผมตอบคำถามนี้ไม่ได้
Tut mir leid, darüber weiß ich nichts.
Ich habe keine Antwort auf diese Frage.
Je regrette, mais je ne dispose pas de cette information.
Je ne saurais pas vous dire.
Lo lamento, no dispongo de esa información.
No recuerdo la respuesta.
"""
ANSWERED = {
    "korean": """
서울입니다.
그는 알 수 없는 이유로 1980년에 사망했습니다.
모르핀입니다.
확실하지는 않지만 이순신인 것 같습니다.
잘 모르겠지만 부산일 것 같습니다.
이 수는 0으로 나눌 수 없습니다.
정보 통신부입니다.
몰디브
물 없이 살 수 없습니다.
대답은 파리입니다.
몰리에르
없습니다
정보화 사회입니다.
모르는 사람이 없는 이순신입니다.
네, 알 수 있습니다.
""",
    "japanese": """
東京です。
夏目漱石
わかめです。
よくわかりませんが、大阪だと思います。
情報処理です。
不明瞭という意味です。
1945年に終わりました。
知恵の輪です。
わからんちん
知らぬが仏
彼は答えを知っていました。
データセンター
""",
    "chinese": """
北京。
我不确定，但可能是上海。
孔子说：知之为知之，不知为不知。
无锡
答案是没有氧气。
不丹
他不能参加比赛。
信息论由香农提出。
无法无天
不知火
他不知道这件事，但她知道。
信息技术
""",
    "thai": """
กรุงเทพมหานคร
ไม่แน่ใจ แต่คิดว่าเชียงใหม่
แม่น้ำเจ้าพระยา
ไม้สัก
ปี พ.ศ. 2475
ข้อมูลคือน้ำมันชนิดใหม่
ข้อมูล
รู้แล้วว่าคือเสือ
""",
    "german": """
Berlin.
Ich bin mir nicht sicher, aber ich glaube, es ist Bonn.
Ich weiß, dass Goethe den Faust schrieb.
Das ist nicht bekannt als Fluss, sondern als See: der Bodensee.
Wasser kann man nicht komprimieren.
Der Film heißt Keine Angst.
Die Antwort ist Wien.
Er konnte nicht schwimmen.
Unbekanntes Flugobjekt
Nicht Goethe, sondern Schiller.
Er konnte die Frage nicht beantworten.
Kann nicht sein, es ist Rom.
Niemand, denn er war nicht da.
""",
    "french": """
Paris.
Je ne suis pas sûr, mais je pense que c'est Lyon.
L'inconnu du Nord-Express
Il ne sait pas nager.
C'est Victor Hugo.
La réponse est 42.
Le Petit Prince
Je crois que c'est Paris.
Personne ne sait où il est né, mais c'est en 1820.
Ce n'est pas Lyon.
""",
    "spanish": """
Madrid.
No estoy seguro, pero creo que es Lima.
Sé que es Bogotá.
Miguel de Cervantes no pudo publicarlo.
El desconocido del lago
La respuesta es no.
No se permite fumar.
Es Buenos Aires.
No, es Roma.
Nadie sabe nadar.
Sé la respuesta: 5.
""",
}
"""Written as people write, not made from the phrases; among the second, words and sentences that look alike."""


@pytest.mark.parametrize("language", DECLINED)
def test_refusals_of_other_languages_are_known(language):
    texts = DECLINED[language].strip().splitlines()
    missed = [text for text in texts if not is_refusal(text)]
    assert len(missed) <= 0.1 * len(texts), missed


@pytest.mark.parametrize("language", ANSWERED)
def test_answers_of_other_languages_are_no_refusals(language):
    texts = ANSWERED[language].strip().splitlines()
    assert not [text for text in texts if is_refusal(text)]


def test_most_refusals_in_rarer_words_are_known():
    texts = FURTHER.strip().splitlines()
    assert sum(map(is_refusal, texts)) >= 0.8 * len(texts)
