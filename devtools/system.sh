#!/bin/sh
# Ensures that the system has the packages that this repository's tools need.
#
#   devtools/system.sh need GROUP...
#   devtools/system.sh want GROUP...
#
# python   venv for $PYTHON (default: python3)
# unit     the shells and interpreters that the unit tests run cells with
# engine   a Docker engine, and what demo and tests need beside it
# test     engine, and containerd, Podman, openssl, OpenSSH, shellcheck
# browser  Chromium and fonts
#
# Root on Debian or Ubuntu: the script installs what is missing. Anyone else is told what to install.
# Then `need` fails and `want` does not. Nothing is installed when everything is there.
set -eu

PYTHON=${PYTHON:-python3}
root=$(cd "$(dirname "$0")/.." && pwd)
missing=''

has() {
    # The daemons are in directories that the PATH of others than root may lack.
    PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1
}

program() { # COMMAND PACKAGE: the package, unless the command is there
    has "$1" || missing="$missing $2"
}

holds() { # DIRECTORY PATTERN: tells whether such a file is below
    [ -n "$(find "$1" -name "$2" -print -quit 2>/dev/null)" ]
}

engine_answers() {
    (cd "$root" && "$PYTHON" -c '
import sys
from devtools.engine import find_running
sys.exit(find_running() is None)')
}

look_for() {
    case $1 in
    python)
        # Debian's Python comes without it.
        "$PYTHON" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
        ;;
    unit)
        program bash bash
        program busybox busybox-static
        program dash dash
        program mksh mksh
        program yash yash
        program zsh zsh
        program perl perl-base
        program node nodejs
        program ruby ruby
        program lua lua5.4
        program php php-cli
        program Rscript r-base-core
        ;;
    engine)
        has dockerd || engine_answers || missing="$missing docker.io"
        program busybox busybox-static
        # The engine runs it for `top`; devtools run umount.
        program ps procps
        program umount mount
        ;;
    test)
        look_for engine
        # The tests start an engine of their own, whatever runs already.
        program dockerd docker.io
        program runc runc
        # With `ctr`, for pods. docker.io brings it along; an engine from elsewhere may not.
        program ctr containerd
        program podman podman
        program conmon conmon
        # The swarm's nodes have networks of their own.
        program ip iproute2
        program openssl openssl
        program shellcheck shellcheck
        program sshd openssh-server
        program ssh openssh-client
        ;;
    browser)
        program chromium chromium
        if [ "$(uname)" = Linux ]; then
            holds /usr/share/fonts '*.ttf' ||
                missing="$missing fonts-dejavu-core fonts-liberation"
            # The Node.js in Playwright's wheel may be linked with it.
            holds /usr/lib libatomic.so.1 || missing="$missing libatomic1"
        fi
        ;;
    *)
        echo "$0: no such group: $1" >&2
        exit 2
        ;;
    esac
}

install() {
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # Without systemd a package's init script might start a daemon that nobody ends.
    [ -d /run/systemd/system ] || export RUNLEVEL=1
    # shellcheck disable=SC2086 # the packages are words
    if ! {
        apt-get -qq -o DPkg::Lock::Timeout=120 update &&
            apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends $missing
    } </dev/null >"$log" 2>&1; then
        cat "$log" >&2
        echo "could not install:$missing" >&2
        exit "$failed"
    fi
}

case ${1:-} in
need) failed=1 ;;
want) failed=0 ;;
*) set -- ;;
esac
if [ $# -lt 2 ]; then
    echo "usage: $0 need|want python|unit|engine|test|browser..." >&2
    exit 2
fi
shift
for group in "$@"; do
    look_for "$group"
done
[ -n "$missing" ] || exit 0
# Each once.
# shellcheck disable=SC2086 # as above
missing=" $(printf '%s\n' $missing | sort -u | tr '\n' ' ')"
if [ "$(id -u)" -eq 0 ] && [ -e /etc/debian_version ] && has apt-get; then
    install
else
    echo "These packages are missing (names as in Debian):$missing" >&2
    echo "As root on Debian or Ubuntu: apt-get install --no-install-recommends$missing" >&2
    exit "$failed"
fi
