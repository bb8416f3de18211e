"""The models under the name that programs import: see :mod:`dexec_kernel.backend.models`."""

from dexec_kernel.backend.models import *  # noqa: F403 -- the same names, all of them
