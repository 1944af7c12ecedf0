"""Data: files, images, frames and what functions of ours make, as items under stable ids, in bounded memory."""

from audit.data.cells import described
from audit.data.columns import (
    ENDINGS,
    FileFormat,
    column_names,
    json_rows,
    read_columns,
    readable,
    require_cells,
    require_column,
)
from audit.data.frames import Frame, as_sources
from audit.data.ids import frames_of
from audit.data.image_bytes import MAX_PIXELS, colour_pixels
from audit.data.images import folder_labels
from audit.data.source import DataSource, Source

__all__ = [
    "ENDINGS", "MAX_PIXELS", "DataSource", "FileFormat", "Frame", "Source", "as_sources", "colour_pixels",
    "column_names", "described", "folder_labels", "frames_of", "json_rows", "read_columns", "readable", "require_cells",
    "require_column",
]
