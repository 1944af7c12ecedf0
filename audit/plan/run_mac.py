"""Which audits are this installation's own: the MAC in run.json says so, and nothing else does.

    mac = MAC(name of the folder, facts of the run)         the facts hold the digest of record.json

Whoever knows a plan can compute its id and put a folder there, so what a folder says of itself proves nothing
(`audit.signing.installation`).
"""

from __future__ import annotations

from pathlib import Path

from audit.errors import DokimasiaError
from audit.files import digest_file
from audit.record import RECORD_FILE, Audit, Record, RunFacts, load_record
from audit.signing import Secret

__all__ = ["is_own", "own_record", "vouched"]


def vouched(folder: Path, facts: RunFacts) -> RunFacts:
    """Return the facts of a run with this installation's MAC over them and the folder's name."""
    return facts.model_copy(update={"mac": Secret.here().mac(*_word(folder, facts))})


def is_own(audit: Audit) -> bool:
    """Tell whether this installation ran an audit, and neither its record nor run.json was changed since."""
    if audit.run is None or audit.run.record != digest_file(audit.folder / RECORD_FILE):
        return False
    return Secret.here().holds(audit.run.mac, *_word(audit.folder, audit.run))


def own_record(folder: Path) -> Record | None:
    """Return the record of an audit that this installation finished; None where it did not."""
    try:
        audit = load_record(folder)
    except DokimasiaError:
        return None
    return audit.record if is_own(audit) else None


def _word(folder: Path, facts: RunFacts) -> tuple[str, str, object]:
    return "run", folder.absolute().name, facts.model_dump(mode="json", exclude={"mac"})
