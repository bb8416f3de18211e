"""Values of ``lab.toml`` in the notations of Compose: sizes, durations, words. No I/O."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from dexec_kernel.tables import is_number

_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]+)?)\s*(b|[kmg]b?|[kmg]ib)?", re.IGNORECASE)
_FACTORS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_DURATION = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]+)?)s)?")
_VOLUME = re.compile(r"(?P<source>[^:]+):(?P<target>/[^:]+)(?::(?P<mode>ro|rw))?")
_VOLUME_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]+")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
#: Source: distribution, ``reference/regexp.go``.
_IMAGE = re.compile(
    r"(?:(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+(?=:)|\[[0-9a-fA-F:]+\])"
    rf"(?::[0-9]+)?/)?{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?(?:@\w[\w+.-]*:[0-9a-fA-F]{{32,}})?",
    re.ASCII,
)
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_USER = re.compile(r"[^\s:\x00-\x1f\x7f-][^\s:\x00-\x1f\x7f]*(:[^\s:\x00-\x1f\x7f]+)?")
#: Source: mount(8), tmpfs(5).
_TMPFS = re.compile(
    r"(size=[0-9]+[kmg%]?|nr_inodes=[0-9]+[kmg]?|mode=[0-7]{3,4}|[ug]id=[0-9]+"
    r"|rw|ro|(no)?(exec|suid|dev|atime|diratime)|relatime|strictatime)",
    re.IGNORECASE,
)
#: In bytes, and in processors: an engine takes no less.
#: Source: moby, ``verifyPlatformContainerResources``.
_LEAST_MEMORY, _LEAST_CPUS = 6 * 1024**2, 0.01
#: In bytes and in processors: more has no machine, and engines cannot count to it.
_MOST_MEMORY, _MOST_CPUS = 2**50, 100_000
#: In seconds: an engine takes no shorter time for a health check.
_LEAST_PAUSE = 0.001
#: In bytes: more has no name in a folder, and no path. Source: limits.h of Linux.
_LONGEST_NAME, _LONGEST_PATH = 255, 4095
#: In bytes: a volume is a folder of the engine's, whose name has the lab's token before it.
_LONGEST_VOLUME = 200
#: In characters. Source: distribution, ``reference/reference.go``.
_LONGEST_IMAGE = 255
#: The largest number of a user or a group that an engine takes.
_MOST_USER = 2**31 - 1
#: What no container of a lab may see.
SECRETS = ("checks", "solutions", "hints", "lab.toml", "setup.sh")

#: Source: capabilities(7).
CAPABILITIES = frozenset(
    {
        *("AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHOWN"),
        *("CHECKPOINT_RESTORE", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID"),
        *("IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN"),
        *("MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW"),
        *("PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT"),
        *("SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO"),
        *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM"),
    }
)

#: The folders of programs, libraries and their settings.
_OF_THE_CHECK = frozenset(
    {
        *("bin", "sbin", "lib", "lib32", "lib64", "etc", "usr"),
        *(f"usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "local")),
        *("usr/local/bin", "usr/local/sbin", "usr/local/lib"),
    }
)
#: Those of Debian are in a folder for each processor.
_LIBRARIES = re.compile(r"(/usr)?/lib/[^/]*-linux-[^/]*/*")


def size(value: object) -> int | None:
    """Return bytes for a number, or for a text such as ``128m``; None for anything else."""
    if is_number(value) and isinstance(value, int):
        return value if value > 0 else None
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    found = int(float(match[1]) * _FACTORS[(match[2] or "b")[0].lower()])
    return found or None


def memory(value: object) -> int | None:
    """Return bytes as :func:`size` does, if they are as many as an engine asks for."""
    found = size(value)
    return found if found is not None and _LEAST_MEMORY <= found <= _MOST_MEMORY else None


def cpus(value: object) -> float | None:
    """Return processors; None for fewer than an engine knows, which would be no limit.

    Compose has them as text, too.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    return value if is_number(value) and _LEAST_CPUS <= value <= _MOST_CPUS else None


def image(value: object) -> str | None:
    """Return the name of an image as engines take it; None for anything else."""
    if not isinstance(value, str) or not _IMAGE.fullmatch(value):
        return None
    repository = value.partition("@")[0]
    folder, slash, last = repository.rpartition("/")
    return value if len(f"{folder}{slash}{last.partition(':')[0]}") <= _LONGEST_IMAGE else None


def user(value: object) -> str | None:
    """Return a user with a group or without; None for anything else."""
    if not isinstance(value, str) or not _USER.fullmatch(value):
        return None
    numbers = (part for part in value.split(":") if part.isascii() and part.isdigit())
    return value if all(len(n) < 20 and int(n) <= _MOST_USER for n in numbers) else None  # noqa: PLR2004 -- digits


def duration(value: object) -> float | None:
    """Return seconds for a number, or for a text such as ``1h30m``; None for anything else."""
    if is_number(value):
        return value if value > 0 else None
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds or None


