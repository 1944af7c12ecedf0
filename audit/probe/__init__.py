"""What a probe is: a question put through one door, judged without the model, and shown to work before it is asked."""

from audit.probe.protocol import Ask, Observed, Observer, Probe, Role, observing
from audit.probe.ranges import (
    AMOUNT,
    AUROC,
    BYTES,
    COUNT,
    JOULES,
    NATS,
    NATS_GAP,
    P_VALUE,
    SCORE,
    SECONDS,
    SHARE,
    SHARE_GAP,
    SIGNED,
    Range,
    beyond,
    margin_beyond,
    never_shown,
    range_in,
    range_of,
)
from audit.probe.trial import (
    Answer,
    HasTrials,
    Known,
    KnownMeasures,
    Trial,
    auroc_of,
    likely_as,
    mean_of,
    observed_in,
    overall,
    standing,
)

__all__ = [
    "AMOUNT", "AUROC", "BYTES", "COUNT", "JOULES", "NATS", "NATS_GAP", "P_VALUE", "SCORE", "SECONDS", "SHARE",
    "SHARE_GAP", "SIGNED", "Answer", "Ask", "HasTrials", "Known", "KnownMeasures", "Observed", "Observer", "Probe",
    "Range", "Role", "Trial", "auroc_of", "beyond", "likely_as", "margin_beyond", "mean_of", "never_shown",
    "observed_in", "observing", "overall", "range_in", "range_of", "standing",
]
