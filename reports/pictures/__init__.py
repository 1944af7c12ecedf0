"""What each finding opens with: pictures of the items behind it."""

from reports.pictures.part import WIDTH, FindingFigure, Picture, Shown, figure_of, pictured, pictures_of

__all__ = ["WIDTH", "FindingFigure", "Picture", "Shown", "figure_of", "pictured", "pictures_of"]
