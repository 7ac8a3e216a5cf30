from collections.abc import Callable

import pytest
from synthetic import build_results

from perfexp.analysis.results import Results


@pytest.fixture(scope="session")
def study() -> Results:
    """The study's 33 models on two backends."""
    return build_results()


@pytest.fixture(scope="session")
def build() -> Callable[..., Results]:
    return build_results
