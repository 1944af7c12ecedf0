"""Answers that decline to answer: "I don't know", "I'm sorry, but I can't help with that", "No comment."

The first clause, after apologies and the like, must decline, and nothing after it may answer all the same: "I'm not
sure, but I think it is Paris" answers; "... but I can help you with something else" does not. A pattern is a classifier
of its own: its sensitivity and specificity are measured on labelled answers in the tests. English here, seven further
languages in `detectors.factuality.refusal_phrases`; in any other a refusal counts as a wrong answer.
"""

from __future__ import annotations

import re

from detectors.factuality.refusal_phrases import declines_elsewhere

__all__ = ["is_refusal"]

_READ = 400
"""Characters looked at: a refusal comes first, and a hostile text must not cost more."""

_SELF = (
    r"(?:just |only )?an? (?:text-based )?(?:ai|artificial intelligence|(?:large )?language model)(?: language)?"
    r"(?: model| assistant)?(?: ai)?"
)
_SORRY = (
    r"unfortunately|regrettably|sadly|(?:i'm |i am )?(?:so |very |truly )?sorry|(?:my )?apologies|"
    r"i apologi[sz]e(?: for (?:the|any|my) \w+)?|(?:i'm|i am) afraid(?: that)?|"
    rf"as (?:{_SELF}|an? (?:\w+ )?assistant)(?: developed [\w ]{{1,40}},)?|(?:i'm|i am) {_SELF}"
)
_OPENER = re.compile(
    rf"(?:(?:(?P<sorry>{_SORRY})|well|hmm+|oh|honestly|answer:|to be honest|at (?:this time|the moment)|but|and|so|"
    r"the answer(?: to (?:this|the|your) question)? is:?|that|because|without [^.,]{1,80},)(?![\w'])[\s,.;:!-]*)*"
)

_ADVERB = r"(?:(?:really|honestly|simply|just|actually|currently|personally|also|still|truly) )?"
_NOT = r"(?:don't|do not|dont|didn't|did not)"
_CANNOT = r"(?:can't|cannot|can not|couldn't|could not|won't|will not)"
_THING = (
    r"(?:information|knowledge|data|details|idea|clue|answer|context|records?|access|opinions?|views?|experiences?|comment|way|"
    r"ability|capability)\b"
)
_DEED = (
    r"(?:answer|help|assist|provide|say|tell|give|determine|find|respond|comment|confirm|verify|discuss|"
    r"do (?:that|this|so)|share|comply|fulfill?|recall|remember|know|access|browse|speculate|predict|"
    r"be (?:sure|certain|able)|generate|complete|offer|recommend|create|produce|make|view|evaluate)\b"
)
_UNSURE = r"(?:not (?:\w+ )?(?:sure|certain|aware|familiar)|unsure|uncertain|unaware|unfamiliar)\b"
_UNABLE = (
    r"(?:unable|not (?:allowed|permitted|authori[sz]ed|in a position|comfortable|qualified|the right)|"
    r"not (?:\w+ )?(?:able|capable))\b"
)
_PROOF = r"(?:records?|evidence|sources?|documentation)(?: (?:of|on|about|for) (?:this|that|it))?(?: either way)?"
_IT = r"(?:it|(?:this|that|the)(?: answer| question| information)?)"

