"""Images in a folder, as items: every PNG, JPEG, WebP, BMP or TIFF in it, a class to a subfolder where there are any.

    data: {use: image_folder, path: ./photos, mode: L, size: [28, 28], levels: 16}

    image   whole numbers 0 to 255, or of fewer levels, [row, column] for mode L, [channel, row, column] for mode RGB
    name    the file's path in the folder
    label   name of the subfolder that holds the file, where it is not the folder itself
    unit    the file's path in the folder; of pictures with equal pixels the first one's; or either as `names` says

An item's id comes from its pixels and its label, not from where the file stands. What a picture would take is known
before it is unpacked: more than 4 million pixels want a `size`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audit.data.file_names import check_names, told_by_name
from audit.data.ids import frames_of
from audit.data.image_bytes import check_pixels
from audit.data.source import Source
from audit.errors import DataError, did_you_mean
from audit.files import canonical, decoding, digest_file, open_regular, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from PIL import Image

    from audit.probe import Role

__all__ = ["ImageFolder", "folder_labels"]

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_FIELDS = ("image", "name", "label", "unit")
_ROWS = 256
_BYTE = 256
_AT_ONCE = 1 << 24
"""Pixels of all images that are held at once."""


@immutable
class ImageFolder(Source):
    """A folder of image files."""

    path: Path
    """The folder; subfolders are read too, links that lead out of it are refused."""
    mode: Literal["L", "RGB"] = "L"
    """`L` = one channel of grey, `RGB` = three of colour."""
    size: tuple[int, int] | None = None
    """(rows, columns) that images are resampled to (bicubic); absent = as they are, mostly of one size."""
    levels: int = field(default=_BYTE, metadata={"later": True})
    """Levels that each pixel is cut into, 0 to levels - 1; small models learn few of them better than all 256."""
    names: str | None = field(default=None, metadata={"later": True})
    """What the name of a file says, without its ending: a regular expression with groups `label`, `unit` or both, e.g.
    `(?P<unit>[a-z]+)_.*` where it begins with the person shown."""

    def __post_init__(self) -> None:
        """Refuse levels that a byte does not have, and names that tell nothing."""
        check_names(self.names)
        if not 2 <= self.levels <= _BYTE:
            raise ValueError(f"levels is {self.levels}; allowed: 2 to {_BYTE}")

    def digest(self) -> str:
        """Return the digest of the files' names and bytes and of the options; raises DataError, IntegrityError."""
        files = {str(file.relative_to(self.path)): digest_file(file) for file in self.files()}
        later: list[Any] = [] if self.levels == _BYTE else [self.levels]
        later += [] if self.names is None else [{"names": self.names}]  # digests of before stay what they were
        got = sha256(canonical([files, self.mode, None if self.size is None else list(self.size), *later]))
        return self.as_promised(self.path, got)

    def columns(self) -> list[str]:
        """Return the fields that images give."""
        return list(_FIELDS)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of images, in the order of their paths; see `audit.data.source.DataSource`."""
        files = self.files()
        for name in role.fields:
            if name not in _FIELDS and name not in role.optional:
                raise DataError(f"{self.path}: images have no field {name!r}{did_you_mean(name, _FIELDS)}")
        if self.sha256 is not None:
            self.digest()
        rows = islice(files, limit)
        height, width = self.size or self._size_of(files[0])
        most = max(1, min(_ROWS, _AT_ONCE // (height * width)))
        chunks = iter(lambda: list(islice(rows, most)), [])
        wanted = [name for name in _FIELDS if name in role.fields]
        seen: dict[str, str] = {}
        cells = (self._cells(wanted, chunk, seen) for chunk in chunks)
        return frames_of(self.path, ((one, None) for one in cells), role)

    def files(self) -> list[Path]:
        """Return the image files, sorted by path; raises DataError where there are none or one lies outside."""
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no such folder; allowed: a folder of images")
        files = sorted(one for one in self.path.rglob("*") if one.suffix.lower() in ENDINGS and one.is_file())
        if not files:
            raise DataError(f"{self.path}: no image in it; allowed: {', '.join(ENDINGS)}")
        home = self.path.resolve()
        for file in files:
            if not file.resolve().is_relative_to(home):
                raise DataError(f"{file}: leads out of the folder")
        return files

    def _cells(self, wanted: list[str], files: list[Path], seen: dict[str, str]) -> dict[str, list[Any]]:
        """Return the cells of the wanted fields; `seen` has the path of the first picture with some pixels."""
        paths = [file.relative_to(self.path) for file in files]
        images = [self._pixels(file) for file in files]
        told = ((sha256([canonical(list(one.shape)), one.tobytes()]), path.as_posix())
                for one, path in zip(images, paths, strict=True))  # fmt: skip
        made: dict[str, list[Any]] = {
            "image": images,
            "name": [path.as_posix() for path in paths],
            "label": [path.parent.as_posix() if len(path.parts) > 1 else None for path in paths],
            "unit": [seen.setdefault(pixels, path) for pixels, path in told],
        }
        said = [told_by_name(self.names, path) for path in paths]
        made |= {name: [one[name] for one in said] for name in said[0]}
        return {name: made[name] for name in wanted}

    def _size_of(self, file: Path) -> tuple[int, int]:
        """Return (rows, columns) of an image; raises DataError where they are too many to be taken as they are."""
        with _image(file) as image:
            return check_pixels(image, file, ", or a `size`")

    def _pixels(self, file: Path) -> np.ndarray:
        import numpy as np
        from PIL import Image

        if self.size is None:
            self._size_of(file)
        with _image(file) as image:
            shown = image.convert(self.mode)
            if self.size is not None:
                shown = shown.resize(self.size[::-1], Image.Resampling.BICUBIC)
        pixels = np.asarray(shown)
        if self.levels != _BYTE:
            pixels = (pixels.astype(np.uint16) * self.levels // _BYTE).astype(np.uint8)
        return pixels if self.mode == "L" else pixels.transpose(2, 0, 1)


def folder_labels(path: Path) -> tuple[Counter[str], tuple[int, int] | None]:
    """Return label -> images of a folder, and the (rows, columns) that all images have, None where these differ.

    Images right in the folder have no label and are not counted. Raises DataError as `ImageFolder` does.
    """
    files = ImageFolder(path).files()
    labels = Counter(str(file.parent.relative_to(path).as_posix()) for file in files if file.parent != path)
    sizes = set()
    for file in files:
        with _image(file) as image:
            sizes.add((image.height, image.width))
    return labels, sizes.pop() if len(sizes) == 1 else None


@contextmanager
def _image(file: Path) -> Iterator[Image.Image]:
    """Lend an opened image; what is no file of its own, or no image, becomes a DataError of one line."""
    try:
        data = open_regular(file)
    except OSError as error:
        raise DataError(f"{file}: cannot be read as an image ({error})") from None
    with data, decoding(data, file) as image:
        yield image
