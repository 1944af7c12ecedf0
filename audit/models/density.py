"""A density of your own: any object with `log_prob(x) -> [item]`, as torch.distributions and flows have.

    model: {use: density, factory: mine:flow, weights: flow.safetensors}      mine.flow(weights) returns the object
    wrap_density(flow, name="flow")                                            in Python

`log_prob` is given a tensor [item, ...] and answers in nats, one number an item. With `sample(torch.Size([n]))` the
model draws, too. The factory is code that runs here, so it must be a function of a module of your own: its fingerprint
is that of the source files of its package and of the weights; of libraries that these import it says nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import ModelError
from audit.files import canonical, sha256
from audit.model import Item, LikelihoodKind, Sample
from audit.models.files import PICKLED, digest_once
from detectors.immutable import immutable

if TYPE_CHECKING:
    import torch

__all__ = ["Density", "DensityFactory", "SampledDensity", "wrap_density"]

Modality = Literal["tabular", "series", "image"]
_NAMED = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<function>[A-Za-z_]\w*)")
_BATCH = 4096


@immutable
class DensityFactory:
    """A function of your own that makes an object with `log_prob`, and `sample` where it can draw."""

    factory: str
    """`module:function`; the function is called with `weights` where these are given, else with nothing."""
    folder: Path | None = None
    """Folder that holds the module; absent = it is installed."""
    weights: Path | None = None
    """File that the function reads, e.g. safetensors; a pickle is refused."""
    modality: Modality = "tabular"
    """What an item is: a row of numbers, a series or an image."""
    likelihood: LikelihoodKind = "exact"
    """What `log_prob` is: `exact`, `lower_bound` or `estimate`."""
    dtype: Literal["float32", "float64"] = "float32"
    """Of the tensor that `log_prob` is given."""
    name: str | None = None
    """What reports call it; absent = the function's name."""

    family: ClassVar[str] = "density"

    def __post_init__(self) -> None:
        """Refuse what is no function of a module of the user's own, and weights that can run code."""
        named = _NAMED.fullmatch(self.factory)
        if named is None or named["module"].partition(".")[0] in sys.stdlib_module_names:
            raise ValueError(f"factory is {self.factory!r}; allowed: module:function, the module not Python's own")
        if self.weights is not None and self.weights.suffix.lower() in PICKLED:
            raise ValueError(f"weights are {self.weights.name!r}, which can run code; allowed: safetensors or the like")

    def fingerprint(self) -> str:
        """Return the digest of the source files, the weights and the options; nothing runs. Raises ModelError."""
        weights = None if self.weights is None else digest_once(self.weights)
        options = [self.factory, self.modality, self.likelihood, self.dtype]
        return sha256(canonical([self.family, _source_of(self.factory, self.folder), weights, options]))

    def open(self) -> Density:
        """Import the module, call the function and return the model; raises ModelError for whatever goes wrong."""
        from importlib import import_module

        module, _, function = self.factory.partition(":")
        fingerprint = self.fingerprint()
        try:
            with self._at_home():
                make = getattr(import_module(module), function)
                if not callable(make) or getattr(make, "__module__", None) != module:
                    raise ModelError(f"{self.factory}: is no function of that module; allowed: one that it defines")
                obj = make() if self.weights is None else make(self.weights)
        except ModelError:
            raise
        except Exception as error:
            why = (str(error).splitlines() or [""])[0]
            raise ModelError(f"{self.factory}: cannot be made ({type(error).__name__}: {why})") from None
        told = {"modality": self.modality, "likelihood": self.likelihood, "dtype": self.dtype}
        return _density(obj, self.name or function, fingerprint, **told)

    @contextmanager
    def _at_home(self) -> Iterator[None]:
        """Let modules be found in `folder`, as they stand there now; raises ModelError where one has their name."""
        if self.folder is None:
            yield
            return
        home, top = str(self.folder.resolve()), self.factory.partition(":")[0].partition(".")[0]
        for name, module in [*sys.modules.items()]:
            if name == top or name.startswith(f"{top}."):
                if not str(getattr(module, "__file__", None)).startswith(home):
                    told = f"a module {name!r} from elsewhere is loaded"
                    raise ModelError(f"{self.factory}: {told}; allowed: another name")
                del sys.modules[name]
        sys.path.insert(0, home)
        try:
            yield
        finally:
            sys.path.remove(home)


