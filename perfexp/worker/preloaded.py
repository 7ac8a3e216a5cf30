"""Imported by the fork server: what each worker would otherwise import and look up anew.

Nothing here may start a thread or run a parallel region, which a fork would not carry.
"""

import numpy.ma  # noqa: F401 - NumPy's median imports it late

from perfexp import environment
from perfexp.worker import steps  # noqa: F401 - what a worker runs

environment.versions()
environment.git_commit()
