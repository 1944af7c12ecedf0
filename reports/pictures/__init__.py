"""What each finding opens with: pictures of the items behind it."""

from reports.pictures.part import (
    WIDTH,
    FindingFigure,
    Picture,
    Shown,
    figure_of,
    opening,
    pictured,
    pictures_of,
    within,
)
from reports.pictures.small import thumbnail
from reports.pictures.spots import Spot, bounds_of, cells_told

__all__ = [
    "WIDTH", "FindingFigure", "Picture", "Shown", "Spot", "bounds_of", "cells_told", "figure_of", "opening", "pictured",
    "pictures_of", "thumbnail", "within",
]
