"""Do files say where they come from, and does it hold: signed manifests, IPTC's source type, China's AIGC label?

    data:
      items: {use: files, path: ./outputs}
      anchors: {use: files, path: ./root.pem}        whom to trust is for the plan to say

"Valid" is not trusted: anybody can make a certificate. Without anchors no file is trusted. Files are parsed in a child
process that opens neither file nor socket; one on which it ends is a file that could not be read. A file without a
manifest proves nothing about who made it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from audit.probe import COUNT, SHARE, Ask, Observed, Range, Role
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import KnownMeasures, Trial
    from audit.probes.provenance.files import FileReader
    from audit.watermarks.origin import Origin, Parser
    from detectors.result import Result

__all__ = ["SignedOrigin"]

_FILE = "the file's bytes in base64"
_MODEL = "trainedAlgorithmicMedia"
_PLANTED = 60


@immutable
class SignedOrigin:
    """Share of files whose origin is signed and trusted, labelled, without contradiction, and what tampering passes."""

    changes: int = 16
    """Bytes of each kind of region that are changed, one at a time, in a file that is whole and signed; 0 = none."""
    purposes: tuple[str, ...] = ()
    """Further purposes of certificates, as object identifiers, that a reader's `trust_config` lists."""
    keys: Sequence[Path] = ()
    """Key files of marks in images, sounds and videos; a mark contradicts metadata that say camera or human."""
    seconds: float = 20.0
    """Of one file or 250 changes; then the parser is ended, and the file counts as one that could not be read."""

    name: ClassVar[str] = "provenance.signed_origin"
    dimension: ClassVar[str] = "provenance"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {"file": _FILE, "name": "its name", "unit": "independent unit; equal files are one"},
            optional=frozenset({"file", "name", "unit"}),
        ),
        "anchors": Role({"file": f"{_FILE}: certificates in PEM that are trusted"}, required=False),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "trusted_share": SHARE, "manifest_share": SHARE, "invalid_share": SHARE, "untrusted_share": SHARE,
        "source_type_share": SHARE, "aigc_label_share": SHARE, "conflict_share": SHARE, "tamper_pass_share": SHARE,
        "unreadable": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse fewer than no changes, and no time."""
        if self.changes < 0 or self.seconds <= 0:
            raise ValueError(f"{self.name}: got changes {self.changes}, seconds {self.seconds}; allowed: 0 or more, "
                             "above 0")  # fmt: skip

    @property
    def needs(self) -> frozenset[str]:
        """Nothing of a model: this is an audit of files that it made."""
        return frozenset()

    def find_keys(self) -> None:
        """Raise UsageError where a key file holds no key."""
        from audit.probes.provenance.files import keys_of

        keys_of(self.keys)

    def estimate(self, items: int) -> int:
        """No model is asked."""
        return 0

    def informed(self, before: Observed) -> _Reading:
        """Return what reads files under the anchors that were given; raises UsageError."""
        from audit.probes.provenance.files import FileReader, anchors_of, keys_of

        images, _ = keys_of(self.keys)
        return _Reading(self, FileReader(anchors_of(before), self.purposes, self.seconds, images))

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the anchors as they are; files are read by what `informed` returns."""
        return items

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.provenance.origin`."""
        from detectors.arrays import units_of
        from detectors.provenance.origin import signed_origin

        files = observed["items"]
        if "digest" in files:
            units = units_of(files, "unit" if "unit" in files else None)
            files = files.assign(unit=units.groupby(files["digest"]).transform("first"))
        return signed_origin(files, level=level, rng=rng)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return files of which every one has a manifest and most are signed by somebody whom nobody knows, and files
        that are trusted: a judge that took "Valid" for trusted would not tell them apart.
        """
        return {"items": _planted(0.1)}, {"items": _planted(1.0)}

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half: most files are not trusted."""
        return result.headline.high is not None and result.headline.high < 0.5

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return files as they were read of which all, half and few are trusted, with layers that contradict."""
        return [self._trial(share) for share in (1.0, 0.5, 0.1)]

    def _trial(self, share: float) -> Trial:
        from audit.probe import Known, Trial, mean_of

        files, plan = _planted(share), _plan(share)
        trusted = plan["state"] == "Trusted"
        known: KnownMeasures = {
            ("trusted_share", None): mean_of(trusted, len(files)),
            ("manifest_share", None): mean_of(plan["state"] != "none", len(files)),
            ("untrusted_share", None): mean_of(~trusted & (plan["state"] == "Valid"), len(files)),
            ("invalid_share", None): mean_of(plan["state"] == "Invalid", len(files)),
            ("source_type_share", None): mean_of(plan["model_source"], len(files)),
            ("aigc_label_share", None): mean_of(plan["aigc"], len(files)),
            ("conflict_share", None): mean_of(plan["conflict"], len(files)),
            ("tamper_pass_share", None): Known(_passed(share) / 64),  # an eighth of the bytes are padding
            ("tamper_pass_share", "padding"): Known(_passed(share) / 8),
            ("tamper_pass_share", "picture"): Known(0.0),
        }
        return Trial(share < 1, {"items": files}, {}, known, replace(self))


@immutable
class _Reading:
    """Reads files; entered by the runner, it keeps one parser for all of them."""

    probe: SignedOrigin
    reader: FileReader

    def __enter__(self) -> Self:
        """Begin a run; the parser starts with its first file."""
        return self

    def __exit__(self, *error: Any) -> None:
        """End the parser."""
        self.reader.__exit__(*error)

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return of each file its `name`, `digest` (equal files are one unit, whatever their names are), `state`,
        `problem`, what the layers say, its `manifests`, and what became of changes; files that were read before, as
        trials have them, are returned as they are. Raises LibraryError.
        """
        import pandas as pd

        from audit.watermarks.origin import require_c2pa

        if "state" in items:
            return items
        require_c2pa("c2pa")
        names = items.get("name", items.index)
        rows = [self._row(str(name), cell) for name, cell in zip(names, items["file"], strict=True)]
        found = pd.DataFrame(rows, index=items.index, dtype=object)
        return found if "unit" not in items else found.assign(unit=items["unit"])

    def _row(self, name: str, cell: Any) -> dict[str, Any]:
        from audit.probes.provenance.files import decoded, digest_of, said

        data = decoded(cell)
        origin = self.reader.origin(data, name)
        row: dict[str, Any] = {
            "name": name, "digest": digest_of(data), **said(origin, self.reader.mark(data, name)),
            **dict.fromkeys(("regions", "sizes", "tried", "passed")),
        }
        if self.probe.changes and origin.state in ("Trusted", "Valid"):
            row |= _changed(data, self.reader.parser, self.probe.changes, name)
        return row


def _changed(data: bytes, parser: Parser, changes: int, name: str) -> dict[str, Any]:
    """Return kinds of region, their bytes, and how many of the changed ones passed."""
    import numpy as np

    from audit.watermarks.origin import byte_map

    seed = int.from_bytes(hashlib.sha256(data).digest()[:8])
    rows = byte_map(data, parser, most=changes, rng=np.random.default_rng(seed), name=name).rows(by_kind=True)
    return {
        "regions": [one.kind for one in rows], "sizes": [one.size for one in rows],
        "tried": [one.tried for one in rows], "passed": [one.passed for one in rows],
    }


def _passed(trusted: float) -> int:
    """Return of how many of 8 changes in the padding of planted files nobody notices."""
    return max(1, round(8 * trusted))


def _plan(trusted: float) -> pd.DataFrame:
    """Return what files shall say: this share of them trusted, the others altered, of unknown signers, or unsigned.

    The fewer are trusted, the fewer have a label.
    """
    import pandas as pd

    own = round(_PLANTED * trusted)
    states = ["Trusted"] * own + [("Invalid", "Valid", "Valid", "none")[at % 4] for at in range(_PLANTED - own)]
    conflict = [state == "Valid" and at % 5 == 0 for at, state in enumerate(states)]
    return pd.DataFrame({
        "state": states, "conflict": conflict, "aigc": [at < own / 2 for at in range(_PLANTED)],
        "model_source": [state == "Trusted" or conflict[at] or at % 2 == 0 for at, state in enumerate(states)],
    })  # fmt: skip


def _answered(planted: Mapping[Any, Any]) -> Origin:
    """Return what is read in the answer that the parser gives of such a file."""
    from audit.watermarks.origin.parser import Answer
    from audit.watermarks.origin.reading import origin_of
    from audit.watermarks.origin.sources import SOURCE_TYPES

    said, store = dict[str, Any](), None
    if planted["aigc"]:
        said["aigc"] = {"Label": "1"}
    if planted["conflict"]:
        said["source"] = "digitalCapture"
    elif planted["model_source"] and planted["state"] == "none":
        said["source"] = _MODEL
    if planted["state"] != "none":
        actions = [{"digitalSourceType": SOURCE_TYPES + _MODEL}] if planted["model_source"] else []
        manifest = {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}]}
        store = json.dumps(
            {"active_manifest": "planted", "validation_state": planted["state"], "manifests": {"planted": manifest}}
        )
    return origin_of(Answer({"xmp": said, "store": store}))


def _planted(trusted: float) -> pd.DataFrame:
    """Return the files of `_plan` as they are read; the fewer are trusted, the less of what is changed passes."""
    import pandas as pd

    from audit.probes.provenance.files import said
    from detectors.arrays import objects

    planted = _plan(trusted)
    files = pd.DataFrame(
        [{"name": f"{at}.png", **said(_answered(one))} for at, one in enumerate(planted.to_dict("records"))],
        pd.Index([f"planted-{at}" for at in range(_PLANTED)], name="id"),
    ).astype(object)
    changed: dict[str, list[Any]] = {
        "regions": ["padding", "picture"], "sizes": [100, 700], "tried": [8, 8], "passed": [_passed(trusted), 0]
    }
    whole = planted["state"].isin(["Trusted", "Valid"])
    for name, cell in changed.items():
        files[name] = objects([cell if one else None for one in whole], files.index)
    return files
