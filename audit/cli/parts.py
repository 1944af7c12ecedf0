"""The command `parts`: what there is, with options and measures."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from audit import plugins
from audit.cli.options import AsJson
from audit.cli.terminal_words import about
from audit.errors import UsageError, did_you_mean

__all__ = ["all_parts", "one_part", "parts"]

PartName = Annotated[str | None, typer.Argument(help="Kind (models, data, probes, procedures, ...) or name of a part.")]


def parts(
    name: PartName = None,
    as_json: AsJson = False,
) -> None:
    """List models, data sources, probes and all else that can be named, or show the options of one."""
    if name is not None and name not in plugins.GROUPS:
        print(one_part(name, as_json=as_json))
        return
    print(all_parts([name] if name else list(plugins.GROUPS), as_json=as_json))


def all_parts(kinds: list[str], *, as_json: bool) -> str:
    """Return every part of these kinds with its one-line summary."""
    with plugins.importing():
        rows = {kind: {name: _summary(kind, name) for name in plugins.names(kind)} for kind in kinds}
    if as_json:
        return json.dumps(rows)
    lines = []
    for kind, found in rows.items():
        lines += [kind, *(f"  {name:<28} {text}" for name, text in found.items()), ""]
    return "\n".join([*lines, "dokimasia parts NAME shows the options of one."])


def _summary(kind: str, name: str) -> str:
    """A part that cannot be imported is listed as such: one broken plug-in must not hide the others."""
    try:
        return plugins.summary(kind, name)
    except UsageError as error:
        return f"broken: {error}"


def one_part(name: str, *, as_json: bool) -> str:
    """Return a part's docstring and options; UsageError when there is none of this name."""
    homes = [kind for kind in plugins.GROUPS if name in plugins.names(kind)]
    if not homes:
        known = dict.fromkeys([*plugins.GROUPS, *(part for kind in plugins.GROUPS for part in plugins.names(kind))])
        raise UsageError(f"no part {name!r}{did_you_mean(name, known)}")
    pages = [_page(kind, name) for kind in homes]
    return json.dumps(pages) if as_json else "\n\n".join(_text(page) for page in pages)


def _page(kind: str, name: str) -> dict[str, Any]:
    part = plugins.load(kind, name)
    page: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "about": inspect.cleandoc(part.__doc__ or ""),
        "options": [],
        "roles": {},
        "measures": [],
    }
    if kind in plugins.CONFIGURED:
        page["options"] = list(_options(part))
    if kind == "procedures":
        page["needs"] = [need.__name__ for need in part.needs]
    if kind == "probes":
        page["measures"] = list(part.measures)
        page["about_measures"] = {measure: about(name, measure) for measure in part.measures}
        page["roles"] = {
            role: {"required": one.required, "fields": dict(one.fields), "optional": sorted(one.optional)}
            for role, one in part.roles.items()
        }
    return page


def _options(part: type) -> Iterator[dict[str, Any]]:
    notes = plugins.field_notes(part)
    for field in dataclasses.fields(part):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        needed = default is dataclasses.MISSING
        yield {
            "name": field.name,
            "type": str(field.type),
            "required": needed,
            "default": None if needed else json.loads(json.dumps(default, default=str)),
            "about": notes.get(field.name, ""),
        }


def _text(page: dict[str, Any]) -> str:
    lines = [f"{page['name']}  ({page['kind']})", page["about"], ""]
    for option in page["options"]:
        default = "required" if option["required"] else f"default {option['default']!r}"
        lines.append(f"  {option['name']}: {option['type']} ({default}) {option['about']}".rstrip())
    for role, one in page["roles"].items():
        lines.append(f"  data role {role}{'' if one['required'] else ' (optional)'}:")
        lines += [
            f"    {name}{' (optional)' if name in one['optional'] else ''}: {text}"
            for name, text in one["fields"].items()
        ]
    if page.get("needs"):
        lines.append(f"  needs of a model: {', '.join(page['needs'])}")
    if page["measures"]:
        lines.append("  measures, the headline first:")
        lines += [f"    {measure}: {told}".rstrip(": ") for measure, told in page["about_measures"].items()]
    return "\n".join(lines)
