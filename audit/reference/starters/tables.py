"""The plan that `init --data` writes: a table audited without a model, its columns taken for what they are called.

    sensitive    named like a trait that people are told apart by, in English or Korean; else the first column
    label        named like an outcome; else the last column that few values fill
    favourable   a value that is mostly good to have, or of what nobody wants (a default) another one; else the one
                 that is there most often
    identity     one that is called like a person, or `id`, and has some value twice: of each person one row counts
    features     all others but those that name a row (`id`, or no value twice), are there twice or are mostly empty

Only names and the first rows are read, and the person who runs the plan shall look at all of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit.data import ENDINGS, column_names, read_columns
from audit.errors import UsageError
from audit.reference.starters import seen_from

__all__ = ["MOST_VALUES", "first_values", "label_of", "table_plan"]

_SENSITIVE = re.compile(
    r"sex|gender|race|racial|ethnic|religio|disab|nationalit|age_?(?:group|cat|band)|성별|인종|민족|종교|장애|국적|연령대|지역",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"label|target|outcome|class|decision|approved|income|hired|default|recid|y|결과|라벨|승인|합격|채용", re.IGNORECASE
)
_UNWANTED = re.compile(r"default|recid|fraud|arrest|reject|denied|연체|재범|불합격|거절", re.IGNORECASE)
"""Names of labels of which 1, or yes, is bad to have."""
_PERSON = re.compile(
    r"(?:id|(?:person|people|user|customer|client|applicant|candidate|patient|subject|participant|employee|worker|student"
    r"|member|borrower|author|speaker|defendant)(?:[ _-]?(?:id|no|nr|number|code|key|name))?"
    r"|(?:고객|회원|사용자|환자|지원자|학생|직원|피고인|차주)(?:[ _-]?(?:번호|아이디|id|코드|명))?)",
    re.IGNORECASE,
)
_GOOD = ("1", "true", "yes", "y", "approved", "hired", "good", ">50K", "합격", "승인", "예")
_MOST_SENSITIVE, _MOST_FEATURES = 3, 20
MOST_VALUES = 20
"""Of a label that is not called one."""
_HEAD = """\
# yaml-language-server: $schema=./plan.schema.json
title: TITLE
seed: 7
level: 0.95
checks:
  - name: labels                # who has the favourable value of the label how often; which groups are hardly there
    probe:                      # favourable: the value that is good to have; look whether it is
      {use: bias.data, sensitive: SENSITIVE, label: LABEL, favourable: FAVOURABLE, questions: [labels, coverage]}
    data: {use: file, path: PATH}
    limit: {measure: label_rate_gap, at_least: -0.1, at_most: 0.1}
  - name: missing               # whose values are missing
    probe: {use: bias.data, sensitive: SENSITIVE, label: LABEL, LEARNT_FROMquestions: [missing]}
    data: {use: file, path: PATH}
    limit: {measure: missing_rate_gap, at_least: -0.1, at_most: 0.1}
  - name: representation        # add e.g. reference: {COLUMN: {a: 0.5, b: 0.5}}, cite: where that was published
    probe: {use: bias.data, sensitive: SENSITIVE, label: null, questions: [representation]}
    data: {use: file, path: PATH}
"""
_PROXIES = """\
  - name: proxies               # what the other columns give away of the group
    probe: {use: bias.data, sensitive: SENSITIVE, label: null, features: FEATURES, questions: [proxies]}
    data: {use: file, path: PATH}
    limit: {measure: joint_proxy, at_most: 0.75}
