"""What each finding opens with: pictures of the items behind it."""

from reports.pictures.part import WIDTH, FindingFigure, Picture, Shown, figure_of, pictured, pictures_of
from reports.pictures.small import thumbnail

__all__ = ["WIDTH", "FindingFigure", "Picture", "Shown", "figure_of", "pictured", "pictures_of", "thumbnail"]
