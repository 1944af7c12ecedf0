"""Who speaks: the name under which a person reviews or seals, and the key that signs it.

A name is what its owner says it is; a key shows only that the same key signed. `DOKIMASIA_KEY` names a key file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from audit.errors import UsageError
from audit.signing.keys import SigningKey, read_key
from audit.signing.person_names import plain_name

__all__ = ["KEY_FILE", "author_name", "signing_key"]

KEY_FILE = "DOKIMASIA_KEY"


def author_name(given: str | None = None) -> str:
    """Return the name given, else that of git's settings, else the login name; UsageError where there is none."""
    name = given if given is not None else _git_name() or os.environ.get("USER") or os.environ.get("LOGNAME") or ""
    if not name.strip():
        raise UsageError("nobody is named; say who speaks with --author NAME")
    return plain_name(name)


def _git_name() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    asked = subprocess.run([git, "config", "user.name"], capture_output=True, check=False)
    return asked.stdout.decode("utf-8", "replace").strip()


def signing_key(given: Path | None = None) -> SigningKey | None:
    """Return the key in the file given, else that in the file which `DOKIMASIA_KEY` names, else None."""
    path = given or (Path(os.environ[KEY_FILE]) if os.environ.get(KEY_FILE) else None)
    return None if path is None else read_key(path)
