"""Images from an OpenAI-compatible server, and who draws them.

    POST /images/generations   {model, prompt, n: 1, seed, response_format}   data[0].b64_json, or data[0].url

An answer is hostile input: whatever is no image in it, or one of too many pixels, is an error of that item. A server
that draws one image twice for one seed shows itself by it: the image of a fixed prompt, as 8 x 8 means of its levels,
has to stay, but for the last digits that other company in a batch may change.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from audit.ask import Account
from audit.data import colour_pixels
from audit.errors import DataError, EndpointError
from audit.model import Sample
from audit.models.remote.transport import Failure, Transport
from audit.models.remote.wire import Elsewhere, Question, WireError
from audit.numbering import draw_seed, numbers_of
from detectors.phrases import Cause

__all__ = ["RemoteImages", "read_image"]

_DEFAULTS: dict[str, Any] = {"response_format": "b64_json"}
_FIXED = "a red circle on a white sheet of paper"
_SIDE = 8
_ALIKE = 2.0
"""Mean difference of levels, of 255, up to which two images of the fixed prompt are one."""
_NO_SEED = Cause("the same seed gave two different draws")
_UNSEEDED = Cause("requests carry no seed")
_NO_LIKELIHOOD = Cause("a server of images does not tell how likely one is")
_log = logging.getLogger(__name__)


class RemoteImages:
    """Draws images from an endpoint.

    `missing` tells why it has no likelihood, and under `seed` that a seed does not fix a draw. `fixed_calls` counts the
    images that went into who answers.
    """

    family = "image_endpoint"
    modality = "image"

    def __init__(
        self, name: str, fingerprint: str, transport: Transport, sampling: Mapping[str, Any], *, seeded: bool,
        proven: Mapping[str, str] | None = None,
    ) -> None:
        """Ask for the fixed prompt's image, twice where there are seeds; EndpointError where none comes.

        proven: what the server lacks; it is not asked then.
        """
        self.name, self.fingerprint = name, fingerprint
        self.missing: dict[str, str] = {"log_prob": _NO_LIKELIHOOD, "trace": _NO_LIKELIHOOD}
        self.fixed_calls = 0
        self._transport, self._sampling, self._seeded = transport, dict(sampling), seeded
        if proven is not None:
            self.missing = dict(proven)
            return
        first, *again = (self._shown() for _ in range(2 if seeded else 1))
        if not seeded:
            self.missing["seed"] = _UNSEEDED
        elif not _alike(first, again[0]):
            self.missing["seed"] = _NO_SEED

    def sample(
        self, prompts: Sequence[str | None], *, seed: int, numbers: Sequence[int] | None = None, **sampling: Any
    ) -> list[Sample]:
        """Return one image per prompt, uint8 [3, row, column]; an item without one has finish `error`.

        Every draw has a seed of its own, from prompt and number. Raises EndpointError where nothing is answered at all.
        """
        numbered = zip(prompts, numbers_of(prompts) if numbers is None else numbers, strict=True)
        questions = [self._draw(prompt or "", draw_seed(seed, prompt, number), sampling) for prompt, number in numbered]
        images = self._transport.ask(questions)
        failures = [one for one in images if isinstance(one, Failure)]
        if failures:
            if len(failures) == len(images):
                self._shown()
            _log.warning("%s: %d of %d without image: %s", self.name, len(failures), len(images), failures[0].problem)
        return [
            Sample(None, "error", problem=one.problem) if isinstance(one, Failure) else Sample(one) for one in images
        ]

    def identity(self) -> dict[str, Any]:
        """Return what must not change: the ability, and the fixed prompt's image where a seed fixes it."""
        return {"abilities": ["sample"], "picture": None if "seed" in self.missing else self._shown().tolist()}

    def still(self, before: Mapping[str, Any]) -> bool:
        """Tell whether the model answers that showed these facts, as far as its images can tell."""
        picture = before.get("picture")
        if picture is None or "seed" in self.missing:
            return (picture is None) == ("seed" in self.missing)
        return _alike(np.array(picture, dtype=float), self._shown())

    @property
    def proven(self) -> dict[str, str]:
        """What the server was found to lack, for who opens the same endpoint again."""
        return dict(self.missing)

    @property
    def account(self) -> Account:
        """What the server took so far."""
        return self._transport.account

    def close(self) -> None:
        """Close the connections; a second call does nothing."""
        self._transport.close()

    def _shown(self) -> np.ndarray:
        """Return the fixed prompt's image, [8, 8] mean levels; EndpointError where none comes."""
        self.fixed_calls += 1
        (image,) = self._transport.ask([self._draw(_FIXED, 0, {})])
        if isinstance(image, Failure):
            raise EndpointError(f"{self._transport.url}: no image for a fixed prompt: {image.problem}")
        grey = image.mean(axis=0)
        rows = [part.mean(axis=0) for part in np.array_split(grey, _SIDE)] if len(grey) >= _SIDE else list(grey)
        cells = [part.mean(axis=1) for part in np.array_split(np.array(rows), min(_SIDE, grey.shape[1]), axis=1)]
        levels: np.ndarray = np.rint(np.stack(cells, axis=1))
        return levels

    def _draw(self, prompt: str, seed: int, sampling: Mapping[str, Any]) -> Question[np.ndarray]:
        merged = {**_DEFAULTS, **self._sampling, **sampling, **({"seed": seed} if self._seeded else {})}
        told = {key: value for key, value in merged.items() if value is not None}
        return Question("/images/generations", {"model": self.name, "prompt": prompt, "n": 1, **told}, read_image)


def read_image(answer: Mapping[str, Any]) -> np.ndarray | Elsewhere[np.ndarray]:
    """Return the image in an answer, uint8 [3, row, column], or where it lies; WireError where it holds neither."""
    data = answer.get("data")
    if not isinstance(data, list) or len(data) != 1 or not isinstance(data[0], dict):
        raise WireError(f"answer with {len(data) if isinstance(data, list) else 'no'} images, not one")
    told = data[0].get("b64_json")
    if not isinstance(told, str):
        if isinstance(data[0].get("url"), str):
            return Elsewhere(data[0]["url"], _pixels)
        raise WireError("answer without image")
    try:
        content = base64.b64decode(told, validate=True)
    except ValueError:
        raise WireError("answer with an image that is no base64") from None
    return _pixels(content)


def _pixels(content: bytes) -> np.ndarray:
    try:
        return colour_pixels(content, "answer")
    except DataError as error:
        raise WireError(str(error).removeprefix("answer: ")) from None


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and float(np.abs(one - other).mean()) <= _ALIKE
