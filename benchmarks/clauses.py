"""An audit through every catalogue, and what goes without its seal, without signatures, with limits set afterwards.

`python benchmarks/clauses.py [--items 24] [--into FOLDER]`: SmolLM2, where its wheel is installed, and the reference
language model are audited by three checks, asked for and approved under two keys, sealed, and every question of every
catalogue is answered so that as many clauses as can be bind; --items is how many SmolLM2 is asked. Prints, for each
model, the clauses of each status by evidence; those supported that lack what they need; and for each thing taken away
which fell, beside those that name it where it counts. Exit code 1 where a supported clause lacks something, or where
what fell is not what hangs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from audit.execute import run
from audit.frameworks import Clause, framework_names, load_framework
from audit.integrity import seal_audit
from audit.plan import Plan
from audit.policy import RANK, ClauseCoverage, coverage_of
from audit.record import SEAL_FILE, Audit, Sheet, load_record
from audit.reference import cases, find_language_model
from audit.reference.plans import language_model_plan
from audit.review import Answers, Decision, add_reviews
from audit.signing import SigningKey, make_key
from audit.signing.keys import read_key

CHECKS = 3
POSITIVE = ("supported", "partly supported")
Seen = list[tuple[Clause, ClauseCoverage]]


def plans(items: int) -> Iterator[tuple[str, Plan]]:
    """Yield the name of a model and a small plan for it."""
    if find_language_model() is not None:
        yield "SmolLM2", _small(language_model_plan(), items)
    sound = (one for one in cases() if one.reference.form == "sound" and one.reference.path.parent.name == "language")
    yield "reference language model", _small(next(sound).plan, None)


def _small(plan: Plan, items: int | None) -> Plan:
    """Return the first checks of a plan that have a limit, on so many items."""
    limited = [one for one in plan.checks if one.limit is not None][:CHECKS]
    return replace(plan, checks=tuple(limited), limit=items, sheet=Sheet(purpose="answers", owner="Kim"))


def signed_off(audit: Audit, keys: Sequence[SigningKey | None]) -> Audit:
    """Let one person ask, answer every catalogue's questions, and another one approve."""
    ask = Decision(decision="in review", two_person=keys[0] is not None)
    add_reviews(audit, ask, author="Kim Minji", key=keys[0])
    for name in framework_names():
        framework = load_framework(name)
        out = {question for question, allowed in framework.when.items() if allowed == ["none"]}
        answers = {one.id: ["none"] if one.id in out else [choice.id for choice in one.choices]
                   for one in framework.questions}  # fmt: skip
        add_reviews(audit, Answers(framework=name, answers=answers), author="Kim Minji", key=keys[0])
    add_reviews(audit, Decision(decision="approved"), author="Lee Jisoo", key=keys[1])
    return audit


def seen(audit: Audit) -> Seen:
    """Return every clause of every catalogue with what the audit is for it."""
    return [(one.clause, one) for name in framework_names() for one in coverage_of(audit, load_framework(name)).clauses]


def hanging(before: Seen, *needs: str) -> set[int]:
    """Return the places of clauses that are supported, wholly or partly, and name one of these where it counts."""
    return {
        place for place, (clause, row) in enumerate(before) for need in needs
        if (need in clause.needs and row.by_evidence in POSITIVE)
        or (row.by_evidence == "supported" and (need in clause.full or (need == "limit_before" and row.findings)))
    }  # fmt: skip


def told(what: str, before: Seen, after: Seen, hang: set[int]) -> bool:
    """Print what fell from being supported, wholly or partly; return whether it is what hangs on what was taken."""
    pairs = [(old.by_evidence, new.by_evidence) for (_, old), (_, new) in zip(before, after, strict=True)]
    fell = {at for at, (old, new) in enumerate(pairs) if old in POSITIVE and RANK.get(new, 0) < RANK[old]}
    ways = Counter(f"{pairs[place][0]} -> {pairs[place][1]}" for place in fell)
    print(f"  {what}: {len(fell)} fell {dict(ways)}; {len(hang)} hang on it, {len(fell ^ hang)} differ")
    return fell == hang


def examined(name: str, plan: Plan, folder: Path) -> bool:
    """Audit, sign, seal, count, and take away one thing after the other; return whether all is as it must be."""
    kim, lee, sealer = (read_key(folder / one) for one in ("kim", "lee", "sealer") if make_key(folder / one))
    audit = signed_off(run(plan, into=folder / "audits"), (kim, lee))
    seal_audit(audit, sealer, "Lee Jisoo")
    before = seen(audit)
    lacking = sum(
        bool(row.lacking or row.not_full or row.tests_absent or row.caps)
        for _, row in before if row.by_evidence == "supported"
    )  # fmt: skip
    print(f"{name}: {len(before)} clauses {dict(Counter(row.by_evidence for _, row in before))}")
    print(f"  supported and lacking what they need: {lacking}")
    bare, plain = folder / "bare", folder / "plain"
    shutil.copytree(audit.folder, bare, ignore=shutil.ignore_patterns(SEAL_FILE))
    shutil.copytree(audit.folder, plain, ignore=shutil.ignore_patterns(SEAL_FILE, "reviews.jsonl"))
    unsigned = signed_off(load_record(plain), (None, None))
    seal_audit(unsigned, sealer, "Lee Jisoo")
    run(replace(plan, checks=tuple(replace(one, limit=None) for one in plan.checks)), into=folder / "late")
    late = signed_off(run(plan, into=folder / "late"), (kim, lee))
    seal_audit(late, sealer, "Lee Jisoo")
    return not lacking and all([
        told("without its seal", before, seen(load_record(bare)), hanging(before, "sealed")),
        told("not signed", before, seen(unsigned), hanging(before, "approval_signed", "two_person")),
        told("with limits set afterwards", before, seen(late), hanging(before, "limit_before")),
    ])  # fmt: skip


def main() -> int:
    """Examine every model; return 1 where one is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=24)
    parser.add_argument("--into", type=Path)
    asked = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as place:
        for name, plan in plans(asked.items):
            folder = (asked.into or Path(place)) / name.replace(" ", "-")
            folder.mkdir(parents=True)
            good &= examined(name, plan, folder)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