"""


def table_plan(data: str, *, base: Path = Path()) -> str:
    """Return the text of a plan in `base` that audits a table without a model.

    Raises UsageError for a file that is not there, or no table, DataError for one that cannot be read.
    """
    path = Path(data)
    if path.suffix.lower() not in ENDINGS or not path.is_file():
        why = "no such file" if not path.is_file() else f"ends in {path.suffix!r}"
        raise UsageError(f"--data {data}: {why}; allowed: a file that ends in {', '.join(ENDINGS)}")
    columns = first_values(path)
    if len(columns) < 2:
        raise UsageError(f"--data {data}: has {len(columns)} columns that can be told apart; allowed: 2 or more")
    label = label_of({name: values for name, values in columns.items() if name != "id"})
    others = [name for name in columns if name not in (label, "id")]
    if not others:
        raise UsageError(f"--data {data}: has no column that could say who is in which group; allowed: one or more")
    persons = [name for name in columns if _PERSON.fullmatch(name) and max(columns[name].values(), default=0) > 1]
    others = [name for name in others if name not in persons] or others
    sensitive = [name for name in others if _SENSITIVE.search(name)][:_MOST_SENSITIVE] or others[:1]
    features = _features({name: columns[name] for name in others if name not in sensitive})
    told: dict[str, Any] = {
        "TITLE": f"Bias in {path.name}", "SENSITIVE": sensitive, "LABEL": label, "PATH": seen_from(base, str(path)),
        "FAVOURABLE": _favourable(label, columns[label]), "FEATURES": features, "COLUMN": sensitive[0],
        "PERSON": ["number" if one == "id" else one for one in persons if one not in (label, *sensitive)][:1],
    }  # fmt: skip
    template = _HEAD.replace("LEARNT_FROM", "features: FEATURES, " if features else "") + _PROXIES * bool(features)
    if told["PERSON"]:
        template = template.replace("use: bias.data, ", "use: bias.data, identity: PERSON, ")
        if told["PERSON"] == ["number"]:  # no field is called as the ids of items are
            template = template.replace("path: PATH}", "path: PATH, fields: {number: id}}")
    elif (different := _different(path, list(columns))) is not None:
        said = f"{different} of the first rows differ: where one person has several, add identity: [what names persons]"
        template = template.replace("checks:\n", f"checks:                         # {said}\n", 1)
    return re.sub("|".join(told), lambda found: json.dumps(told[found[0]], ensure_ascii=False), template)


def _different(path: Path, columns: list[str]) -> str | None:
    """Return how many of the first rows differ in all columns, `40 of 1,000`; None where more than half of them do."""
    first = next(iter(read_columns(path, "auto", columns, limit=1000)), {})
    rows = [repr(row) for row in zip(*first.values(), strict=True)]
    return None if 2 * len(set(rows)) > len(rows) or not rows else f"{len(set(rows)):,} of {len(rows):,}"


def _features(columns: Mapping[str, Counter[str]]) -> list[str]:
    """Return the columns that a model would learn from: those that name no row, and that most rows fill."""
    filled = {name: sum(values.values()) for name, values in columns.items()}
    rows = max(filled.values(), default=0)
    return [
        name for name, values in columns.items() if len(values) < max(2, filled[name]) and 2 * filled[name] >= rows
    ][:_MOST_FEATURES]


def first_values(path: Path) -> dict[str, Counter[str]]:
    """Return column -> how often each value is there in the first rows, of columns whose name is there once."""
    names = column_names(path)
    once = [name for name in names if names.count(name) == 1]
    first = next(iter(read_columns(path, "auto", once, limit=1000)), {})
    return {name: Counter(str(cell) for cell in first.get(name, []) if cell not in (None, "")) for name in once}


def label_of(columns: Mapping[str, Counter[str]]) -> str:
    """Return the column that is named like an outcome, else the last one that few values fill."""
    few = [name for name, values in columns.items() if 1 < len(values) <= MOST_VALUES and not _SENSITIVE.search(name)]
    named = [name for name in few if re.search(rf"(?:^|_)(?:{_LABEL.pattern})(?:$|_)", name, re.IGNORECASE)]
    return [*(few or list(columns)), *named][-1]


def _favourable(label: str, values: Counter[str]) -> str:
    wanted = not _UNWANTED.search(label)
    good = [value for value in values if (value.casefold() in {one.casefold() for one in _GOOD}) == wanted]
    return good[0] if good else next((value for value, _ in values.most_common(1)), "1")
