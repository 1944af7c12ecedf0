"""What a model weighs, and how much it multiplies and adds for one answer: counted, not estimated.

    parameters      numbers that were learnt, those that two layers share once
    weight_bytes    of these and of what is stored with them, as they are held here
    matrices        numbers of all matrices but the look-up of tokens: N in the rule 2 N for a token
    flops           of one call, from the shapes of its matrix products and convolutions: a product and a sum are two

Attention is computed the plain way while it is counted, as a kernel that does it in one step is not seen. What is done
number by number (sums of two layers, normalisation, softmax) is left out, as everywhere in the field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audit.errors import ModelError
from audit.model import ABILITIES, CanCompute, CanTokenise, Item, ModelSource
from audit.procedure import Procedure
from detectors.phrases import Cause

if TYPE_CHECKING:
    import pandas as pd
    import torch

__all__ = ["NOT_HERE", "PROCEDURE", "call_of", "counted_work", "networks_of"]

NOT_HERE = Cause("no network of it is computed here, so neither its weights nor its work are at hand")
_STORED = frozenset({".gguf", ".safetensors"})


def counted_work(
    model: CanCompute,
    items: Sequence[Item],
    *,
    ability: Literal["sample", "log_prob", "predict"],
    seed: int,
    source: ModelSource | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Return a row an item: `flops`, `tokens` that were read to be scored, and what the module's text says.

    An item is the prompt of a draw, or what is evaluated; `options` go to the ability. `stored_bytes` are those of the
    files of weights. Null: `parameters` where weights are packed so that their number is not told, `stored_bytes` where
    there are no such files, `tokens` of a draw and of what is no text. Raises ModelError where the model lacks the
    ability or holds no network.
    """
    import pandas as pd

    networks = networks_of(model)
    if not networks or not isinstance(model, ABILITIES[ability]):
        lacks = "no network of torch" if not networks else f"no ability {ability!r}"
        raise ModelError(f"{getattr(model, 'name', 'the model')}: its work cannot be counted: it has {lacks}")
    rows = [
        {"flops": float(_flops(model, ability, item, seed + place, options)), "tokens": _tokens(model, ability, item)}
        for place, item in enumerate(items)
    ]
    return pd.DataFrame(rows).assign(**_weights(networks), stored_bytes=_stored(source))


def call_of(model: Any, ability: str, item: Item, seed: int, options: Mapping[str, Any]) -> None:
    """Answer once; the seed plays a part in draws alone."""
    if ability == "sample":
        model.sample([item], seed=seed, **options)
    else:
        getattr(model, ability)([item], **options)


def networks_of(model: object) -> list[torch.nn.Module]:
    """Return the networks that an opened model holds, the outermost of each, wherever among its attributes.

    Objects of its own package and of diffusers are looked into, and what lies in lists and mappings.
    """
    import torch

    home = {type(model).__module__.partition(".")[0], "audit", "diffusers"}
    found: dict[int, torch.nn.Module] = {}
    seen, left = set[int](), [model]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, torch.nn.Module):
            found[id(one)] = one
        elif isinstance(one, Mapping):
            left += one.values()
        elif isinstance(one, list | tuple):
            left += one
        elif hasattr(one, "__dict__") and type(one).__module__.partition(".")[0] in home:
            left += [*vars(one).values(), *getattr(one, "components", {}).values()]
        elif hasattr(one, "__self__"):  # a method that it keeps of an object
            left.append(one.__self__)
    return list(found.values())


def _flops(model: Any, ability: str, item: Item, seed: int, options: Mapping[str, Any]) -> int:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        call_of(model, ability, item, seed, options)
    return int(counter.get_total_flops())


def _tokens(model: Any, ability: str, item: Item) -> float | None:
    """Return how many tokens the network reads to score a text: all but the last, which nothing is asked about."""
    if ability == "sample" or not isinstance(model, CanTokenise) or not isinstance(item, str):
        return None
    return float(len(model.tokenise([item])[0]) - 1)


def _weights(networks: Sequence[torch.nn.Module]) -> dict[str, float | None]:
    import torch

    learnt = {id(one): one for network in networks for one in network.parameters()}
    held = {id(one): one for network in networks for one in network.state_dict(keep_vars=True).values()}
    packed = any(_is_packed(one) for one in learnt.values())
    matrices = {
        id(weight): weight for network in networks for layer in network.modules()
        if not isinstance(layer, torch.nn.Embedding)
        for weight in layer.parameters(recurse=False) if weight.dim() > 1
    }  # fmt: skip
    return {
        "parameters": None if packed else float(sum(map(_numel, learnt.values()))),
        "matrices": None if packed else float(sum(map(_numel, matrices.values()))),
        "weight_bytes": float(sum(sum(map(_nbytes, _parts(one))) for one in {**learnt, **held}.values())),
    }


def _is_packed(weight: torch.Tensor) -> bool:
    """Tell whether several numbers of a weight stand in one."""
    return not weight.dtype.is_floating_point and not weight.dtype.is_complex


def _numel(weight: torch.Tensor) -> int:
    return prod(weight.shape)


def _nbytes(weight: torch.Tensor) -> int:
    return int(prod(weight.shape) * weight.element_size())


def _parts(weight: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors that a weight is held in: itself, or of one in fewer bits its numbers and their scales."""
    if not hasattr(weight, "__tensor_flatten__"):
        if hasattr(weight, "element_size"):
            yield weight
        return
    for name in weight.__tensor_flatten__()[0]:
        yield from _parts(getattr(weight, name))


def _stored(source: ModelSource | None) -> float | None:
    path = getattr(source, "path", None)
    if not isinstance(path, Path):
        return None
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    sizes = [one.stat().st_size for one in files if one.suffix in _STORED and one.is_file()]
    return float(sum(sizes)) if sizes else None


PROCEDURE = Procedure(counted_work, needs=(CanCompute,), lacking=NOT_HERE, random=True, sourced=True)
"""Which ability it needs besides, the option `ability` says."""
