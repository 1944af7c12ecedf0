"""Marks in images, put in and read: one class for each variant, `audit.watermarks.image.mark.ImageMark`."""

from audit.watermarks.image.invisible import InvisibleWatermark
from audit.watermarks.image.lowest_bit import LowestBit
from audit.watermarks.image.mark import ImageMark, MarksImages, message_of
from audit.watermarks.image.spread import SpreadSpectrum

__all__ = ["ImageMark", "InvisibleWatermark", "LowestBit", "MarksImages", "SpreadSpectrum", "message_of"]
