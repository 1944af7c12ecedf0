"""How often personal data are found where there are none, and at what price: `python benchmarks/personal.py [FOLDER]`.

    by chance    digits at random in the written form of each kind: the share that is taken for a datum, which check
                 digits and dates bound where it has them
    in texts     data found in every text file below FOLDER, by kind, those that are nobody's apart: for a reader to
                 look at a sample of, as nobody labelled them
    price        processor seconds for a million characters
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tables import finish, show

from detectors.privacy.personal_forms import KINDS, find_data

REGIONS = ("KR", "US")
TRIES = 20_000
FORMS = {
    "payment_card, 16 digits": ("dddd dddd dddd dddd", 0.035), "payment_card, 15 digits": ("dddd dddddd ddddd", 0.01),
    "national_number, Brazil": ("ddd.ddd.ddd-dd", 0.012), "national_number, China": ("dddddddddddddddddd", 0.001),
    "national_number, France": ("d dd dd dd ddd ddd dd", 0.0025), "national_number, India": ("dddd dddd dddd", 0.09),
    "national_number, Korea": ("dddddd-ddddddd", 0.01), "national_number, Spain": ("dddddddd-L", 0.05),
    "national_number, United States": ("ddd-dd-dddd", 1),
    "bank_account, Germany": ("DEdd dddd dddd dddd dddd dd", 0.012),
    "phone, Korea": ("0dd-dddd-dddd", 1), "phone, United States": ("(ddd) ddd-dddd", 1),
}  # fmt: skip
"""Written form (d = digit, L = letter), and the largest share of chance that its checks leave; 1: it has none, and only
what was never given out is left out."""
WORDS_OF = (".csv", ".json", ".jsonl", ".md", ".tsv", ".txt")
PIECE = 100_000


def by_chance() -> Iterator[tuple[str, bool]]:
    """Yield a row a form."""
    rng = np.random.default_rng(0)
    for name, (form, most) in FORMS.items():
        kind = name.partition(",")[0]
        found = 0
        for _ in range(TRIES):
            text = "".join(str(rng.integers(10)) if sign == "d" else sign for sign in form)
            text = text.replace("L", chr(65 + int(rng.integers(26))))
            found += any(one.kind == kind and not one.reserved for one in find_data(text, KINDS, REGIONS))
        yield f"{name:32s} {100 * found / TRIES:6.2f} %  at most {100 * most:g} %", found / TRIES <= most


def in_texts(folder: Path) -> None:
    """Print what is found in the texts of a folder."""
    found: Counter[str] = Counter()
    letters, begun = 0, time.process_time()
    for file in sorted(folder.rglob("*")):
        if file.suffix not in WORDS_OF or not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        letters += len(text)
        for at in range(0, len(text), PIECE):
            data = find_data(text[at : at + PIECE], KINDS, REGIONS)
            found.update(f"{one.kind}{', of nobody' if one.reserved else ''}" for one in data)
    took = time.process_time() - begun
    print(f"\nIn {letters:,} characters, {1e6 * took / max(letters, 1):.2f} s a million:")
    print("\n".join(f"  {count:6,} {what}" for what, count in found.most_common()) or "  none")


if __name__ == "__main__":
    show("Of digits at random, taken for a datum", "", by_chance())
    if len(sys.argv) > 1:
        in_texts(Path(sys.argv[1]))
    raise SystemExit(finish())
