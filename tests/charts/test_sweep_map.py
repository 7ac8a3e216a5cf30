from io import BytesIO

import numpy as np
from matplotlib.image import imread
from numpy.typing import NDArray

from perfexp.charts.sweep_map import Square, png

GREY = 0xDD / 255


def pixels(*squares: Square) -> NDArray[np.float32]:
    return np.asarray(imread(BytesIO(png(squares)), format="png"))[..., :3]


def share_of_grey(image: NDArray[np.float32]) -> float:
    return float(np.isclose(image, GREY, atol=0.01).all(axis=-1).mean())


def test_what_was_not_measured_is_grey_beside_what_was_and_alone() -> None:
    measured, missing = Square("a torch", 1, 100.0), Square("a torch", 8, None)
    assert share_of_grey(pixels(measured)) < 0.01
    assert 0.1 < share_of_grey(pixels(measured, missing)) < share_of_grey(pixels(missing))


def test_a_tainted_cell_is_hatched_and_many_rows_are_cut() -> None:
    clean, tainted = (pixels(Square("a", 1, 100.0, tainted)) for tainted in (False, True))
    assert clean.shape == tainted.shape and not np.array_equal(clean, tainted)
    at_most = pixels(*(Square(f"row {i}", 1, 1.0 + i) for i in range(121)))
    assert at_most.shape == pixels(*(Square(f"row {i}", 1, 1.0 + i) for i in range(120))).shape
