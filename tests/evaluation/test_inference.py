"""The network's own process, seen from its parent."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from perfexp.config.schema import Cell
from perfexp.evaluation.inference import Inference, InferenceError


def test_a_network_that_hangs_is_given_up(make_cell: Callable[..., Cell]) -> None:
    cell = make_cell("fake", fault="hang")
    hanging = replace(cell, measure=replace(cell.measure, time_limit_s=8.0))
    with (
        pytest.raises(InferenceError, match="gave no answer within 8 s; raise time_limit_s"),
        closing(Inference(hanging)),
    ):
        pass
