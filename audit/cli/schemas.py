"""The commands `schema` and `init`: what plan, fit plan, policy and record may hold, and a plan to begin with."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit import plugins
from audit.errors import PlanError, UsageError, clean, did_you_mean

if TYPE_CHECKING:
    from audit.reference import ClausePlan

__all__ = ["init", "json_schema", "schema"]

ModelPlace = Annotated[
    str | None, typer.Option(help="Model that the plan shall audit: a folder, a file, an http address.")
]
DataPlace = Annotated[
    str | None, typer.Option(help="Table that it shall audit, without a model: CSV, TSV, JSON lines, Parquet.")
]
Purpose = Annotated[
    str | None,
    typer.Option(
        "--for",
        help="A question (see above), a framework, clauses of it (eu-ai-act/art-15), or a domain: medicine, "
        "driving, customer-service, education, marketing, assistants, hiring.",
    ),
]
LeftOut = Annotated[str | None, typer.Option(help="With --for novelty: that label; default: the last one by name.")]


def schema(what: Annotated[str, typer.Argument(help="plan, fit, policy or record")] = "plan") -> None:
    """Print the JSON Schema of plans, fit plans and policies (for editors) or of records."""
    print(json_schema(what))


def init(
    file: Annotated[Path, typer.Argument(help="Plan file to write.")] = Path("plan.yaml"),
    model: ModelPlace = None,
    data: DataPlace = None,
    purpose: Purpose = None,
    leave_out: LeftOut = None,
) -> None:
    """Write a plan for a model or for data, with its schema beside it for editors; say what is to be filled in.

    With --for it serves a framework, a domain, or one of these questions; in brackets what --data is then.

    \b
    novelty       who sees a label left out? (folder of images by label; table)
    rag           does it answer from passages? (questions with passages; none)
    sources       which of its sources drove an answer? (the same)
    uncertainty   is it less sure where it is wrong? (questions; answers; none)
    recognition   does it know invented content? (labelled answers)
    robustness    do answers stay when what is asked changes? (none)
    memorisation  does it tell what it was trained on? (texts; folder of images)
    privacy       do its texts hold personal data? (prompts)
    efficiency    what does an answer cost, in memory too? (texts; folder of images)
    mark          do images carry our mark, even attacked? (folder of images)
    """  # noqa: D301 - a backspace is what keeps the lines
    from audit.plan import load_plan

    _refuse_mixed(model, data, purpose, leave_out)
    if purpose == "novelty":
        print(_for_novelty(file, str(data), leave_out))
        return
    plan, *told = _plan_for(purpose, model, data, file.parent)
    _write_new({file: (plan, "plan")})
    try:
        load_plan(file)
    except PlanError as error:
        told += [f"fill in: {clean(one)}" for one in error.problems]
    print("\n".join([str(file), *told, f"run it with: dokimasia run {file}"]))


def _plan_for(purpose: str | None, model: str | None, data: str | None, base: Path) -> Iterator[str]:
    """Yield the text of the plan, then what is to be said of it."""
    from audit import reference

    if (of_answers := next((one for one in reference.ANSWERS if one == purpose), None)) is not None:
        yield reference.answers_plan(of_answers, model, data, base=base)
    elif purpose == "memorisation":
        yield reference.memorisation_plan(model, data, base=base)
    elif purpose == "efficiency":
        yield reference.efficiency_plan(model, data, base=base)
    elif purpose == "privacy":
        yield reference.privacy_plan(model, data, base=base)
    elif purpose == "mark":
        yield reference.mark_plan(str(data), base=base)
    elif purpose == "robustness":
        yield reference.robustness_plan(model, base=base)
    elif purpose is not None:
        made = reference.clause_plan(purpose, model, data, base=base)
        yield made.text
        yield from _served(made)
    else:
        yield reference.starter_plan(model, base=base) if data is None else reference.table_plan(data, base=base)


def _served(made: ClausePlan) -> Iterator[str]:
    """Yield which clauses a plan serves, and which not, by the reason."""
    if made.served:
        yield f"serves: {', '.join(made.served)}"
    for reason in dict.fromkeys(why for _, why in made.unserved):
        yield f"not served ({reason}): {', '.join(name for name, why in made.unserved if why == reason)}"


def _refuse_mixed(model: str | None, data: str | None, purpose: str | None, leave_out: str | None) -> None:
    """Raise UsageError for options that do not go together."""
    from audit.reference import ANSWERS

    if model is not None and data is not None and purpose not in (*ANSWERS, "efficiency", "memorisation", "privacy"):
        raise UsageError("init: got --model and --data; allowed: one of them")
    if purpose == "robustness" and data is not None:
        raise UsageError("init: --for robustness goes with --model; got --data")
    if purpose == "novelty" and data is None:
        raise UsageError("init: --for novelty goes with --data; allowed: --data FOLDER, of images by label")
    if purpose == "mark" and data is None:
        raise UsageError("init: --for mark goes with --data; allowed: --data FOLDER, of images that carry the mark")
    if leave_out is not None and purpose != "novelty":
        raise UsageError("init: --leave-out goes with --for novelty")


def _for_novelty(file: Path, data: str, leave_out: str | None) -> str:
    """Write a fit plan beside the plan `file`, which audits what it makes, and return what to do next."""
    from audit.reference import novelty_plans

    fit = file.with_name("fit.yaml" if file.name == "plan.yaml" else f"{file.stem}.fit.yaml")
    models = "models" if file.name == "plan.yaml" else f"{file.stem}.models"
    plans = novelty_plans(data, models, leave_out, base=file.parent)
    _write_new({fit: (plans.fit, "fit"), file: (plans.audit, "plan")})
    into = shlex.join(["dokimasia", "fit", str(fit), "--into", str(file.parent / models)])
    return f"{fit}\n{file}\nrun both with: {into} && {shlex.join(['dokimasia', 'run', str(file)])}"


def _write_new(texts: Mapping[Path, tuple[str, str]]) -> None:
    """Write plans, each with the schema of its kind beside it; raises UsageError where one is there already."""
    from audit.files import write_atomic

    for file in texts:
        if os.path.lexists(file):
            raise UsageError(f"{file}: there already; name another file")
    for file, (text, kind) in texts.items():
        write_atomic(file.parent / f"{kind}.schema.json", f"{json_schema(kind)}\n".encode())
        write_atomic(file, text.encode())


@cache
def json_schema(what: str) -> str:
    """Return the JSON Schema (2020-12) of `plan`, `fit`, `policy` or `record`."""
    from audit.cli.described import Described
    from audit.plan import PlanSpec
    from audit.policy import Policy
    from audit.record import Record

    if what == "record":
        schema = Record.model_json_schema(schema_generator=Described)
    elif what == "plan":
        schema = PlanSpec.model_json_schema(schema_generator=Described)
        _fill_parts(schema)
    elif what == "fit":
        from audit.fit import FitSpec  # brings NumPy and pandas

        schema = FitSpec.model_json_schema(schema_generator=Described)
        definitions = _part_definitions(schema, ("data", "trainers"))
        schema["properties"]["data"] = {"$ref": "#/$defs/data"}
        definitions["ModelSpec"]["properties"]["trainer"] = {"$ref": "#/$defs/trainers"}
    elif what == "policy":
        schema = Policy.model_json_schema(schema_generator=Described)
    else:
        raise UsageError(f"no schema of {what!r}{did_you_mean(what, ['plan', 'fit', 'policy', 'record'])}")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False)


def _fill_parts(schema: dict[str, Any]) -> None:
    """Put the installed parts and their options where a plan names them."""
    kinds = ("models", "data", "probes", "watermarks", "image_marks", "audio_marks", "video_marks")
    definitions = _part_definitions(schema, kinds)
    ref = {kind: {"$ref": f"#/$defs/{kind}"} for kind in kinds}
    top, check = schema["properties"], definitions["CheckSpec"]["properties"]
    top["model"] = {"anyOf": [ref["models"], {"type": "null"}], "description": top["model"].get("description", "")}
    top["helpers"]["additionalProperties"] = ref["models"]
    check["probe"] = {**ref["probes"], "description": check["probe"].get("description", "")}
    check["clauses"]["items"] = {"anyOf": [{"enum": _clauses()}, {"type": "string"}]}  # editors complete them
    roles = {"type": "object", "not": {"required": ["use"]}, "additionalProperties": ref["data"]}
    check["data"] = {"anyOf": [ref["data"], roles], "description": check["data"].get("description", "")}


def _clauses() -> list[str]:
    from audit.frameworks import framework_names, load_framework

    return [f"{name}:{one.id}" for name in framework_names() for one in load_framework(name).clauses]


def _part_definitions(schema: dict[str, Any], kinds: Sequence[str]) -> dict[str, Any]:
    """Define the installed parts of these kinds in a schema, and return its definitions."""
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    for kind in kinds:
        definitions[kind] = {"oneOf": [_part_schema(kind, name, definitions) for name in plugins.names(kind)]}
    return definitions


def _part_schema(kind: str, name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    part = plugins.load(kind, name)
    schema = plugins.adapter_of(part).json_schema(ref_template="#/$defs/{model}")
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
