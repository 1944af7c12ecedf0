"""The command itself, groups of commands (`mark`, `detect`), and commands."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

__all__ = ["Command", "Group"]


class _Later:
    """Makes of a word what its option wants, if there is one: pydantic, which does so, takes .07 s to import."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        param._runtime_param = None
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def _later(params: list[Any]) -> list[Any]:
    for param in params:
        param._runtime_param = param._runtime_param or _Later()
    return params


class Command(TyperCommand):
    """A command whose options cost nothing unless they are given."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its options and arguments."""
        return _later(super().get_params(ctx))


class Group(TyperGroup):
    """Commands whose summaries a list tells whole, over several lines where they are long; it would cut them at one."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its options."""
        return _later(super().get_params(ctx))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command's summary: the first paragraph of its help."""
        for command in self.commands.values():
            command.short_help = command.short_help or (command.help or "").partition("\n\n")[0]
        super().format_commands(ctx, formatter)