_PASSAGES = (
    r"(?:(?:the|these|this|those|any of the|your) )?(?:(?:given|provided|above|available) )?"
    r"(?:passages?|context|texts?|documents?|sources?|excerpts?|articles?|evidence|information)"
    r"(?: (?:given|provided|above|here|available|\[\d+\]))*"
)
_DECLINES = re.compile("|".join((
    # what it was given to read
    rf"(?:based on {_PASSAGES},? )?(?:{_PASSAGES}|it|they) (?:does not|doesn't|do not|don't|did not|didn't) (?:\w+ )?"
    r"(?:say|tell|state|mention|contain|provide|specify|include|indicate|give|reveal|answer|address|name)\b",
    rf"(?:none|neither|no one) of {_PASSAGES} (?:\w+ )?(?:says?|tells?|states?|mentions?|contains?|provides?|gives?)\b",
    r"(?:no|none of the) (?:passages?|documents?|sources?) (?:\w+ )?"
    r"(?:says?|tells?|states?|mentions?|contains?|provides?|gives?)\b",
    rf"(?:the |this |that )?(?:answer|question|information|it|this|that)(?: is|'s)(?: not|n't) "
    rf"(?:\w+ )?(?:(?:given|stated|mentioned|found|provided|specified|answered|contained) )?(?:in|by|from) {_PASSAGES}",
    rf"(?:based on|according to|from) {_PASSAGES},? (?:it(?: is|'s) not|i (?:can't|cannot|don't)|there is no)\b",
    rf"not (?:stated|mentioned|given|specified|found|told|said)(?: (?:in|by) {_PASSAGES})?[.!]*$",
    # the speaker
    rf"(?:i |we )?{_ADVERB}{_NOT} {_ADVERB}(?:know|recall|remember|understand|think i can|feel (?:comfortable|able))",
    rf"(?:i |we )?{_ADVERB}{_NOT} {_ADVERB}(?:have|possess|feel) (?:[\w-]+ ){{0,4}}(?:{_THING}|qualified)",
    rf"(?:i |we )?{_ADVERB}{_CANNOT} {_ADVERB}{_DEED}",
    rf"(?:i'm|i am|im|i was) (?:(?:really|quite|honestly) )?(?:{_UNABLE}|{_UNSURE})",
    rf"(?:i have|i've|i've got) (?:absolutely )?no (?:\w+ )?{_THING}|i (?:lack|need) (?:\w+ ){{0,2}}{_THING}",
    r"(?:i'd|i would) (?:rather not|prefer not|have to look|need more|require more)\b|i forg[eo]t\b",
    r"i (?:(?:must|have to|would like to|respectfully) )?(?:decline|refuse)\b|"
    r"i(?: have|'ve)? never (?:heard of|come across|encountered|read about)\b",
    rf"(?:i |we )?{_ADVERB}{_NOT} {_ADVERB}have (?:enough|anything|much) "
    r"(?:to (?:go on|say|tell)|on (?:this|that|it))\b",
    r"(?:i have|i've|i've got|i found|i (?:can|could) find) nothing (?:on|about|to say|to go on|that)\b",
    r"i(?:'d| would) (?:only|just) be guessing\b|i(?:'m| am) (?:stumped|at a loss)\b|i wouldn't know\b|"
    r"i(?:'m| am|'ve| have)? draw(?:n|ing)? a blank\b|(?:it|that|the (?:name|answer)) (?:escapes me|slips my mind)\b",
    r"i (?:haven't|have not) (?:been trained|the (?:faintest|slightest|foggiest)|a clue)\b|not that i know of\b",
    r"my (?:training data|knowledge|training) (?:does not|doesn't)\b|your guess is as good as mine|beats me|"
    r"(?:dunno|idk)\b",
    # the question
    rf"{_IT} {_CANNOT} be (?:determined|answered|known|verified)\b",
    rf"{_IT}(?: is not|'s not| isn't) (?:known|available|clear)\b",
    rf"{_IT}(?: is|'s) (?:impossible|not possible) (?:for me )?to (?:know|say|tell|determine|answer|provide|give)\b",
    r"it (?:would be|is) (?:inappropriate|not appropriate) (?:for me )?to\b",
    r"(?:it|this|that)(?: is|'s) (?:not something i\b|a question i can|(?:beyond|outside) (?:what i|my|me)\b)",
    rf"there (?:(?:is|are) no|(?:isn't|is not|aren't) any) (?:\w+ )?{_PROOF}"
    r"(?: (?:that )?i (?:can|could|know)\b| available| to cite|[.,;]|$)",
    r"(?:there is |there's |there isn't |there is not )?(?:not enough|insufficient|enough) (?:\w+ )?"
    r"(?:information|data|context)\b|(?:there is |there's )?no way (?:to|of) (?:know|tell)",
    r"(?:there is |there's )?no (?:information|data) (?:(?:is |was )?(?:available|given|found)|about|on)\b",
    r"(?:no one|nobody) (?:(?:really )?knows|can (?:say|tell|know))\b|who knows[.!?]*$",
    r"please (?:consult|ask|check with|provide|clarify|specify)\b",
    r"(?:can|could) you (?:please )?(?:provide|clarify|specify|give me)\b",
)))
_DECLINES_SORRY = re.compile(rf"(?:i |we )(?:{_CANNOT}|am not|'m not|was not) \w+")
"""After an apology or "as an AI" any deed will do."""
_WHOLE = re.compile(
    r"(?:(?:the (?:\w+ ){1,3}is|it is|it's|this is|that is) )?(?:unknown|not known|uncertain|unclear|unsure|not sure|"
    r"n/?a|not available|unanswerable|not applicable|no (?:idea|clue|comment|answer)|pass|cannot answer|"
    r"can't (?:say|answer))(?: to me)?[.!]*"
)
_ANSWERS_STILL = re.compile(
    r"\b(?:but|however|though)\b,? (?!i (?:can|could) (?:try|help|assist|guide)\b|i'd\b|i would be\b|i'm\b|i am\b|"
    r"if you\b|please\b|you\b|feel free\b|let me know\b)|\bbest guess\b|"
    r"\bi(?:'d| would)? (?:think|believe|guess|suspect|say)\b|\b(?:probably|maybe|perhaps|likely)\b|"
    r"\b(?:might|may|could) be\b|[.;] it(?:'s| is| was) (?!important|always|best|subjective|advisable|recommended)"
)


def is_refusal(text: str) -> bool:
    """Tell whether `text`, one answer, declines to answer; an empty text does not."""
    plain = " ".join(text[:_READ].replace("’", "'").casefold().split()).strip("\"'*_ ")
    opener = _OPENER.match(plain)
    start = opener.end() if opener else 0
    if _WHOLE.fullmatch(plain, start):
        return True
    declined = _DECLINES.match(plain) or _DECLINES.match(plain, start)
    if declined is None and opener and opener["sorry"]:
        declined = _DECLINES_SORRY.match(plain, start)
    if declined is None:
        return declines_elsewhere(plain)
    return _ANSWERS_STILL.search(plain, declined.end()) is None
