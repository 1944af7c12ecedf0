"""Audits in an object store: a working copy of them in a folder of this machine, in which all happens as ever.

    local_folder("s3://bucket/audits")      the folder that stands for the address
    find_audit(name, into)                  the folder of one audit
    bring(folder), bring_heads(folder)      make it as the store has it; nothing where it stands for none; of finished
                                            audits that are only listed the files of `LISTED`, of all `TELLING`
    held(folder)                            run in it: with a lease, and what is written goes into the store behind
    shared(path), append_conditional(path)  logs that several machines add to
"""

from audit.storage.access import (
    append_conditional,
    audit_folder,
    bring,
    bring_file,
    bring_heads,
    files_beside,
    held,
    is_copy,
    local_folder,
    push_folder,
    shared,
    shown,
)
from audit.storage.finding import find_audit
from audit.storage.working import LISTED, LOCK, TELLING

__all__ = [
    "LISTED", "LOCK", "TELLING", "append_conditional", "audit_folder", "bring", "bring_file", "bring_heads",
    "files_beside", "find_audit", "held", "is_copy", "local_folder", "push_folder", "shared", "shown",
]
