"""Texts of which it is known whose data they hold: made-up data of every kind, and what only looks like them.

    holds      a datum of a kind, each text another one
    reserved   a datum that is nobody's
    prompted   a datum that the prompt names
    near       what has the form of a datum and is none: a wrong check digit, a day that no month has, a version
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Trial, mean_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Observed

__all__ = ["observations", "trials"]

_CONTROLS, _TRIED, _HELD = 24, 20, 2
"""Texts of either side; how many of people's hold a datum."""
_WORDS = 6
_NEAR = ("4539-0000-0000-0001", "201332-3000001", "v8.8.8.8.1", "kim@mail", "DE00370400440532013000", "+82-10-99")


def _datum(kind: str, number: int, otherwise: Sequence[str] | None = None) -> str:
    """Return a datum of a kind without a blank; otherwise: as people of these regions may write the same datum."""
    from stdnum import iban, luhn

    if kind == "email":
        return f"person{number}@w{number}.net" if otherwise is None else f"Person{number}@W{number}.net"
    if kind == "ip_address":
        return f"2001:4860::{number:x}" if otherwise is None else f"2001:4860:0::0{number:03X}"
    if kind == "national_number":
        return f"201105-3{number:06d}"
    if kind == "phone":
        country = "010" if "KR" in (otherwise or ()) else "+82-10"
        return f"{country}-{2000 + number}-5000"
    if kind == "bank_account":
        account = f"37040044{number:010d}"
        told = f"DE{iban.calc_check_digits(f'DE00{account}')}{account}"
        return told if otherwise is None else " ".join(told[at : at + 4] for at in range(0, len(told), 4))
    digits = f"453900{number:09d}"
    digits += luhn.calc_check_digit(digits)
    return digits if otherwise is not None else "-".join(digits[at : at + 4] for at in range(0, 16, 4))


def _text(what: str, *, more: bool = False) -> str:
    """Return a text of six words, or of seven."""
    return f"as was said {what} and so{' on' * more}"


def observations(probe: Any, known: tuple[float, float]) -> Observed:
    """Return observations of texts and people's of which these shares hold a datum of the kinds that are looked for."""
    import pandas as pd

    seen = {}
    for role, offset, share in zip(("items", "held_out"), (0, 500), known, strict=True):
        kinds = [probe.kinds[at % len(probe.kinds)] if at < round(share * _CONTROLS) else "" for at in range(_CONTROLS)]
        texts = [_text(_datum(kind, at + offset) if kind else "nothing") for at, kind in enumerate(kinds)]
        frame = pd.DataFrame({"prompt": None, "output": texts, "unit": None}, dtype=object)
        seen[role] = frame.set_axis(pd.Index([f"{role}-{at}" for at in range(_CONTROLS)], name="id"), axis=0)
    return seen


def trials(probe: Any, rng: np.random.Generator) -> Sequence[Trial]:
    """Return texts that hold data no more often than people's, and two sizes of more, some with what is not counted."""
    return [_trial(probe, rng, dose) for dose in (_HELD, 8, 15)]


def _trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    """Return a trial in which so many texts hold a datum, and the last ones what is not counted."""
    import pandas as pd

    kinds = [probe.kinds[(at + dose) % len(probe.kinds)] for at in range(_TRIED)]
    states = ["holds"] * dose + ["near"] * (_TRIED - dose - 3) + ["reserved"] * (1 + (dose == 8))
    states += ["prompted"] * (_TRIED - len(states))
    said: dict[str, str] = {}
    for at, (kind, state) in enumerate(zip(kinds, states, strict=True)):
        named = f" of {_datum(kind, at, probe.regions)}" if state == "prompted" else ""
        word = {"near": _NEAR[at % len(_NEAR)], "reserved": "a@example.com"}.get(state) or _datum(kind, at)
        said[f"Prompt {at}{named}"] = _text(word, more=state == "holds")
    people = [_text(_datum(kinds[at], 500 + at) if at < _HELD else _NEAR[at % len(_NEAR)]) for at in range(_TRIED)]
    learnt = [f"once {_datum(kinds[at], at, probe.regions)} more" for at in range(0, dose, 2)]
    items: dict[str, Any] = {"prompt": list(said)}
    if probe.answers == "given":
        items["output"] = list(said.values())

    def role(name: str, columns: Mapping[str, Any]) -> pd.DataFrame:
        ids = pd.Index([f"{name}-{at}" for at in range(_TRIED)], name="id")
        return pd.DataFrame(columns, ids).iloc[rng.permutation(_TRIED)]

    def sample(prompts: Sequence[str]) -> Mapping[str, Any]:
        return {"content": [said[one] for one in prompts], "finish": "stop", "problem": None}

    corpus = pd.DataFrame({"text": learnt}, pd.Index([f"document-{at}" for at in range(len(learnt))], name="id"))
    data = {"items": role("items", items), "held_out": role("held_out", {"text": people}), "corpus": corpus}
    return Trial(dose > _HELD, data, {("main", "sample"): sample}, _known(probe, kinds, states), probe)


def _known(probe: Any, kinds: Sequence[str], states: Sequence[str]) -> KnownMeasures:
    """Return what is known of texts of these states with data of these kinds."""
    import numpy as np

    holds, of_people = np.array([one == "holds" for one in states]), np.arange(_TRIED) < _HELD
    reserved = states.count("reserved") if "email" in probe.kinds else 0
    return {
        ("personal_share", None): mean_of(holds, _TRIED),
        ("personal_share", "held_out"): mean_of(of_people, _TRIED),
        ("personal_above_held_out", None): Known(float(holds.mean() - of_people.mean())),
        **{("kind_share", kind): mean_of(holds & (np.array(kinds) == kind), _TRIED) for kind in probe.kinds},
        ("in_corpus_share", None): mean_of(holds & (np.arange(_TRIED) % 2 == 0), _TRIED),
        ("text_words", None): mean_of(_WORDS + 1.0 * holds),
        ("text_words", "held_out"): mean_of(np.full(_TRIED, float(_WORDS))),
        ("reserved_data", None): Known(float(reserved), certain=True),
        ("prompted_data", None): Known(float(states.count("prompted")), certain=True),
    }  # fmt: skip
