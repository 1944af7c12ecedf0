"""What factuality's parts reach on published data and against their peers: one command, a part at a time.

    mismatch    claims and model-free checks: planted faults found, copies accused, AUROC of the lexical verifier
    calibration confidences against labels, what may be promised by them, and what the promise costs
    rag         evidence changed, paired intervals held, and SmolLM2 on our questions with passages
    uncertainty scores of uncertainty beside selfcheckgpt, lm-polygraph and scikit-learn, and what they cost
    robustness  answers under changes: the worst one's interval held, planted flips found, and SmolLM2
    retrieval   passages found by their words, against bm25s
    refusals    sensitivity and specificity of the refusal patterns on rows that stood apart
    verifier    our trained verifier (FOLDER) against the lexical rules, and whether it may be shipped; the rules alone
    smollm2     the real language model on TruthfulQA, HaluEval, questions with passages and changes of text

`python benchmarks/factuality.py PART`; without a part it lists them. Data are taken from `../shared/data`; what
is not there is said to be left out. Every interval is at 95 %, and its unit is the document or question.
"""

from __future__ import annotations

import sys
from importlib import import_module

PARTS = {
    "mismatch": "factuality_mismatch", "calibration": "factuality_calibration", "rag": "factuality_rag",
    "uncertainty": "factuality_uncertainty",
    "retrieval": "factuality_retrieval", "robustness": "factuality_robustness", "refusals": "factuality_refusals",
    "verifier": "factuality_verifier", "smollm2": "factuality_smollm2",
}  # fmt: skip
"""Part -> the module beside this one whose `main` takes the rest of the command line."""


def main() -> None:
    """Run one part."""
    part, *rest = sys.argv[1:] or [""]
    if part not in PARTS:
        sys.exit(f"{__doc__}\nasked for {part!r}; allowed: {', '.join(PARTS)}")
    sys.exit(import_module(PARTS[part]).main(rest))


if __name__ == "__main__":
    main()
