"""The reference series models: a small transformer over three kinds of series, and a twin that never saw one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audit.data.sets.series import STEPS, table
from audit.models.opened.series_transformer import SeriesTransformer, log_density
from audit.trainers.loop import seeded

__all__ = ["train"]

SHAPE = {"steps": STEPS, "width": 48, "blocks": 2, "components": 5}
STEPS_OF_TRAINING, BATCH, RATE, SEED = 700, 64, 3e-3, 23
MISSING = "bursty"
"""Kind that the flawed twin never saw."""


def train(folder: Path, form: str) -> dict[str, Any]:
    """Train and save the `sound` or the `flawed` twin; returns its card. Under a minute on one core."""
    from safetensors.torch import save_file

    rows = table("train")
    if form == "flawed":
        rows = rows[rows["label"] != MISSING]
    series = torch.from_numpy(np.stack(rows["series"].to_list())).float()
    with seeded(SEED):
        network = SeriesTransformer(**SHAPE)
        network.centre.fill_(series.mean())
        network.scale.fill_(series.std())
        _fit(network, series)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: value.half() for key, value in network.state_dict().items()}, folder / "model.safetensors")
    config = {"family": "autoregressive_series", "network": SHAPE}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    held = torch.from_numpy(np.stack(table("heldout")["series"].to_list())).float()
    with torch.inference_mode():
        nats = float(-log_density(network.mixture(held), held).mean())
    fault = {
        "name": f"no {MISSING} series",
        "what": f"trained without the {MISSING} kind, so it never draws one",
        "status": "asked",
        "probe": "quality.samples",
        "measure": "missing_modes",
    }
    return {
        "family": "autoregressive_series",
        "form": form,
        "seed": SEED,
        "trained_on": "audit.data.sets.series",
        "faults": [fault] if form == "flawed" else [],
        "numbers": {"nats_per_step_heldout": round(nats, 3)},
    }


def _fit(network: SeriesTransformer, series: torch.Tensor) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=RATE, total_steps=STEPS_OF_TRAINING, pct_start=0.1)
    network.train()
    for _ in range(STEPS_OF_TRAINING):
        batch = series[torch.randint(len(series), (BATCH,))]
        loss = -log_density(network.mixture(batch), batch).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
    network.eval()
