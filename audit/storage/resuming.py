"""A run that goes on: what this machine wrote last time and could not put any more is stored, not asked again.

A kill, or a store that went down, leaves files here that the store does not have. Those that only add are taken up:
answers under names that the store has not, and logs (the journal, and what endpoints took) of which the store has the
beginning. Everything else is as the store has it. Whose answers they are says the journal's MAC, here as everywhere
(`audit.ask.store`).
"""

from __future__ import annotations

from audit.files import whole_lines
from audit.storage.working import SPENT, WorkingCopy

__all__ = ["take_up"]

_ANSWERS = "observed"
_JOURNAL = "journal.jsonl"


def take_up(copy: WorkingCopy, audit: str) -> list[str]:
    """Make the files right in an audit's folder as the store has them, and return what is ahead of the store here.

    Answers come first, the journal that names them last.
    """
    folder, known = copy.root / audit, copy.known(audit)
    answers = sorted(path for path in (folder / _ANSWERS).rglob("*") if path.is_file())
    names = [name for path in answers if (name := copy.name_of(path)) is not None]
    left = [name for name in names if not known.is_stored(name, copy.root / name) and _is_ahead(copy, name)]
    logs = (f"{audit}/{SPENT}", f"{audit}/{_JOURNAL}")
    kept = {name: data for name in logs if _is_ahead(copy, name) and (data := copy.read(name)) is not None}
    copy.bring_top(audit)
    for name, data in kept.items():
        copy.restore(name, data)
    return [*left, *kept]


def _is_ahead(copy: WorkingCopy, name: str) -> bool:
    """Tell whether a file here adds to what the store has; where it does not, it becomes the store's."""
    here, there = copy.read(name), copy.remote.get(name)
    if here is None:
        return False
    if there is None:
        copy.known(name.partition("/")[0]).note(name, None)
        return True
    data, etag = there
    lines = b"".join(whole_lines(here)[0])
    if name.endswith(".jsonl") and len(lines) > len(data) and lines.startswith(data):
        copy.saw(name, data, etag)
        return True
    copy.keep(name, data, etag)
    return False
