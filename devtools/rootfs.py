"""Root file systems as tar archives, made of Debian's packages; needs neither root nor registry."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self

from devtools import packages
from devtools.packages import PackagesError

_PT_INTERP = 3

_USERS = """\
root:x:0:0:root:/root:{shell}
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
student:x:1000:1000:Student:/home/student:{shell}
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUPS = "root:x:0:\ndaemon:x:1:\nstudent:x:1000:\nnogroup:x:65534:\n"

_MERGED = ("bin", "sbin", "lib", "lib64")
"""The directories that Debian merged into /usr; packages may still name them."""

_PACKAGES = (
    # libc-bin has the C.UTF-8 locale.
    *("base-files", "libc-bin", "bash", "dash", "coreutils", "grep", "sed", "mawk"),
    *("python3-minimal", "libpython3-stdlib"),
)
_LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/")
_LEFT_OUT_ANYWHERE = "/gconv/"

NOSHELL_APPLETS = ("cat", "echo", "env", "false", "id", "ls", "printenv", "seq", "sleep", "true")
"""The commands of the image without a shell. None of these names is a shell's. ``env sh`` would
still start one: the binary finds its applets without their names in the file system.
"""


class _Archive:
    """A tar archive in the making, which has each path once."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w")  # noqa: SIM115 -- closed by __exit__
        self._names: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def add(self, member: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        if member.name not in self._names:
            self._names.add(member.name)
            self._tar.addfile(member, content)

    def directory(self, name: str, mode: int = 0o755, owner: int = 0) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.uid, member.gid = tarfile.DIRTYPE, mode, owner, owner
        self.add(member)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), mode
        self.add(member, io.BytesIO(content))

    def symlink(self, name: str, target: str) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
        self.add(member)

    def hardlink(self, name: str, target: str) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.mode = tarfile.LNKTYPE, target, 0o755
        self.add(member)

    def skeleton(self, shell: str) -> None:
        """Add the directories and files that any system has."""
        for name in ("dev", "etc", "home", "proc", "run", "sys", "usr", "var"):
            self.directory(name)
        self.directory("tmp", 0o1777)
        self.directory("var/tmp", 0o1777)
        self.directory("root", 0o700)
        self.directory("home/student", owner=1000)
        self.file("etc/passwd", _USERS.format(shell=shell).encode())
        self.file("etc/group", _GROUPS.encode())
        # The engine mounts its own over these three, where they exist.
        self.file("etc/hostname", b"dexec-demo\n")
        self.file("etc/hosts", b"127.0.0.1 localhost\n")
        self.file("etc/resolv.conf", b"")
        self.file("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n")


def busybox(path: Path) -> None:
    """Write a system of nothing but busybox to the tar archive `path`. Raises PackagesError."""
    binary = _busybox_binary()
    with _Archive(path) as archive:
        archive.skeleton("/bin/sh")
        for name in ("bin", "sbin", "usr/bin", "usr/sbin"):
            archive.directory(name)
        archive.file("bin/busybox", binary, 0o755)
        for applet in _applets(binary):
            archive.hardlink(applet, "bin/busybox")


def noshell(path: Path) -> None:
    """Write a system of a few commands and no shell to `path`. Raises PackagesError."""
    binary = _busybox_binary()
    with _Archive(path) as archive:
        archive.skeleton("/nonexistent")
        archive.directory("bin")
        first, *others = (f"bin/{name}" for name in NOSHELL_APPLETS)
        archive.file(first, binary, 0o755)
        for name in others:
            archive.hardlink(name, first)


def debian(path: Path) -> None:
    """Write a small Debian with bash, coreutils and Python to `path`.

    Raises PackagesError where apt is missing or cannot download.
    """
    binary = _busybox_binary()
    with tempfile.TemporaryDirectory() as name, _Archive(path) as archive:
        needed = packages.dependencies(_PACKAGES)
        downloads = packages.download(needed, Path(name))
        archive.directory("usr")
        for merged in _MERGED:
            archive.directory(f"usr/{merged}")
            archive.symlink(merged, f"usr/{merged}")
        archive.skeleton("/bin/bash")
        for package in downloads:
            _unpack(package, archive)
        # The links that maintainer scripts and the alternatives system would have made.
        archive.symlink("usr/bin/sh", "dash")
        archive.symlink("usr/bin/awk", "mawk")
        archive.file("usr/bin/busybox", binary, 0o755)
        archive.symlink("usr/bin/ps", "busybox")
        archive.symlink("usr/bin/tar", "busybox")


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """Return the archive that `make` writes, from the user's cache when it was made before.

    A change of the code that makes them makes new archives. Raises what `make` raises.
    """
    sources = b"".join(Path(file).read_bytes() for file in (__file__, packages.__file__))
    key = hashlib.sha256(sources).hexdigest()[:16]
    path = cache_directory() / f"{name}-{os.uname().machine}-{key}.tar"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f"{name}-")
        os.close(descriptor)
        try:
            make(Path(unfinished))
            for outdated in path.parent.glob(f"{name}-{os.uname().machine}-*.tar"):
                outdated.unlink(missing_ok=True)
            Path(unfinished).rename(path)
        finally:
            Path(unfinished).unlink(missing_ok=True)
    return path


def cache_directory() -> Path:
    """Return the directory of the user's cache that is ours."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dexec-kernel-devtools"


