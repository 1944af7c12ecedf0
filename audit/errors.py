"""What can go wrong, and the exit code that says so (`audit.exit_codes`).

* DokimasiaError
  x UsageError (2)           the command or a plan was wrong; nothing ran
    + PlanError                every mistake of a plan at once, each with file, line and column
    + LibraryError             a library of an extra that is not installed; the check is skipped, not crashed
    + DataError                a data file that cannot be read as the plan says
    + ConflictError            somebody else spoke meanwhile of what was spoken of; nothing was written
  x ModelError (5)           the model could not be opened or asked
    + AbilityError             a question that this model cannot answer; the check is skipped, not crashed
    + EndpointError            the remote model is down or answers what cannot be read
  x StorageError (5)         an object store that is down, full or refuses; what it holds already stays
  x BudgetError (6)          a plan's budget for an endpoint is used up; the run goes on with a larger one
  x DatabaseError (5)        a database that is not to be reached, is full, or stays busy
  x IntegrityError (4)       what is stored is not what was written

Messages say what was asked, what was got and what is allowed, in one line. An error that a screen can meet is raised
with a template and values, `IntegrityError("{file}: missing", file=name)`, so that it is told in any language.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from detectors.phrases import Phrase

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = [
    "AbilityError", "BudgetError", "ConflictError", "DataError", "DatabaseError", "DokimasiaError", "EndpointError",
    "IntegrityError", "LibraryError", "ModelError", "PlanError", "StorageError", "UsageError", "clean", "did_you_mean",
    "first_problem", "os_reason",
]


class DokimasiaError(Exception):
    """Base of every error that the command prints as one line: its message, a `Phrase`."""

    exit_code = 5

    def __init__(self, message: str, /, **values: object) -> None:
        self.message = message if isinstance(message, Phrase) else Phrase(message, **values)
        super().__init__(str(self.message))

    def __reduce__(self) -> tuple[object, ...]:
        """Go to another process as what it holds: classes differ in what they are made of."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[DokimasiaError], args: tuple[object, ...]) -> DokimasiaError:
    return kind.__new__(kind, *args)


class UsageError(DokimasiaError):
    """The command line or a file it names is wrong; nothing was run."""

    exit_code = 2


class PlanError(UsageError):
    """All mistakes found in a plan: `problems` holds one `file:line:column: message` a mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class LibraryError(UsageError):
    """A library that one of our extras brings is not installed."""

    def __init__(self, message: str, *, library: str, extra: str) -> None:
        self.library, self.extra = library, extra
        super().__init__(message)


class DataError(UsageError):
    """A data file is missing, unreadable or lacks a column."""


class ConflictError(UsageError):
    """What somebody says rests on what others changed after they looked; nothing was written."""


class ModelError(DokimasiaError):
    """The model could not be opened or asked."""


class AbilityError(ModelError):
    """The model cannot answer a question at all, as it lacks what the procedure needs; the check is skipped."""

    def __init__(self, model: str, question: str, why: str) -> None:
        self.model, self.question, self.why = model, question, why
        super().__init__("{model} cannot answer {question!r}: {why}", model=model, question=question, why=why)


class EndpointError(ModelError):
    """A remote model is unreachable, refuses, or sends what cannot be read."""


class StorageError(DokimasiaError):
    """An object store is unreachable, full or refuses, or somebody else wrote there; no check is to blame."""


class BudgetError(DokimasiaError):
    """What a plan allows an endpoint to take is used up; all answers are stored."""

    exit_code = 6


class DatabaseError(DokimasiaError):
    """A database is not to be reached, refuses, is full, or stays busy for too long."""


class IntegrityError(DokimasiaError):
    """Something stored was changed, cut or lost after it was written."""

    exit_code = 4


def did_you_mean(got: str, allowed: Iterable[str]) -> Phrase:
    """Return ` (did you mean 'x'?)` for the nearest allowed word, else ` (allowed: a, b)`."""
    from difflib import get_close_matches

    words = sorted(allowed)
    near = [word for word in words if "." in word and word.rpartition(".")[2] == got]
    near = near or get_close_matches(got, words, n=1, cutoff=0.6)
    if near:
        return Phrase(" (did you mean {near!r}?)", near=near[0])
    return Phrase(" (allowed: {names})", names=", ".join(words)) if words else Phrase(" (allowed: nothing)")


def os_reason(error: OSError) -> Phrase:
    """Return what the operating system says, e.g. `Permission denied`."""
    return error.strerror if isinstance(error.strerror, Phrase) else Phrase(str(error.strerror))


def first_problem(error: ValidationError) -> Phrase:
    """Return the first thing that pydantic found wrong; a ValueError of a validator of ours may bring a phrase."""
    from pydantic_core import PydanticKnownError

    first = error.errors()[0]
    if first["type"] == "value_error":
        return Phrase("Value error, {problem}", problem=first["ctx"]["error"].args[0])
    if first["type"] == "json_invalid":
        return Phrase("Invalid JSON: {problem}", problem=first["ctx"]["error"])
    values = first.get("ctx", {})
    with suppress(KeyError):  # of a type that pydantic does not know
        template = PydanticKnownError(cast(Any, first["type"]), values).message_template
        said = Phrase(template, **values, expected_plural="" if 1 in values.values() else "s")
        if said == first["msg"]:
            return said
    return Phrase(clean(first["msg"])[:200])


def clean(text: str) -> str:
    """Return text without control, format and surrogate characters, so that it cannot steer a terminal."""
    return "".join(
        " " if char in "\n\t" else char for char in text if char in "\n\t" or unicodedata.category(char)[0] != "C"
    )
