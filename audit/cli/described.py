"""JSON Schemas in which every field has its sentence: the one that stands under it in the source.

pydantic can read these sentences itself, when a model is defined: whoever imports the record would wait for it.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from audit import plugins

__all__ = ["Described"]


class Described(GenerateJsonSchema):
    """For the `schema_generator` of a model."""

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a pydantic model."""
        return _described(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a dataclass."""
        return _described(super().dataclass_schema(schema), schema["cls"])


def _described(made: dict[str, Any], part: type) -> dict[str, Any]:
    fields, properties = getattr(part, "model_fields", {}), made.get("properties", {})
    for name, note in plugins.field_notes(part).items():
        key = fields[name].alias or name if name in fields else name
        if key in properties:
            properties[key]["description"] = note
    return made
