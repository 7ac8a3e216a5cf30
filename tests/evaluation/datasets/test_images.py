from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perfexp.errors import DataError
from perfexp.evaluation.datasets._images import open_rgb


@pytest.mark.parametrize(
    ("mode", "color", "suffix", "expected"),
    [
        ("L", 130, "jpg", (130, 130, 130)),
        ("1", 1, "png", (255, 255, 255)),
        ("LA", (90, 128), "png", (90, 90, 90)),
        ("RGBA", (10, 200, 30, 40), "png", (10, 200, 30)),
        ("CMYK", (0, 255, 255, 0), "jpg", (254, 0, 0)),
        ("I;16", 130 * 256 + 77, "png", (130, 130, 130)),
        ("I;16", 65535, "tif", (255, 255, 255)),
    ],
)
def test_every_kind_becomes_rgb(
    tmp_path: Path, mode: str, color: object, suffix: str, expected: tuple[int, ...]
) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.new(mode, (16, 12), color).save(path)
    image = open_rgb(path)
    assert (image.mode, image.size) == ("RGB", (16, 12))
    assert np.abs(np.array(image.getpixel((8, 6))) - expected).max() <= 2


def test_palette_becomes_rgb(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (0, 0, 255)).quantize().save(tmp_path / "image.gif")
    assert open_rgb(tmp_path / "image.gif").getpixel((4, 4)) == (0, 0, 255)


def test_truncated_and_foreign_files_are_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "image.jpg")
    whole = (tmp_path / "image.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("not an image")
    with pytest.raises(DataError, match="truncated"):
        open_rgb(tmp_path / "half.jpg")
    for name in ("empty.jpg", "text.jpg"):
        with pytest.raises(DataError, match="it is no image"):
            open_rgb(tmp_path / name)
    with pytest.raises(DataError, match="No such file"):
        open_rgb(tmp_path / "gone.jpg")


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    Image.new("F", (4, 4), 0.5).save(tmp_path / "image.tif")
    with pytest.raises(DataError, match="floating-point"):
        open_rgb(tmp_path / "image.tif")
