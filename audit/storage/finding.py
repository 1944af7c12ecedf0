"""One audit among many, by a path, an address, or the beginning of its id."""

from __future__ import annotations

from pathlib import Path

from audit.errors import UsageError, did_you_mean
from audit.storage.access import audit_folder, bring_named, shown
from audit.storage.working import RECORD

__all__ = ["find_audit"]


def find_audit(name: str, into: Path) -> Path:
    """Return the folder of an audit given as a path, an address or an id prefix; UsageError for none or several."""
    folder = audit_folder(name)
    if (folder / RECORD).is_file():
        return folder
    bring_named(into, name)
    begins = into.glob(f"{name}*/{RECORD}") if name.replace("-", "").isalnum() else ()
    found = sorted(path.parent for path in begins)
    exact = [path for path in found if path.name == name]
    if len(exact) == 1 or len(found) == 1:
        return (exact or found)[0]
    if found:
        raise UsageError(
            "{name!r} begins {count} audits under {folder}: {names}",
            name=name, count=len(found), folder=shown(into), names=", ".join(path.name for path in found[:5]),
        )
    known = [path.parent.name for path in into.glob(f"*/{RECORD}")]
    raise UsageError(
        "no audit {name!r} under {folder}{near}", name=name, folder=shown(into), near=did_you_mean(name, known)
    )
