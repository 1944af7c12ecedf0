"""English words that rules about sentences and claims go by: abbreviations, words that begin sentences, predicates."""

from __future__ import annotations

__all__ = ["ABBREVIATIONS", "FINITE", "STARTERS", "TITLES"]

_TITLES_TEXT = """
mr mrs ms dr prof st mt ft gen col capt lt sgt sen rep gov hon rev fr messrs vs no nos fig figs eq vol pp ca approx
e.g i.e cf al jan feb mar apr jun jul aug sep sept oct nov dec
"""
TITLES = frozenset(_TITLES_TEXT.split())
"""What stands before a name or number: a full stop behind these ends no sentence."""

_ABBREVIATIONS_TEXT = """
inc ltd co corp llc plc jr sr esq etc dept univ est bros u.s u.k u.n d.c a.m p.m b.c a.d
"""
ABBREVIATIONS = frozenset(_ABBREVIATIONS_TEXT.split())
"""A full stop behind these ends a sentence only where a word follows that commonly begins one."""

_STARTERS_TEXT = """
the a an he she it they we i you this that these those there his her its their in on at by for from with after
before when while although though since if as but and however moreover meanwhile later then today both some many
most all another other such what who why how where
"""
STARTERS = frozenset(_STARTERS_TEXT.split())
"""Words that begin sentences."""

_FINITE_TEXT = """
is are was were has have had does did do can could will would may might must became become becomes began begins born
won wins wrote writes died dies made makes received receives went goes came comes took takes gave gives got gets
left leaves led leads held holds kept keeps sold sells bought buys built builds ran runs grew grows fell falls rose
rises said says saw sees knew knows met meets set sets spent spends stood stands taught teaches thought thinks told
tells found finds founded includes include contains contain lives lived plays works worked serves moved features
starred directed produced published released remains remain lies covers weighs measures costs earns lost loses beat
beats cut cuts put puts brought chose drew drove ate felt flew fought forgot heard hit laid lay lent let meant paid
rode sang sat sent shot shut slept spoke swam threw understood wore uses used reaches reached
"""
FINITE = frozenset(_FINITE_TEXT.split())
"""Forms that are predicates as they stand; words that end in ed are taken for some too."""
