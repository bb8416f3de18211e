"""The package's short names, imported when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dexec_kernel.engine
from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.errors import EngineError


def test_every_short_name_is_that_of_its_module():
    for name in dexec_kernel.engine.__all__:
        assert getattr(dexec_kernel.engine, name).__name__ == name
    assert dexec_kernel.engine.EngineClient is EngineClient
    assert dexec_kernel.engine.ExecConfig is ExecConfig
    assert dexec_kernel.engine.EngineError is EngineError
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dexec_kernel.engine.nothing


def test_importing_the_package_imports_nothing_of_it():
    code = "import dexec_kernel.engine, sys; print('requests' in sys.modules, 'h11' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False False\n"
