"""What `init --for mark` writes: do the images of a folder carry our mark, and what takes it out?

    FOLDER                      the images, which carry the mark
    FOLDER/marked               they do where there is such a folder; and beside it, where there are any,
    FOLDER/originals            the same by the same file names before they were marked
    FOLDER/unmarked             others that never were
    FOLDER/lifted               others that were, from which an attacker would lift it
"""

from __future__ import annotations

import json
from pathlib import Path

from audit.errors import UsageError
from audit.reference.starters import seen_from

__all__ = ["mark_plan"]

_BESIDE = ("originals", "unmarked", "lifted")
_PLAN = """\
# yaml-language-server: $schema=./plan.schema.json
title: Do these images carry our mark, and what takes it out?
seed: 7
level: 0.95
checks:
  - name: mark
    probe:
      use: provenance.image_mark
      images: given                          # they carry the mark; `marked`: the audit puts it in first
      key_file: mine.dokimasia-key           # `dokimasia mark key mine.dokimasia-key` makes one
      attacks: [all]
      other_keys: 10                         # so often false alarms are looked for in each image
    data:
{data}    limit: {{measure: worst_power_under_attack, at_least: 0.95}}
"""


def mark_plan(folder: str, *, base: Path = Path()) -> str:
    """Return the text of a plan in `base` for a folder of marked images; raises UsageError where there is none."""
    home = Path(folder)
    if not home.is_dir():
        raise UsageError(f"--data {folder}: no such folder; allowed: a folder of images")
    marked = home / "marked"
    places = {"items": marked if marked.is_dir() else home}
    if marked.is_dir():
        places |= {name: home / name for name in _BESIDE if (home / name).is_dir()}
    told = {name: json.dumps(seen_from(base, str(place)), ensure_ascii=False) for name, place in places.items()}
    lines = (f"      {name}: {{use: image_folder, path: {place}, mode: RGB}}\n" for name, place in told.items())
    return _PLAN.format(data="".join(lines))
