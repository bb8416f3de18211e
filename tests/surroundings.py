"""The process that tests run in, made the same wherever and however it was started."""

from __future__ import annotations

import os
import signal
import time

#: Variables that tests may see besides the fixed ones: where programs and temporary files are, who
#: the user is, and the settings of the tools that run the tests.
_KEPT = {
    "DEXEC_FAULTS",
    "DEXEC_FUZZ",
    "DEXEC_FUZZ_EXAMPLES",
    "DEXEC_SCREENSHOTS",
    "DEXEC_TEST_GUARD",
    "HOME",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "TMPDIR",
    "USER",
    "XDG_CACHE_HOME",
}
#: DEXEC_TEST_KUBE_…: the cluster of `make kubernetes`.
_KEPT_PREFIXES = (
    "DEXEC_TEST_KUBE",
    "COVERAGE_",
    "COV_CORE_",
    "HYPOTHESIS_",
    "PLAYWRIGHT_",
    "PYTEST_",
)
_FIXED = {"LANG": "C.UTF-8", "TERM": "xterm-256color", "TZ": "UTC"}
#: Dispositions that exec passes on when they are "ignore": a script's ``&`` ignores the first two
#: in its children, ``nohup`` the third, a parent that wants no zombies the last.
_INHERITED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD)


def reset() -> None:
    """Set variables, signals and umask of this process, and so of its children.

    The home folder stays: downloads for real engines are cached there.
    """
    for name in list(os.environ):
        if name not in _KEPT and not name.startswith(_KEPT_PREFIXES):
            del os.environ[name]
    os.environ.update(_FIXED)
    os.environ["PATH"] = _usable(os.environ.get("PATH", os.defpath))
    time.tzset()
    os.umask(0o022)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in _INHERITED:
        if signal.getsignal(number) is signal.SIG_IGN:
            _stop_ignoring(number)


def _usable(path: str) -> str:
    """Return ``path`` without the folders that the user may not enter.

    ``su`` keeps root's, and a shell then says "Permission denied" of a command that is nowhere.
    """
    return os.pathsep.join(
        folder
        for folder in path.split(os.pathsep)
        if folder and os.access(folder, os.R_OK | os.X_OK)
    )


def _stop_ignoring(number: signal.Signals) -> None:
    if number is signal.SIGINT:
        signal.signal(number, signal.default_int_handler)
    elif number is signal.SIGHUP:
        # This process outlives its terminal, as nohup has promised; its children begin with the
        # default, because exec resets what is handled and leaves what is ignored.
        signal.signal(number, lambda *_: None)
    else:
        signal.signal(number, signal.SIG_DFL)
