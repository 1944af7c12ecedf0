"""Marks that are put into a text while it is drawn, one class for each variant: `audit.model.TextWatermark`."""

from audit.watermarks.text.dipmark import DiPmark
from audit.watermarks.text.gumbel import Gumbel, VLLMGumbel
from audit.watermarks.text.kgw import LeftHash
from audit.watermarks.text.synthid import SynthID, SynthIDMain

__all__ = ["DiPmark", "Gumbel", "LeftHash", "SynthID", "SynthIDMain", "VLLMGumbel"]