def wrap_density(
    obj: Any, *, name: str, modality: Modality = "tabular", likelihood: LikelihoodKind = "exact",
    dtype: Literal["float32", "float64"] = "float32",
) -> Density:
    """Return an object with `log_prob` as a model; its fingerprint is the digest of its state.

    Raises ModelError where it has no `log_prob` or its state cannot be written out.
    """
    import pickle

    try:
        state = pickle.dumps(obj, protocol=5)  # written for its digest only; nothing here reads one
    except Exception as error:
        raise ModelError(f"{name}: its state cannot be written out, so it has no fingerprint ({error})") from None
    fingerprint = sha256(canonical([sha256(state), modality, likelihood, dtype]))
    return _density(obj, name, fingerprint, modality=modality, likelihood=likelihood, dtype=dtype)


def _density(obj: Any, name: str, fingerprint: str, **told: Any) -> Density:
    if not callable(getattr(obj, "log_prob", None)):
        got = f"a {type(obj).__name__} has no log_prob"
        raise ModelError(f"{name}: {got}; allowed: an object with log_prob(x) -> [item]")
    return (SampledDensity if callable(getattr(obj, "sample", None)) else Density)(obj, name, fingerprint, **told)


class Density:
    """An object with `log_prob(x) -> [item]`."""

    family = "density"

    def __init__(
        self, obj: Any, name: str, fingerprint: str, *, modality: Modality, likelihood: LikelihoodKind, dtype: str
    ) -> None:
        self.name, self.fingerprint, self.modality = name, fingerprint, modality
        self.numerics = {"device": "cpu", "dtype": dtype}
        self._obj, self._likelihood, self._dtype = obj, likelihood, dtype

    def log_prob(self, items: Sequence[Item]) -> tuple[torch.Tensor, LikelihoodKind]:
        """Return (nats [item], kind); raises ModelError for an answer that is no number an item."""
        import torch

        if not len(items):
            return torch.zeros(0), self._likelihood
        whole = self._tensor(items)
        with torch.no_grad():
            parts = [self._asked(part) for part in whole.split(_BATCH)]
        return torch.cat(parts), self._likelihood

    def _tensor(self, items: Sequence[Item]) -> torch.Tensor:
        import numpy as np
        import torch

        shapes = sorted({np.shape(item) for item in items})
        if len(shapes) > 1 or shapes[0] == ():
            told = " and ".join(str(list(shape)) for shape in shapes[:2])
            raise ModelError(f"{self.name}: items have shape {told}; allowed: arrays of one shape")
        return torch.as_tensor(np.stack(list(items)).astype(self._dtype))

    def _asked(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        try:
            nats = self._obj.log_prob(x)
        except Exception as error:
            why = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            raise ModelError(f"{self.name}: log_prob of {list(x.shape)} failed ({why})") from None
        if not isinstance(nats, torch.Tensor) or nats.shape != x.shape[:1]:
            got = list(nats.shape) if isinstance(nats, torch.Tensor) else f"a {type(nats).__name__}"
            hint = "; torch.distributions.Independent sums over an item's numbers" if got == list(x.shape) else ""
            raise ModelError(f"{self.name}: log_prob gave {got} for {len(x)} items; allowed: [{len(x)}]{hint}")
        return nats.double()


class SampledDensity(Density):
    """A density that draws, too."""

    def sample(self, prompts: Sequence[None], *, seed: int) -> list[Sample]:
        """Return draws without prompt; raises ModelError for one, or for draws that are not [draw, ...]."""
        import torch

        if any(prompt is not None for prompt in prompts):
            raise ModelError(f"{self.name} draws without a prompt; allowed: None")
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            drawn = self._obj.sample(torch.Size([len(prompts)]))
        if not isinstance(drawn, torch.Tensor) or drawn.dim() < 2 or len(drawn) != len(prompts):
            got = list(drawn.shape) if isinstance(drawn, torch.Tensor) else f"a {type(drawn).__name__}"
            raise ModelError(f"{self.name}: sample gave {got} for {len(prompts)} draws; allowed: [{len(prompts)}, ...]")
        return [Sample(one, elements=one.size) for one in drawn.double().cpu().numpy()]


def _source_of(factory: str, folder: Path | None) -> dict[str, str]:
    """Return file -> digest of the module's source, of a module in a package of all its source files."""
    from importlib.machinery import PathFinder

    top = factory.partition(":")[0].partition(".")[0]
    spec = PathFinder.find_spec(top, None if folder is None else [str(folder.resolve())])
    if spec is None or (spec.origin is None and not spec.submodule_search_locations):
        raise ModelError(f"{factory}: there is no module {top!r}; allowed: one that is installed, or in `folder`")
    if not spec.submodule_search_locations:
        file = Path(str(spec.origin))
        return {file.name: digest_once(file)}
    homes = [Path(place) for place in spec.submodule_search_locations]
    files = {f"{path.relative_to(home).as_posix()}": path for home in homes for path in sorted(home.rglob("*.py"))}
    return {name: digest_once(path) for name, path in files.items()}
