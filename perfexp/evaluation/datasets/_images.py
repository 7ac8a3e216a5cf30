"""Images of any kind as 8-bit RGB, or the reason why they cannot be decoded."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from perfexp.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp"})
_DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})


def is_image(path: Path) -> bool:
    """Return whether the name is that of an image."""
    return path.suffix.lower() in SUFFIXES


def open_rgb(source: Path | bytes) -> "Image":
    """Return the image, fully decoded, in mode RGB.

    Grey is repeated over the channels, CMYK and palettes are converted, alpha is dropped, and
    16-bit grey keeps its 8 high bits. As the reference loaders do, EXIF orientation is ignored.

    Raises:
        DataError: the file is missing, truncated, or no image.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as image:
            image.load()
            return _rgb(image)
    except UnidentifiedImageError as error:
        raise DataError("it is no image") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(str(error) or type(error).__name__) from error


def _rgb(image: "Image") -> "Image":
    from PIL import Image

    if image.mode in _DEEP_MODES:
        return Image.fromarray(
            (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        ).convert("RGB")
    if image.mode == "F":
        raise DataError("its pixels are floating-point numbers of no known range")
    return image.convert("RGB")
