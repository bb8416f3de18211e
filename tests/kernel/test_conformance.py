"""The project's kernel against Jupyter's own conformance tests, with and without the status bar."""

from __future__ import annotations

import os
from typing import ClassVar
from unittest.mock import patch

import jupyter_kernel_test
import pytest
from jupyter_kernel_test import msgspec_v5

# The package knows no comms; a widget's messages may hold anything.
for kind in ("comm_open", "comm_msg", "comm_close"):
    msgspec_v5.schema_fragments.setdefault(kind, {"properties": {}, "additionalProperties": True})


class Conformance(jupyter_kernel_test.KernelTests):
    """The common part of both settings; pytest hands the environment over."""

    kernel_name = "dexec"
    language_name = "bash"
    file_extension = ".sh"
    code_hello_world = "echo 'hello, world'"
    code_stderr = "echo 'oh no' >&2"
    code_generate_error = "exit 3"
    # There are no samples for the features that this kernel lacks: it would skip these.
    test_clear_output = None
    test_execute_result = None
    test_history = None  # It takes its cells from results, and there are none.
    test_pager = None
    code_display_data: ClassVar = [{"code": "%container", "mime": "text/plain"}]
    completion_samples: ClassVar = [
        {"text": "mkdi", "matches": {"mkdir"}},
        {"text": "ls /etc/hostn", "matches": {"/etc/hostname"}},
        {"text": "%contai", "matches": {"%container", "%containers"}},
    ]
    complete_code_samples: ClassVar = ["echo hi", "for x in a b; do\n  echo $x\ndone"]
    incomplete_code_samples: ClassVar = ["echo 'hi", "if true; then", "cat <<E\nx"]
    invalid_code_samples: ClassVar = ["fi", "echo )"]
    code_inspect_sample = "mkdir"
    settings: ClassVar[dict[str, str]] = {}

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _environment(cls, host, busybox):
        values = {
            "DOCKER_HOST": host,
            "DEXEC_CONTAINER": busybox,
            "DEXEC_HISTORY_FILE": ":memory:",
            "DEXEC_COMPLETION_TIMEOUT": "60",
            **cls.settings,
        }
        with patch.dict(os.environ, values):
            yield

    @classmethod
    def setUpClass(cls):
        """Wait for the environment: the kernel is started with the first test."""

    @classmethod
    def tearDownClass(cls):
        if hasattr(cls, "kc"):
            super().tearDownClass()
            cls.km.cleanup_resources()

    def setUp(self):
        if not hasattr(type(self), "kc"):
            super().setUpClass()
        super().setUp()


class TestWithoutBar(Conformance):
    settings: ClassVar = {"DEXEC_STATUS_BAR": "off"}


class TestWithBar(Conformance):
    # It wants exactly one output of a cell that fails, and the bar is another.
    test_error = None


del Conformance
