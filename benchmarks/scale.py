"""What many models, machines and reviewers cost: one command, a part at a time.

    endpoint    2,000 calls to a server of fixed latency with 1, 8 and 32 in flight: how much of it is waited for, CPU
    catalogue   an index over 100,000 audits: made, brought up to date, asked
    reviews     eight writers of one audit's reviews on file, SQLite and PostgreSQL: lost, order, chain, entries/s
    storage     audits in an object store: what a stored answer costs more than on a disk, and a list of many audits
    ray         workers on a simulated slow endpoint, and what a shard costs in processor time beyond one process
    shards      what cutting into shards costs in one process, and what each stored one costs that is taken up again
    memory      tables of 1e7 rows, or as many as are asked for: peak memory and processor seconds of three audits
    extrapolate what 1,000 models x 1e6 items would take, from the figures of the others: docs/extrapolation.md

`python benchmarks/scale.py PART`; without a part it lists them.
"""

from __future__ import annotations

import sys
from importlib import import_module

PARTS = {
    "catalogue": "scale_catalogue",
    "endpoint": "scale_endpoint",
    "reviews": "scale_reviews",
    "storage": "scale_storage",
    "ray": "scale_ray",
    "shards": "scale_shards",
    "memory": "scale_memory",
    "extrapolate": "scale_extrapolate",
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