def _busybox_binary() -> bytes:
    """Return a static busybox: the machine's own, or that of Debian's package."""
    installed = shutil.which("busybox")
    if installed:
        binary = Path(installed).read_bytes()
        if _is_static(binary):
            return binary
    with tempfile.TemporaryDirectory() as name:
        (package,) = packages.download(["busybox-static"], Path(name))
        subprocess.run(["dpkg-deb", "-x", package, name], check=True, stdin=subprocess.DEVNULL)
        found = [path for path in Path(name).rglob("busybox") if path.is_file()]
        return next(path for path in found if _is_static(path.read_bytes())).read_bytes()


def _is_static(binary: bytes) -> bool:
    """Tell whether a 64-bit little-endian ELF file asks for no dynamic loader."""
    if not binary.startswith(b"\x7fELF\x02\x01"):
        return False
    offset = int.from_bytes(binary[32:40], "little")
    size = int.from_bytes(binary[54:56], "little")
    count = int.from_bytes(binary[56:58], "little")
    kinds = (binary[start : start + 4] for start in range(offset, offset + size * count, size))
    return all(int.from_bytes(kind, "little") != _PT_INTERP for kind in kinds)


def _applets(binary: bytes) -> list[str]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "busybox"
        path.write_bytes(binary)
        path.chmod(0o755)
        listed = packages.output([str(path), "--list-full"]).split()
    return [applet for applet in listed if applet not in {"bin/busybox", "linuxrc"}]


def _unpack(package: Path, archive: _Archive) -> None:
    """Add the files of a package to the archive; no maintainer script is run."""
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", package], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for member in tar:
                member.name = _merged(member.name)
                if member.islnk():
                    member.linkname = _merged(member.linkname)
                if not member.name or member.name.startswith(_LEFT_OUT):
                    continue
                if _LEFT_OUT_ANYWHERE not in member.name:
                    content = tar.extractfile(member) if member.isreg() else None
                    archive.add(member, content)
        # Tar's padding: dpkg-deb must not die of a closed pipe.
        while process.stdout is not None and process.stdout.read(65536):
            pass
    if process.returncode != 0:
        raise PackagesError(f"dpkg-deb cannot read {package.name}: exit code {process.returncode}")


def _merged(name: str) -> str:
    name = name.removeprefix("./").rstrip("/")
    return f"usr/{name}" if name.split("/")[0] in _MERGED else name.removeprefix(".")
