"""Groups of commands: the command itself, `mark` and `detect`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

__all__ = ["Group"]


class Group(TyperGroup):
    """Commands whose summaries a list tells whole, over several lines where they are long; it would cut them at one."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command's summary: the first paragraph of its help."""
        for command in self.commands.values():
            command.short_help = command.short_help or (command.help or "").partition("\n\n")[0]
        super().format_commands(ctx, formatter)
