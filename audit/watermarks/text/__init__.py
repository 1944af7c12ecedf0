"""Marks that are put into a text while it is drawn, one class for each variant: `audit.model.TextWatermark`."""

from audit.watermarks.text.kgw import LeftHash

__all__ = ["LeftHash"]
