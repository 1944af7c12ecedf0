"""Keys that are vouched for here, and whose they are: `DOKIMASIA_KEYS` names a folder with one public key a person.

    keys/Kim Minji.pub    the file's name is the owner's; `keygen` writes such a file beside the private key

`verify`, `import` and the dashboard tell a seal, and signatures, by a known key as its owner's; a seal by another is
told as one that nobody vouches for, and refused only where a key is named with `--public`. The key that signs here
(`DOKIMASIA_KEY`) is known too. Its owner is whom the folder names for it, else who speaks here by default; nobody
else's name is signed with it where names are bound to keys, as in the dashboard.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from audit.errors import UsageError
from audit.signing.keys import read_public_key
from audit.signing.people import KEY_FILE, author_name, signing_key

__all__ = ["KEYS", "key_owner", "known_keys"]

KEYS = "DOKIMASIA_KEYS"


def known_keys() -> Mapping[str, str]:
    """Return fingerprint -> owner of every key that is known here; UsageError for a file that holds no key."""
    return _known(os.environ.get(KEYS, ""), os.environ.get(KEY_FILE, ""))


def key_owner() -> str | None:
    """Return the owner of the key that signs here; None where none does. UsageError where nobody is named."""
    key = signing_key()
    return None if key is None else known_keys().get(key.public.fingerprint) or author_name()


@lru_cache(maxsize=8)
def _known(folder: str, own: str) -> Mapping[str, str]:
    """Read the keys, once for each setting."""
    if folder and not Path(folder).is_dir():
        raise UsageError(
            "{variable}={folder}: not a folder; allowed: one of public keys, NAME.pub each",
            variable=KEYS, folder=folder,
        )
    files = sorted(Path(folder).glob("*.pub")) if folder else []
    known = {read_public_key(file).fingerprint: file.stem for file in files}
    key = signing_key() if own else None
    if key is not None and key.public.fingerprint not in known:
        with suppress(UsageError):  # nobody is named here, so nobody is known by it
            known[key.public.fingerprint] = author_name()
    return known
