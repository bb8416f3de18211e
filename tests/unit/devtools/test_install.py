"""Packages are installed by uv, with pip's configuration, and by pip where uv cannot."""

from __future__ import annotations

import os
import sys

import pytest

from devtools.install import install, pip_configuration, variables

CONFIGURATION = """\
:env:.index-url='https://env/simple'
global.cert='/etc/a folder/ca.crt'
global.disable-pip-version-check='1'
global.extra-index-url='\\nhttps://b/simple\\nhttps://c/simple'
global.find-links='/one /two'
global.index-url='https://global/simple'
install.constraint='/etc/constraints.txt'
install.index-url='https://install/simple'
"""


def test_uv_gets_the_configuration_of_pip():
    found = variables(CONFIGURATION)
    assert found.pop("UV_INDEX_STRATEGY") == "unsafe-best-match"
    assert found.pop("UV_NATIVE_TLS") == "1"
    assert found == {
        "UV_DEFAULT_INDEX": "https://env/simple",
        "UV_INDEX": "https://b/simple https://c/simple",
        "UV_FIND_LINKS": "/one,/two",
        "UV_CONSTRAINT": "/etc/constraints.txt",
        "SSL_CERT_FILE": "/etc/a folder/ca.crt",
    }


def test_the_configuration_is_what_pip_prints(monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/it's here")
    assert variables(pip_configuration())["UV_FIND_LINKS"] == "/it's,here"


@pytest.mark.parametrize("works", [[True], [False, True], [False, False]])
def test_pip_is_asked_where_uv_cannot(monkeypatch, capfd, works):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine/simple")
    asked = []

    def run(arguments, environment):
        asked.append((arguments, environment))
        return works[len(asked) - 1]

    assert install(["-e", "."], configuration=lambda: CONFIGURATION, run=run) == works[-1]
    (by_uv, with_uv), *others = asked
    assert by_uv[:4] == ["-m", "uv", "pip", "install"]
    assert by_uv[-4:] == ["--python", sys.executable, "-e", "."]
    assert with_uv["UV_DEFAULT_INDEX"] == "https://mine/simple"
    assert with_uv["UV_FIND_LINKS"] == "/one,/two"
    assert ("pip is asked" in capfd.readouterr().err) == bool(others)
    assert len(asked) == len(works)
    for by_pip, with_pip in others:
        assert by_pip == ["-m", "pip", "install", "--quiet", "--no-compile", "-e", "."]
        assert with_pip == os.environ
