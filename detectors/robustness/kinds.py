"""Kinds of change: what each touches, and whether it keeps the meaning by construction or may not.

    typos          share of words with one slip of a finger; numbers are never touched       may change the meaning
    case           share of words in capitals (words in capitals: in small letters)          may: `polish`, `Polish`
    blanks         share of blanks that become two or three                                  keeps it
    homoglyphs     share of letters that become look-alikes of another script, Hangul its    keeps it, for who looks
                   conjoining letters
    synonyms       share of the words in a table that its partner stands for                 may
    word_order     share of neighbouring words that change places                            may
    option_order   the options that a prompt shows, in another order                         keeps it
    system_prompt  a text in front of the prompt, named by its number                        keeps it
    paraphrase     the same in other words, by who gave them (`given`) or by a model         may: nobody looked

    noise          Gaussian, its deviation up to a quarter of the range                      may, as all of images do:
    blur           mean of neighbours, up to the whole shorter side                     a strong change hides
    jpeg           loses what a JPEG of quality 100 down to 5 loses                          what is there
    brightness     lighter or darker by up to half of the range, clipped
    shift          by up to half of the side, in one of eight directions, edges repeated

A strength lies in (0, 1]. Of texts it is the share of what could be touched, and one place at the least is; of images
the part of the strongest change. `as_it_is` is the unchanged item, `again` the unchanged item asked once
more, with another seed of what draws the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

__all__ = [
    "AGAIN", "AS_IT_IS", "IMAGE_KINDS", "KEEPS_MEANING", "TEXT_KINDS", "ImageKind", "TextKind", "group_of",
    "without_strength",
]

TextKind = Literal["typos", "case", "blanks", "homoglyphs", "synonyms", "word_order", "option_order"]
ImageKind = Literal["noise", "blur", "jpeg", "brightness", "shift"]
TEXT_KINDS: tuple[TextKind, ...] = get_args(TextKind)
IMAGE_KINDS: tuple[ImageKind, ...] = get_args(ImageKind)
AS_IT_IS, AGAIN = "as_it_is", "again"
KEEPS_MEANING = frozenset({"blanks", "homoglyphs", "option_order", "system_prompt"})
"""Kinds that keep the meaning by construction."""
_NUMBERED: Mapping[str, str] = {"system_prompt": "{kind} {number}", "paraphrase": "{kind} {number}"}


def without_strength(kind: str) -> bool:
    """Tell whether a kind comes in one strength only, or several of it are told apart by number."""
    return kind == "option_order" or kind in _NUMBERED


def group_of(kind: str, strength: float) -> str:
    """Return how a change is called in measures: `typos at 0.2`, `option_order`, `system_prompt 2`."""
    if kind in _NUMBERED:
        return _NUMBERED[kind].format(kind=kind, number=round(strength))
    return kind if without_strength(kind) else f"{kind} at {strength:g}"
