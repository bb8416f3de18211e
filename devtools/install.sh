#!/bin/sh
# Installs packages for a Python, as `pip install ARG...` does:
#
#   devtools/install.sh PYTHON ARG...
#
# uv takes a tenth of pip's time. pip installs where there is no uv for the machine, where uv fails, and
# where pip is told of an index of its own: uv does not read pip's settings.
set -eu

python=$1
shift

pip_has_its_index() {
    "$python" -m pip config list | grep -Eq '^[^=]*[.](index-url|no-index)='
}

with_uv() {
    # What is not below src/, such as the kernelspec, uv would not notice to have changed.
    "$python" -m uv pip install --quiet --python "$python" --reinstall-package dexec-kernel "$@"
}

if ! pip_has_its_index &&
    "$python" -m pip --disable-pip-version-check install --quiet --only-binary uv 'uv>=0.5'; then
    if with_uv "$@"; then
        exit
    fi
    echo "uv has failed; pip installs." >&2
fi
# The pip of Python 3.11 takes twice as long to find out what to install.
"$python" -m pip install --quiet --upgrade pip
exec "$python" -m pip install --quiet --no-compile "$@"
