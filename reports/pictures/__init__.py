"""What each finding opens with: pictures of the items behind it."""

from reports.pictures.finding_figure import (
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
from reports.pictures.hotspots import Hotspot, bounds_of, cells_told
from reports.pictures.thumbnails import thumbnail

__all__ = [
    "WIDTH",
    "FindingFigure",
    "Hotspot",
    "Picture",
    "Shown",
    "bounds_of",
    "cells_told",
    "figure_of",
    "opening",
    "pictured",
    "pictures_of",
    "thumbnail",
    "within",
]
