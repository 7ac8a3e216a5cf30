"""Imports and look-ups that the fork server makes once for all workers.

Nothing here may start a thread or run a parallel region: a fork would not carry them.
"""

import numpy.ma  # noqa: F401 - NumPy's median imports it late

from perfexp import environment
from perfexp.worker import steps  # noqa: F401 - what a worker runs

environment.versions()
environment.git_commit()
