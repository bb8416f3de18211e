"""The errors under the name by which programs import them: see :mod:`dexec_kernel.errors`."""

from dexec_kernel.errors import *  # noqa: F403 -- the same names, all of them
