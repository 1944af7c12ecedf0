"""Marks that are put into a text while it is drawn, one class for each variant: `audit.model.TextWatermark`."""

from audit.watermarks.text.dipmark import DiPmark
from audit.watermarks.text.gumbel import Gumbel, VLLMGumbel
from audit.watermarks.text.kgw import LeftHash, SelfHashHF, SelfHashLMW
from audit.watermarks.text.shift import Shifted
from audit.watermarks.text.synthid import SynthID, SynthIDMain
from audit.watermarks.text.unigram import Unigram

__all__ = [
    "DiPmark", "Gumbel", "LeftHash", "SelfHashHF", "SelfHashLMW", "Shifted", "SynthID", "SynthIDMain", "Unigram",
    "VLLMGumbel",
]
