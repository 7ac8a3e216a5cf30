import pytest

from perfexp.backends.torch import TorchConfig
from perfexp.config.schema import Precision
from perfexp.errors import BackendError, ConfigError
from perfexp.worker.checks import confirm_budget, confirm_effective, confirm_output

CONFIG = TorchConfig(precision=Precision.bf16)
REQUEST = (CONFIG, 2, (8, 3, 64, 64))
FOUND = {
    "precision": "bf16",
    "threads": "2",
    "training": "False",
    "gradients": "False",
    "input_shape": "[8, 3, 64, 64]",
    "device": "cpu",
}


def test_what_was_asked_passes() -> None:
    assert confirm_effective(*REQUEST, FOUND) == FOUND


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("precision", "f32"),
        ("threads", "1"),
        ("training", "True"),
        ("gradients", "True"),
        ("input_shape", "[4, 3, 64, 64]"),
    ],
)
def test_each_difference_fails_the_cell(what: str, value: str) -> None:
    with pytest.raises(BackendError) as raised:
        confirm_effective(*REQUEST, {**FOUND, what: value})
    assert f"reports {what} {value} where {FOUND[what]} was requested" in str(raised.value)


@pytest.mark.parametrize(("what", "fails"), [("precision", True), ("input_shape", True), ("threads", False)])
def test_silence_fails_where_every_runtime_can_tell(what: str, fails: bool) -> None:
    found = {k: v for k, v in FOUND.items() if k != what}
    if fails:
        with pytest.raises(BackendError, match=f"does not report its {what}"):
            confirm_effective(*REQUEST, found)
    else:
        confirm_effective(*REQUEST, found)


@pytest.mark.parametrize("shape", [(1, 1000), (8,), (8, 1000, 1)])
def test_an_output_that_lost_the_batch_fails(shape: tuple[int, ...]) -> None:
    with pytest.raises(BackendError, match=r"\[8, classes\] was expected"):
        confirm_output(CONFIG, shape, 8)
    confirm_output(CONFIG, (8, 10), 8)


def test_a_budget_below_a_batch_says_how_long_it_took() -> None:
    confirm_budget(999.0, 1.0)
    with pytest.raises(ConfigError, match=r"budget_s=1 is shorter .* the first batch took 2\.5 s"):
        confirm_budget(2500.0, 1.0)
