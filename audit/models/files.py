"""Which files are a model: every regular file below its folder, each hashed or refused before anything is opened.

    fingerprint = sha256(family, {name: sha256(file)}, options that change answers)

What a loader may open must be among the files that were hashed, so a folder may not lead elsewhere: no link to a
folder, no index, setting or adapter that names another file. Pickled weights can run code; they are hashed and stay
shut. Sizes that a JSON asks for are bounded here, before a layer of them is built.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from audit.errors import ModelError
from audit.files import MAX_JSON, digest_file, read_regular

__all__ = [
    "PICKLED", "check_settings", "check_size", "check_sizes", "digest_once", "model_files", "read_json",
    "require_safetensors",
]

PICKLED = frozenset({".bin", ".ckpt", ".dill", ".joblib", ".pickle", ".pkl", ".pt", ".pth", ".sav"})
"""Endings of files that can run code when they are opened, and never are."""
_MOST_FILES = 10_000
_LAYERS = re.compile(r"(layers?|blocks?|depths?|block_count)$|^n_layer")
_SIZES = re.compile(
    r"(size|dims?|width|channels?|heads?|positions?|embd|inner|hidden|features?|latent|side|levels|bins|numbers|steps|components"
    r"|experts|ctx|labels|embedding_length|feed_forward_length|context_length|head_count|head_count_kv)$"
)
_MOST_LAYERS, _MOST_SIZE = 2_000, 1 << 24


def model_files(folder: Path) -> dict[str, str]:
    """Return name below the folder -> digest, of all files; raises ModelError for what is no plain file or folder."""
    found: dict[str, str] = {}
    for name, path in _below(folder):
        if len(found) == _MOST_FILES:
            raise ModelError(f"{folder}: more than {_MOST_FILES:,} files; allowed: a folder of a model's files alone")
        found[name] = digest_once(path)
    return found


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for place, folders, files in os.walk(folder, onerror=_unreadable):
        folders.sort()
        for name in sorted([*files, *(one for one in folders if Path(place, one).is_symlink())]):
            path = Path(place, name)
            inside = path.relative_to(folder).as_posix()
            if not path.is_file():
                raise ModelError(f"{folder}: {inside!r} is no plain file; allowed: files, and folders without links")
            if not inside.isprintable():
                raise ModelError(f"{folder}: the name {inside!r} cannot be printed; allowed: names in UTF-8")
            yield inside, path


def _unreadable(error: OSError) -> None:
    raise ModelError(f"{error.filename}: cannot be read ({error.strerror})")


def digest_once(path: Path) -> str:
    """Return a file's digest; a large one that has not changed since is not read again. Raises ModelError."""
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise ModelError(f"{path}: no plain file")
        settled = time.time_ns() - max(facts.st_ctime_ns, facts.st_mtime_ns) > 2_000_000_000  # a clock's tick, amply
        if facts.st_size < 1 << 26 or not settled:
            return digest_file(path)
        same = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        return _digest(path.resolve(), same)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None


@lru_cache(maxsize=256)
def _digest(path: Path, same: tuple[int, ...]) -> str:
    return digest_file(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object; raises ModelError for anything else."""
    try:
        data = json.loads(read_regular(path, MAX_JSON))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(data, dict):
        raise ModelError(f"{path}: holds a {type(data).__name__}; allowed: a JSON object")
    return data


def require_safetensors(folder: Path) -> None:
    """Raise ModelError unless the folder itself holds safetensors, and all that an index of weights names.

    Pickled weights can run code and stay shut.
    """
    for index in folder.glob("*.safetensors.index.json"):
        parts = read_json(index).get("weight_map", {})
        named = set(map(str, parts.values())) if isinstance(parts, dict) else {str(parts)}
        here = {file.name for file in folder.iterdir() if file.suffix == ".safetensors"}
        if outside := named - here:
            raise ModelError(f"{index}: names {min(outside)!r}; allowed: .safetensors of the folder")
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for path in folder.glob("*") if path.suffix.lower() in PICKLED)
    got = f"only pickled weights ({pickled[0]})" if pickled else "no weights"
    raise ModelError(f"{folder}: {got}; allowed: .safetensors")


def check_settings(folder: Path) -> None:
    """Raise ModelError for settings that no model has, and those by which a library would open files from elsewhere."""
    if (folder / "adapter_config.json").exists():
        raise ModelError(f"{folder}: holds an adapter; allowed: weights that it was merged into")
    if (config := folder / "config.json").exists():
        settings = read_json(config)
        for key in ("transformers_weights", "configuration_files"):
            if settings.get(key):
                raise ModelError(f"{config}: {key} names other files; allowed: model.safetensors and config.json")
        check_sizes(config)
        for key in ("num_hidden_layers", "n_layer"):
            if isinstance(number := settings.get(key), int) and number < 1:  # weights of layers would be left out
                raise ModelError(f"{config}: {key} is {number}; allowed: 1 at least")
    if (config := folder / "tokenizer_config.json").exists():
        for key, value in read_json(config).items():
            _check_file(folder, config, key, value)


def _check_file(folder: Path, config: Path, key: str, value: Any) -> None:
    """Raise ModelError for a tokenizer's setting that would open a file which is not the folder's."""
    if key == "fast_tokenizer_files":
        odd = [one for one in value if not isinstance(one, str) or "/" in one] if isinstance(value, list) else [value]
    else:
        opens = isinstance(value, str) and (key.endswith("_file") or key in ("vocab", "merges"))
        odd = [value] if opens and Path(value).exists() else []
    if odd:
        raise ModelError(f"{config}: {key} names {str(odd[0])[:100]!r}; allowed: files of {folder.name}")


def check_sizes(file: Path) -> None:
    """Raise ModelError where a JSON asks for more layers, or for a larger size, than any model has."""
    for key, number in _numbers(read_json(file), ""):
        check_size(file, key, number)


def check_size(place: Path, key: str, number: int) -> None:
    """Raise ModelError for a count of layers, or a size, that no model has."""
    for kind, most in ((_LAYERS, _MOST_LAYERS), (_SIZES, _MOST_SIZE)):
        if kind.search(key) and number > most:
            raise ModelError(f"{place}: {key} is {number}; allowed: {most:,} at most")


def _numbers(value: Any, key: str) -> Iterator[tuple[str, int]]:
    """Yield (key, number) of all integers in a JSON value; those of a list have its key."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _numbers(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from _numbers(one, key)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield key, value
