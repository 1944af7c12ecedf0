"""The commands `schema` and `init`: what plan, policy and record may hold, and a plan to begin with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from audit import plugins
from audit.errors import PlanError, UsageError, clean, did_you_mean

__all__ = ["init", "json_schema", "schema"]


def schema(what: Annotated[str, typer.Argument(help="plan, policy or record")] = "plan") -> None:
    """Print the JSON Schema of plans and policies (for editors) or of records."""
    print(json_schema(what))


def init(
    file: Annotated[Path, typer.Argument(help="Plan file to write.")] = Path("plan.yaml"),
    model: Annotated[
        str | None, typer.Option(help="Model that the plan shall audit: a folder, a file, an http address.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Table that it shall audit, without a model: CSV, TSV, JSON lines, Parquet.")
    ] = None,
) -> None:
    """Write a plan for a model or a table, with its schema beside it for editors; say what is still to be filled in."""
    from audit.files import write_atomic
    from audit.plan import load_plan
    from audit.reference import starter_plan, table_plan

    if os.path.lexists(file):
        raise UsageError(f"{file}: there already; name another file")
    if model is not None and data is not None:
        raise UsageError("init: got --model and --data; allowed: one of them")
    text = starter_plan(model) if data is None else table_plan(data)
    write_atomic(file.parent / "plan.schema.json", f"{json_schema('plan')}\n".encode())
    write_atomic(file, text.encode())
    try:
        load_plan(file)
        open_ends: tuple[str, ...] = ()
    except PlanError as error:
        open_ends = error.problems
    told = [f"fill in: {clean(one)}" for one in open_ends]
    print("\n".join([str(file), *told, f"run it with: dokimasia run {file}"]))


def json_schema(what: str) -> str:
    """Return the JSON Schema (2020-12) of `plan`, `policy` or `record`."""
    from audit.plan import PlanSpec
    from audit.policy import Policy
    from audit.record import Record

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
    for kind in plugins.CONFIGURED:
        definitions[kind] = {"oneOf": [_part_schema(kind, name, definitions) for name in plugins.names(kind)]}
    ref = {kind: {"$ref": f"#/$defs/{kind}"} for kind in plugins.CONFIGURED}
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
    notes, named = plugins.field_notes(part), plugins.named_parts(part)
    for option, one in schema.get("properties", {}).items():
        if option in named:
            one = schema["properties"][option] = {"$ref": f"#/$defs/{named[option]}"}
        one["description"] = notes.get(option, "")
    schema["properties"] = {"use": {"const": name}, **schema.get("properties", {})}
    schema["required"] = ["use", *schema.get("required", [])]
    schema["additionalProperties"] = False
    schema["description"] = plugins.summary(kind, name)
    return schema
