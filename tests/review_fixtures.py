"""A small audit that was really run, and people's keys, for the tests of reviews, seals and bundles."""

from __future__ import annotations

from pathlib import Path

from markov import MarkovText, Repeats

from audit.data.tabular import File
from audit.execute import run
from audit.plan import Check, Plan
from audit.record import Audit, Limit, Sheet

TEXTS = [a + b + c + d for a in "abc" for b in "abc" for c in "abc" for d in "abc"]


def small_audit(folder: Path, **more: object) -> Audit:
    """Audit a Markov chain: `limited` fails its limit, `free` has none; 81 items each."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "texts.csv"
    path.write_text("text\n" + "\n".join(TEXTS) + "\n")
    data = File(path)
    checks = (
        Check("limited", Repeats(), {"items": data}, Limit(measure="repeat_share", at_most=0.3), stop="full"),
        Check("free", Repeats(), {"items": data}),
    )
    given = {"title": "Small", "checks": checks, "model": MarkovText(), "shard": 32, **more}
    return run(Plan(**given), into=folder / "audits")


SHEET = Sheet(inventory_id="LM-7", purpose="Answers questions", owner="Kim", tier="high")
