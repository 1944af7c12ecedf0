"""Marks in images, put in and read: one class for each variant, `audit.watermarks.image.mark.ImageMark`."""

from audit.watermarks.image.invisible import InvisibleWatermark
from audit.watermarks.image.lowest_bit import LowestBit
from audit.watermarks.image.mark import ImageMark, MarksImages, MarksNoise, message_of
from audit.watermarks.image.noise import GaussianShading, TreeRing
from audit.watermarks.image.spread import SpreadSpectrum

__all__ = [
    "GaussianShading", "ImageMark", "InvisibleWatermark", "LowestBit", "MarksImages", "MarksNoise", "SpreadSpectrum",
    "TreeRing", "message_of",
]
