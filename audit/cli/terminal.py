r"""The two ends of the command: streams that nothing foreign can steer, and one line for every error.

    error of ours -> its exit code     the system's refusal (OSError) -> 2     anything else -> 5, details in a log file

A line that begins with `::`, or holds `##[`, commands the log of a CI service; a blank is put in. A reader who goes
away ends what is printed, not what is done. What an output cannot write in its encoding, it writes as `\u20ac`.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, BinaryIO

from audit.errors import DokimasiaError, PlanError, clean
from audit.exit_codes import CRASHED, INTERRUPTED, USAGE

__all__ = ["MOST_PROBLEMS", "print_bytes", "standard_streams", "tell"]

MOST_PROBLEMS = 50
"""Lines about mistakes that are printed at once."""
_LONGEST = 2000
"""Characters of one error; of a longer one the middle is left out."""
_COMMAND = re.compile(r"^(\s*:)(?=:)|(##)(?=\[)", re.M)


class _Stream(io.TextIOWrapper):
    """A standard stream; of an `optional` one, what cannot be written is dropped."""

    def __init__(self, buffer: BinaryIO, *, encoding: str, optional: bool) -> None:
        by_line = optional or buffer.isatty()
        super().__init__(buffer, encoding=encoding, errors="backslashreplace", line_buffering=by_line)
        self._optional, self._begins = optional, True

    def write(self, text: str) -> int:
        """Write text, in which no line commands a log."""
        shown = _COMMAND.sub(r"\g<0> ", text if self._begins else f"\0{text}")
        with self._lasting():
            super().write(shown if self._begins else shown[1:])
        self._begins = text.endswith("\n") if text else self._begins
        return len(text)

    def flush(self) -> None:
        """Write out what is held back."""
        with self._lasting():
            super().flush()

    @contextmanager
    def _lasting(self) -> Iterator[None]:
        """Drop what nobody reads any more; of an optional stream all that cannot be written."""
        try:
            yield
        except OSError as error:
            _silence(self)
            if not (self._optional or error.errno == errno.EPIPE):
                raise OSError(error.errno, error.strerror, "standard output") from None


def _silence(stream: io.TextIOWrapper) -> None:
    """Let a stream lead nowhere, so that what it still holds can be written out."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _OneLine(logging.Formatter):
    """What libraries and threads have to say, as one clean line."""

    def format(self, record: logging.LogRecord) -> str:
        return f"dokimasia: {clean(record.getMessage())[:_LONGEST]}"


def print_bytes(data: bytes) -> None:
    """Print what is no text in the terminal's encoding: a document."""
    stream: Any = sys.stdout
    stream.flush()
    with stream._lasting() if isinstance(stream, _Stream) else nullcontext():
        stream.buffer.write(data)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Lend standard streams that last, also where the caller closed them; warnings and logs go to stderr, cleaned."""
    for handle in (0, 1, 2):
        _require(handle)
    before = sys.stdout, sys.stderr, threading.excepthook, sys.unraisablehook
    sys.stdout, sys.stderr = _lasting(sys.stdout, 1), _lasting(sys.stderr, 2)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    logging.getLogger().addHandler(handler)
    threading.excepthook = lambda args: _remark(args.exc_value)
    sys.unraisablehook = lambda args: _remark(args.exc_value)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr, threading.excepthook, sys.unraisablehook = before
        for stream in streams:
            with suppress(OSError, ValueError):
                stream.flush()
            if isinstance(stream, _Stream):
                stream.detach()


def _require(handle: int) -> None:
    """Open a standard stream that the caller closed, lest a file that is opened later takes its place."""
    try:
        os.fstat(handle)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _lasting(stream: Any, handle: int) -> Any:
    optional = handle == 2
    if stream is None:
        return _Stream(open(handle, "wb", closefd=False), encoding="utf-8", optional=optional)
    return _Stream(stream.buffer, encoding=stream.encoding, optional=optional) if hasattr(stream, "buffer") else stream


def _remark(error: BaseException | None) -> None:
    """Tell, in a line, what went wrong where nobody waits for an answer."""
    if error is not None:
        with suppress(OSError, ValueError):
            print(f"dokimasia: {clean(f'{type(error).__name__}: {error}')[:_LONGEST]}", file=sys.stderr)


def tell(error: BaseException) -> int:
    """Print what ended the command, each mistake in a line, and return the exit code."""
    code, lines = _told(error)
    if len(lines) > MOST_PROBLEMS:
        lines = [*lines[:MOST_PROBLEMS], f"and {len(lines) - MOST_PROBLEMS:,} more"]
    for number, line in enumerate(lines):
        print(f"{'' if number else 'dokimasia: '}{_shortened(clean(line))}", file=sys.stderr)
    return code


def _told(error: BaseException) -> tuple[int, list[str]]:
    """Return exit code and lines."""
    if isinstance(error, PlanError):
        return error.exit_code, list(error.problems)
    if isinstance(error, DokimasiaError):
        return error.exit_code, [str(error)]
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, ["interrupted"]
    if callable(message := getattr(error, "format_message", None)):  # of the command line's parser
        return USAGE, _told_by_parser(message())
    if isinstance(error, OSError):
        name = f"{error.filename!s}: " if error.filename is not None else ""
        return USAGE, [f"{name}{error.strerror or error}"]
    return CRASHED, [f"internal error, please report it: {_summary(error)}; {_logged(error)}"]


def _told_by_parser(text: str) -> list[str]:
    """Return the line of a mistake; the help of a group that was given no command is printed as it stands."""
    if "\n" not in text:
        return [f"{text} 'dokimasia --help' tells more"]
    print(text)
    return []


def _summary(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "out of memory"
    return f"{type(error).__name__}: {str(error)[:200]}".rstrip(": ")


def _logged(error: BaseException) -> str:
    """Write the traceback into a file of its own, and say where it is."""
    try:
        handle, path = tempfile.mkstemp(prefix="dokimasia-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except (OSError, MemoryError, RecursionError) as why:
        return f"details could not be written ({type(why).__name__})"
    return f"details in {path}"


def _shortened(line: str) -> str:
    half = _LONGEST // 2
    return line if len(line) <= _LONGEST else f"{line[:half]} ... {line[-half:]}"