def pause(value: object) -> float | None:
    """Return seconds as :func:`duration` does, if they are as many as an engine asks for."""
    found = duration(value)
    return found if found is not None and found >= _LEAST_PAUSE else None


def points(value: object) -> float | None:
    """Return a number that is not negative; None for anything else."""
    return value if is_number(value) and value >= 0 else None


def some_text(value: object) -> str | None:
    """Return a text that is not blank; None for anything else, and for what no file is called."""
    is_text = isinstance(value, str) and value.strip() and "\0" not in value
    return value if is_text else None  # type: ignore[return-value] # it is one


def words(value: object) -> tuple[str, ...] | None:
    """Return the words of a command, from a list or from a line; None for anything else."""
    if isinstance(value, str) and "\0" not in value:
        try:
            found = shlex.split(value)
        except ValueError:
            return None
        return tuple(found) or None
    return texts(value)


def texts(value: object) -> tuple[str, ...] | None:
    """Return texts from a list or from one text, none of them empty; None for anything else."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not items:
        return None
    return tuple(items) if all(some_text(item) for item in items) else None


def variables(value: object) -> dict[str, str] | None:
    """Return an environment, from a table or from a list of ``NAME=VALUE``; None otherwise.

    Raises ValueError, which names a variable and no value, for what is wrong with one of them.
    """
    if isinstance(value, list):
        for number, item in enumerate(value, 1):
            if not isinstance(item, str) or not item.partition("=")[1]:
                raise ValueError(f'entry {number} should be "NAME=VALUE", in quotes')
        value = dict(item.split("=", 1) for item in value)
    if not isinstance(value, dict):
        return None
    found = {}
    for name, item in value.items():
        if not name or "=" in name or "\0" in name:
            raise ValueError(f"{name!r} cannot be the name of a variable")
        # Compose wants quotes around true and false as well.
        if isinstance(item, bool) or not isinstance(item, str | int | float) or "\0" in str(item):
            raise ValueError(f"the value of {name!r} should be text in quotes, or a number")
        found[name] = str(item)
    return found


def tmpfs_fault(text: str) -> str:
    """Return what is wrong with a folder in memory, whose path is absolute; "" for nothing."""
    path, _, options = text.partition(":")
    if fault := _place_fault(path):
        return fault
    wrong = [word for word in options.split(",") if word and not _TMPFS.fullmatch(word)]
    if wrong:
        return f"has the option {wrong[0]!r}; there are size=64m, mode=1777, uid=1000, noexec …"
    return ""


def volume_fault(text: str) -> str:
    """Return what is wrong with a volume, "" for nothing."""
    match = _VOLUME.fullmatch(text)
    if match is None:
        return "should be NAME:/path or ./folder:/path, with :ro or without"
    if fault := _place_fault(match["target"]):
        return fault
    source = match["source"]
    if not source.startswith("."):
        if _VOLUME_NAME.fullmatch(source):
            is_short = len(source) <= _LONGEST_VOLUME
            return "" if is_short else f"has a name of more than {_LONGEST_VOLUME} characters"
        return "reaches the kernel's machine; only a volume's name or ./folder of the lab may"
    parts = PurePosixPath(source).parts
    if not parts or ".." in parts:
        return "shows the whole lab, with its checks, or leaves it; name a folder inside it"
    if parts[0] in SECRETS:
        return f"shows {parts[0]} to the student"
    return length_fault(source)


def _place_fault(path: str) -> str:
    """Return what is wrong with an absolute path that something is mounted at, "" for nothing."""
    parts = PurePosixPath(path).parts
    if len(parts) == 1 or ".." in parts:
        return "should be a folder below /, without .."
    if parts[1] in {"proc", "sys"} or parts[1:] == ("dev",):
        return f"is in /{parts[1]}, where an engine mounts nothing of a lab's"
    return length_fault(path)


def length_fault(path: str) -> str:
    """Return what is wrong with the length of a path, "" for nothing."""
    longest = max(len(part.encode()) for part in path.split("/"))
    if longest > _LONGEST_NAME:
        return f"has a name of {longest} bytes; {_LONGEST_NAME} is the most that a folder takes"
    is_short = len(path.encode()) <= _LONGEST_PATH
    return "" if is_short else f"has more than {_LONGEST_PATH} bytes, which is the most for a path"


def file_fault(path: str) -> str:
    """Return what is wrong with a path of a task's files, "" for nothing."""
    if not path.isprintable():
        return "has a character that cannot be shown"
    if "*" in path or "?" in path:
        return "is no pattern: name the folder, or each file"
    parts = PurePosixPath(path).parts
    if parts[1] in {"proc", "sys", "dev"}:
        return "is not on a disk: no engine copies it into a fresh container"
    if "/".join(parts[1:]) in _OF_THE_CHECK or _LIBRARIES.fullmatch(path):
        return "has the programs and settings that the check itself runs with: name files in it"
    return length_fault(path)
