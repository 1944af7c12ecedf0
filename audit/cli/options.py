"""Options that several commands share.

One that a single command has stands in its signature if that takes a line, and else has a name above the command.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.errors import UsageError

if TYPE_CHECKING:
    from audit.plan import Confined

__all__ = [
    "AllowEnv", "Alpha", "AsJson", "AuditName", "Author", "ConfinedFlag", "Into", "KeyFile", "MarkKeys", "MaxItems",
    "PlanPath", "Quiet", "ReviewsPlace", "confinement",
]


def _folder(place: str) -> Path:
    from audit.storage import local_folder

    return local_folder(place)


Into = Annotated[
    Path,
    typer.Option(
        "--into", parser=_folder, metavar="FOLDER", help="Folder that holds the audits, or an address: s3://bucket/audits."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
MaxItems = Annotated[
    int | None, typer.Option("--max-items", "--limit", min=1, help="At most this many items of each data source.")
]
ConfinedFlag = Annotated[
    bool,
    typer.Option("--confined", help="Let a plan read below its own folder, and variables DOKIMASIA_KEY_* only."),
]
AllowEnv = Annotated[
    list[str] | None,
    typer.Option("--allow-env", metavar="NAME", help="With --confined: a variable that the plan may read; repeatable."),
]
AuditName = Annotated[
    str, typer.Argument(metavar="AUDIT", help="Folder of an audit, or the beginning of its id under --into.")
]
Author = Annotated[str | None, typer.Option(help="Who speaks; default: git's user.name, else the login name.")]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="Private key that signs; default: the file that DOKIMASIA_KEY names.")
]
ReviewsPlace = Annotated[
    str | None,
    typer.Option(
        "--reviews", metavar="DATABASE", envvar="DOKIMASIA_REVIEWS", show_envvar=False,
        help="SQLite file or postgresql://... that keeps the reviews of several hosts; default: DOKIMASIA_REVIEWS.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the summary only.")]
MarkKeys = Annotated[list[Path] | None, typer.Option("--key", help="Key file; may be given again.")]
Alpha = Annotated[float, typer.Option("--alpha", help="A mark is found where p is at most this.")]
PlanPath = Annotated[str, typer.Option(help="Path of the plan in your repository; SARIF points there.")]


def confinement(confined: bool, allow_env: Sequence[str] | None) -> Confined | None:
    """Return what a plan is confined to; UsageError where a variable is allowed and nothing confined."""
    from audit.plan import Confined

    if allow_env and not confined:
        raise UsageError("--allow-env goes with --confined; without it a plan may read every variable")
    return Confined(tuple(allow_env or ())) if confined else None
