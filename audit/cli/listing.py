"""What there is: parts with their options, and the JSON Schemas of plan, policy and record."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from audit import plugins
from audit.errors import UsageError, did_you_mean

__all__ = ["all_parts", "json_schema", "one_part"]

_CONFIGURED = ("models", "data", "probes")


def all_parts(kinds: list[str], *, as_json: bool) -> str:
    """Return every part of these kinds with its one-line summary."""
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
        known = [*plugins.GROUPS, *(part for kind in plugins.GROUPS for part in plugins.names(kind))]
        raise UsageError(f"no part {name!r}{did_you_mean(name, known)}")
    pages = [_page(kind, name) for kind in homes]
    return json.dumps(pages) if as_json else "\n\n".join(_text(page) for page in pages)


def _page(kind: str, name: str) -> dict[str, Any]:
    part = plugins.load(kind, name)
    page: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "about": (part.__doc__ or "").strip(),
        "options": [],
        "roles": {},
        "measures": [],
    }
    if kind in _CONFIGURED:
        page["options"] = list(_options(part))
    if kind == "probes":
        page["measures"] = list(part.measures)
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
    if page["measures"]:
        lines.append(f"  measures: {', '.join(page['measures'])}")
    return "\n".join(lines)


def json_schema(what: str) -> str:
    """Return the JSON Schema (2020-12) of `plan`, `policy` or `record`."""
    from audit.plan.spec import PlanSpec
    from audit.policy.spec import Policy
    from audit.record.schema import Record

    if what == "record":
        schema = Record.model_json_schema(by_alias=True)
    elif what == "plan":
        schema = PlanSpec.model_json_schema()
        _fill_parts(schema)
    elif what == "policy":
        schema = Policy.model_json_schema()
    else:
        raise UsageError(f"no schema of {what!r}{did_you_mean(what, ['plan', 'policy', 'record'])}")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False)


def _fill_parts(schema: dict[str, Any]) -> None:
    """Put the installed parts and their options where a plan names them."""
    definitions = schema.setdefault("$defs", {})
    for kind in _CONFIGURED:
        definitions[kind] = {"oneOf": [_part_schema(kind, name, definitions) for name in plugins.names(kind)]}
    ref = {kind: {"$ref": f"#/$defs/{kind}"} for kind in _CONFIGURED}
    top, check = schema["properties"], definitions["CheckSpec"]["properties"]
    top["model"] = {"anyOf": [ref["models"], {"type": "null"}], "description": top["model"].get("description", "")}
    top["helpers"]["additionalProperties"] = ref["models"]
    check["probe"] = {**ref["probes"], "description": check["probe"].get("description", "")}
    roles = {"type": "object", "not": {"required": ["use"]}, "additionalProperties": ref["data"]}
    check["data"] = {"anyOf": [ref["data"], roles], "description": check["data"].get("description", "")}


def _part_schema(kind: str, name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    from pydantic import TypeAdapter

    part = plugins.load(kind, name)
    schema = TypeAdapter(part).json_schema(ref_template="#/$defs/{model}")
    definitions.update(schema.pop("$defs", {}))
    notes = plugins.field_notes(part)
    for option, one in schema.get("properties", {}).items():
        one["description"] = notes.get(option, "")
    schema["properties"] = {"use": {"const": name}, **schema.get("properties", {})}
    schema["required"] = ["use", *schema.get("required", [])]
    schema["additionalProperties"] = False
    schema["description"] = plugins.summary(kind, name)
    return schema
