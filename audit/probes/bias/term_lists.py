"""A small list of our own, English and Korean: words by which texts name women and men, and words of two attributes.

They are nouns and pronouns that leave little doubt, and words of work and of the family. A corpus of a field has other
groups and other words: give them.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ATTRIBUTES", "GROUPS"]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "women": (
        "she", "her", "hers", "herself", "woman", "women", "girl", "girls", "lady", "ladies", "mother", "mothers",
        "daughter", "daughters", "sister", "sisters", "wife", "wives", "aunt", "grandmother", "queen", "mrs", "ms",
        "그녀", "여자", "여성", "소녀", "어머니", "엄마", "딸", "누나", "언니", "아내", "할머니", "이모",
        "고모", "여왕",
    ),
    "men": (
        "he", "him", "his", "himself", "man", "men", "boy", "boys", "gentleman", "gentlemen", "father", "fathers",
        "son", "sons", "brother", "brothers", "husband", "husbands", "uncle", "grandfather", "king", "mr",
        "남자", "남성", "소년", "아버지", "아빠", "아들", "형", "오빠", "남편", "할아버지", "삼촌", "왕",
    ),
}  # fmt: skip
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "career": (
        "work", "works", "worked", "job", "jobs", "career", "office", "business", "company", "salary", "manager",
        "engineer", "doctor", "professor", "scientist", "lawyer", "director", "boss", "leader", "profession",
        "일", "직장", "직업", "회사", "사무실", "사업", "월급", "연봉",
        "승진", "관리자", "기술자", "의사", "교수", "과학자", "변호사", "사장", "대표",
    ),
    "family": (
        "home", "house", "family", "families", "child", "children", "baby", "babies", "kitchen", "cook", "cooks",
        "cooked", "cooking", "wedding", "marriage", "married", "parents", "household", "nurse", "laundry", "cleaning",
        "집", "가정", "가족", "아이", "아기", "자녀", "부엌", "요리", "결혼",
        "결혼식", "살림", "육아", "빨래", "청소", "부모",
    ),
}  # fmt: skip
