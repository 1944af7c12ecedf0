"""The face that pages are set in where it is installed: Noto Sans KR, with Latin, Hangul and figures of one width.

`pip install dokimasia[fonts]` brings it, under the SIL Open Font License; without it a page takes the first face of
`reports.figures.FONT` that its reader's system has.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

__all__ = ["FACE", "font_face", "typeface"]

FACE = "Dokimasia Noto Sans KR"
"""What pages call it: where the system has that face in all its weights, its own name comes first."""
_PACKAGE, _FILE = "pylopdf_fonts_ko", "NotoSansKR-Regular.otf"
_DIGEST = "69975a0ac8472717870aefeab0a4d52739308d90856b9955313b2ad5e0148d68"
"""Of the file as it was looked at; another one of that name is not used."""


@cache
def typeface() -> Path | None:
    """Return the face's file, whose package is found and not run; None where it is not installed, or another."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name(_FILE)
    return path if path.is_file() and sha256(path.read_bytes()).hexdigest() == _DIGEST else None


def font_face(address: str) -> str:
    """Return the rule of style by which a page finds the face at an address."""
    return f'@font-face {{ font-family: "{FACE}"; src: url("{address}"); }}'
