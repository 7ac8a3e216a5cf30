"""Imported by the fork server: what each worker would otherwise import and look up anew.

Nothing here may start a thread or run a parallel region, which a fork would not carry.
"""

import numpy.ma  # noqa: F401 - NumPy's median imports it late

from perfexp import cli  # noqa: F401 - what a worker of the console command begins with
from perfexp.measure import environment

environment.versions()
environment.git_commit()
