"""What the features of a table give away of the group: one by one, together, and how far numbers lie apart."""

from __future__ import annotations

import numpy as np

from detectors.bias.data.distribution_distances import distances
from detectors.bias.data.findings import Found, largest, smallest_p
from detectors.bias.data.proxies import Joint, joint_proxies, proxy_of
from detectors.bias.data.setting import Setting
from detectors.bias.data.splits import Split
from detectors.phrases import Cause, Method
from detectors.result import Measure

__all__ = ["proxies"]

_MOST_GROUPS = 6
"""Groups, the largest, whose numbers are compared with all others'."""
_AUROC = Method("AUROC on the half of the rows that was not learnt from, all groups at once (Bonferroni)")
_PERMUTED = Method("permutation of the groups, learning included")
_CORRECTED = Method("none; the bias of the plug-in is taken off")
_PLUG_IN = Method("none; it is biased upwards")
_NO_FEATURE = Cause("no feature tells rows apart in two groups")
_NOT_ENOUGH = Cause("fewer than two groups have enough rows in both halves")
_NO_NUMBER = Cause("no feature is a number in two groups")


def proxies(setting: Setting) -> Found:
    """Return how well features tell the groups: jointly first, then the strongest alone, and the widest distance."""
    found, groups = Found(), list[Measure]()
    joint, p, single, apart = (list[Measure]() for _ in range(4))
    for split in setting.splits:
        told = joint_proxies(setting.features, split.codes, level=setting.strict, rng=setting.rng)
        joint.append(_joint(setting, split, told))
        p.append(
            setting.none("joint_proxy_p", _NOT_ENOUGH, split.label) if told is None
            else setting.measure("joint_proxy_p", told.p, split.label, n=told.judged, method=_PERMUTED)
        )  # fmt: skip
        groups += [] if told is None else _of_groups(setting, split, told)
        single.append(_single(setting, split, told, found))
        apart.append(_apart(setting, split, found))
    found.measures = [*largest(joint), *smallest_p(p), *largest(single), *largest(apart), *groups]
    return found


def _joint(setting: Setting, split: Split, told: Joint | None) -> Measure:
    if told is None:
        return setting.none("joint_proxy", _NOT_ENOUGH, split.label)
    value, low, high = (max(ends) for ends in zip(*told.values, strict=True))
    return setting.measure("joint_proxy", value, split.label, n=told.judged, low=low, high=high, method=_AUROC)


def _of_groups(setting: Setting, split: Split, told: Joint) -> list[Measure]:
    return [
        setting.measure("joint_proxy", value, split.named(split.groups[group]), n=told.judged, low=low, high=high,
                        method=_AUROC)
        for group, (value, low, high) in zip(told.groups, told.values, strict=True)
    ]  # fmt: skip


def _single(setting: Setting, split: Split, told: Joint | None, found: Found) -> Measure:
    strongest = None
    for at, feature in enumerate(setting.features):
        if (one := proxy_of(feature, split.codes)) is not None:
            strongest = max(one.information, strongest or 0.0)
            found.row(
                "proxies", feature.name, split.name, value=one.information, cramers_v=one.cramers_v,
                correlation_ratio=one.correlation_ratio, left_without=None if told is None else told.without[at],
                against=None, weight=one.information,
            )  # fmt: skip
    if strongest is None:
        return setting.none("proxy_strength", _NO_FEATURE, split.label)
    return setting.measure("proxy_strength", strongest, split.label, method=_CORRECTED)


def _apart(setting: Setting, split: Split, found: Found) -> Measure:
    """Return the largest KS of a number in one of the largest groups and beside it."""
    sizes, most = split.counts(), None
    for feature in setting.features:
        if (numbers := feature.numbers) is None:
            continue
        known = np.isfinite(numbers)
        for group in np.argsort(-sizes, kind="stable")[:_MOST_GROUPS].tolist():
            own = split.codes == group
            if (far := distances(numbers[known & own], numbers[known & ~own])) is not None:
                most = max(far.ks, most or 0.0)
                found.row("distances", feature.name, split.named(split.groups[group]), rows=int(sizes[group]),
                          value=far.ks, w1=far.w1, js=far.js, psi=far.psi, against=None, weight=far.ks)  # fmt: skip
    if most is None:
        return setting.none("feature_distance", _NO_NUMBER, split.label)
    return setting.measure("feature_distance", most, split.label, method=_PLUG_IN)
