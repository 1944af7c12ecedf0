"""How far a run is, in words: what share is asked, how fast, how long it will take, and what may be known already.

    progress_view(found, partial, now, words) -> ProgressView

The rate is that of the latest marks. Of a check that stops early, the interim interval is a confidence sequence: it may
be looked at whenever somebody likes.
"""

from __future__ import annotations

from audit.record import CheckProgress, RunProgress
from detectors.immutable import immutable
from reports.text import Notation, Words, one_line
from reports.views.measure_rows import printed

__all__ = ["ProgressView", "progress_view"]

MOST = 4
"""Interim results that are told; a run of ours has one at a time."""
_NEAR = 1e-6
"""Seconds between marks that tell a rate, at least."""
QUIET = 60.0
"""Seconds without an answer after which a run may have been cut off; more where its answers take longer."""


@immutable
class ProgressView:
    """What is told of a run."""

    share: float | None
    """Of the items that were asked; None where nobody knows how many there will be."""
    told: str
    """`412 of 960 items asked (42.9 %), 12.0 a second, about 46 s left`."""
    interim: tuple[tuple[str, str], ...]
    """(check, what it measures so far), of checks that stop early."""
    stalled: bool
    """Whether it has been quiet for longer than its answers take."""


def progress_view(found: RunProgress, partial: int, now: float, words: Words) -> ProgressView:
    """Return how far a run is at `now`, seconds since 1970; `partial`: answers of shards that are not whole yet."""
    notation = Notation(words)
    total = sum(one.expected for one in found.checks)
    done = min(total, sum(one.done for one in found.checks) + partial)
    rate, gap = _rate(found.marks)
    most = "at_most" if any(one.early and one.done < one.expected for one in found.checks) else "of"
    share = done / total if total else None
    parts = [words(f"progress.{most}", done=f"{done:,}", total=f"{total:,}")]
    if share is not None:
        parts.append(notation.number(share, "share"))
    if rate:
        parts.append(words("progress.rate", number=notation.number(rate, "")))
        parts.append(words("progress.left", time=_time((total - done) / rate, words)))
    seen = [one for one in found.checks if one.interim]
    stalled = bool(found.marks) and now - found.marks[-1][0] > max(QUIET, 5 * gap)
    return ProgressView(
        share=share,
        told=words("format.list").join(parts),
        interim=tuple((one_line(one.check, words, 80), _interim(one, notation)) for one in seen[:MOST]),
        stalled=stalled,
    )


def _rate(marks: tuple[tuple[float, int], ...]) -> tuple[float, float]:
    """Return (items in a second, seconds between two marks) of late; 0 where there is nothing to tell it by.

    Marks that go back, or lie too near to each other to be told apart, tell nothing.
    """
    if len(marks) < 2:
        return 0.0, 0.0
    (begun, first), (ended, last) = marks[0], marks[-1]
    seconds, items = ended - begun, last - first
    return (items / seconds, seconds / (len(marks) - 1)) if seconds > _NEAR and items >= 0 else (0.0, 0.0)


def _time(seconds: float, words: Words) -> str:
    """Return a time to two digits or so: `46 s`, `12 min`, `3 h 20 min`."""
    whole = round(seconds)
    if whole < 90:
        return words("progress.seconds", count=whole)
    minutes = round(whole / 60)
    if minutes < 90:
        return words("progress.minutes", count=minutes)
    return words("progress.hours", count=minutes // 60, minutes=minutes % 60)


def _interim(one: CheckProgress, notation: Notation) -> str:
    """Return `stereotype share 54.1 % [44.1 %, 63.9 %] of 320 items, limit ≤ 60 %`."""
    assert one.interim is not None
    row = printed(one.interim, one.limit, notation)
    return notation.words(
        "progress.interim",
        measure=row.label, value=row.full, interval=row.interval, n=row.n,
        limit=row.limit_text,
    )
