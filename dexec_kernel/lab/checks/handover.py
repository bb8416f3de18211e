"""The student's files, as an archive for a checker: their own tars, rewritten to the root.

The student controls every byte of the files, and their kinds. A symbolic link stays as it is, but
comes last, so that nothing is extracted through one. A link to a process's own files, such as
``/dev/stdin``, is left out: a check that compares its stdin with it would compare it with itself.
No I/O but the given streams. Blocking.
"""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, cast

from dexec_kernel.errors import CopyError, UnsafeArchive
from dexec_kernel.files.members import ByteReader, members, open_archive, relative_parts
from dexec_kernel.files.pack import ByteWriter, new_archive
from dexec_kernel.units import format_size

Parts = tuple[str, ...]

#: The extended attributes that mean something in another container.
_ATTRIBUTE = re.compile(r"SCHILY\.xattr\.(user\.|security\.capability$)")
#: The program loader reads these by itself, for every program of the check.
_LOADER = re.compile(r"/etc/(ld\.so\.(preload|cache)|ld-musl-[^/]+\.path)")
#: The engine mounts these files over those of the image: nothing can take their place.
_MOUNTED = re.compile(r"/etc/(hosts|hostname|resolv\.conf)")
#: What is another thing for each process that looks at it.
_OWN = re.compile(
    r"/proc/(self|thread-self|[0-9]+)(/|$)"
    r"|/dev/(fd(/|$)|stdin$|stdout$|stderr$|tty$|console$|pts(/|$)|ptmx$)"
)
#: How many links are followed from one to the next (Linux's own limit).
_MOST_LINKS = 40
#: How many folders and links on the way of one link are looked at; no honest one has more.
_MOST_STEPS = 512
#: How many names are told of what was left out.
_NAMED = 5


class TooMuch(CopyError):
    """The student's files are more than a check is given."""


@dataclass(frozen=True, slots=True)
class HandoverLimits:
    """The bounds of all files of a task together: their sizes in bytes, and their number."""

    size: int = 256 * 1024 * 1024
    count: int = 50_000


class Handover:
    """Writes one archive, which is extracted at the root, into ``out``.

    Files that the engine mounts, such as ``/etc/hosts``, go into the folder ``aside``.
    """

    def __init__(
        self, out: ByteWriter, *, aside: str = "/", limits: HandoverLimits | None = None
    ) -> None:
        self._archive = new_archive(out)
        self._aside = _parts(aside)
        self._limits = limits or HandoverLimits()
        self._size = self._count = self._omitted = 0
        self._links: dict[Parts, tarfile.TarInfo] = {}
        self._files: set[Parts] = set()
        self._notes: list[str] = []
        self._told: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what was left out, and what is no file in the place of one."""
        more = self._omitted - len(self._notes)
        rest = [f"{more} more were not handed to the check."] if more else []
        return (*self._notes, *rest, *self._told)

    def put(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        """Add a file of our own."""
        member = tarfile.TarInfo(path.strip("/"))
        member.mode, member.size = mode, len(data)
        self._write(member, io.BytesIO(data))

    def put_folder(self, path: str, *, mode: int = 0o700) -> None:
        """Add a folder of our own."""
        member = tarfile.TarInfo(path.strip("/"))
        member.type, member.mode = tarfile.DIRTYPE, mode
        self._write(member)

    def add(self, path: str, stream: ByteReader, *, link: str = "") -> None:
        """Add what the engine has sent of the student's ``path``, an absolute one.

        ``link`` is what the path leads to, where it is a link. Podman sends the file there, whoever
        may read it: the link is added instead.

        Raises :class:`UnsafeArchive`, :class:`TooMuch`, and :class:`CopyError` for a stream that is
        no archive or is cut off.
        """
        root = _parts(path)
        if not root or ".." in root:
            raise UnsafeArchive(f"{path!r} cannot be handed to a check.")
        with open_archive(stream) as archive:
            first: str | None = None
            for member in members(archive):
                if first is None and link and not _MOUNTED.fullmatch(_path(root)):
                    linked = member if member.issym() else _link_to(link)
                    self._links[root] = _renamed(linked, root)
                    self._told.append(f"{_path(root)} is a link to {linked.linkname}.")
                    return
                first = member.name if first is None else first

                def place(name: str, first: str = first) -> Parts:
                    return (*root, *relative_parts(name, content_only=False, first=first))

                self._copy_member(archive, member, place, declared=posixpath.normpath(path))

    def end(self) -> None:
        """Write the links, and the end of the archive."""
        targets = {parts: member.linkname for parts, member in self._links.items()}
        for parts, member in self._links.items():
            if _leads_to_own(parts, targets):
                self._told = [
                    text for text in self._told if not text.startswith(f"{_path(parts)} ")
                ]
                self._leave_out(parts, f"it is a link to {member.linkname}")
            else:
                self._write(member)
        self._archive.close()

    def _copy_member(
        self,
        archive: tarfile.TarFile,
        member: tarfile.TarInfo,
        place: Callable[[str], Parts],
        *,
        declared: str,
    ) -> None:
        parts = place(member.name)
        self._count += 1
        if self._count > self._limits.count:
            raise TooMuch(f"The task's files are more than {self._limits.count:,}.")
        name = "/" + "/".join(parts)
        if _LOADER.fullmatch(name) and name != declared:
            self._leave_out(parts, "every program would read it")
        elif _MOUNTED.fullmatch(name):
            if member.isreg():
                self._take_file(archive, member, (*self._aside, parts[-1]))
            else:
                self._leave_out(parts, "nothing but a file can be there")
        elif member.issym():
            self._links[parts] = _renamed(member, parts)
        elif member.islnk():
            self._take_hard_link(member, parts, place(member.linkname))
        elif member.isreg():
            self._take_file(archive, member, parts)
        elif member.isdir() or member.isfifo():
            if member.isfifo() and name == declared:
                self._told.append(f"{name} is a named pipe: who reads it waits for a writer.")
            self._write(_renamed(member, parts))
        else:
            self._leave_out(parts, "it is a device")

    def _take_hard_link(self, member: tarfile.TarInfo, parts: Parts, target: Parts) -> None:
        if target in self._links:
            self._links[parts] = _renamed(self._links[target], parts)
            return
        if target not in self._files:
            raise UnsafeArchive(f"The archive links to no file of its own: {member.name!r}.")
        renamed = _renamed(member, parts)
        renamed.linkname = "/".join(target)
        self._files.add(parts)
        self._write(renamed)

    def _take_file(self, archive: tarfile.TarFile, member: tarfile.TarInfo, parts: Parts) -> None:
        self._size += member.size
        if member.size < 0 or self._size > self._limits.size:
            raise TooMuch(
                f"The task's files have more than {format_size(self._limits.size)} together."
            )
        content = archive.extractfile(member)
        if content is None:
            raise CopyError(f"The archive has a file without content: {member.name!r}.")
        renamed = _renamed(member, parts)
        # One with holes is written out: it has the size that was counted.
        renamed.type, renamed.size = tarfile.REGTYPE, member.size
        self._files.add(parts)
        self._write(renamed, content)

    def _write(self, member: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        self._archive.addfile(member, cast("IO[bytes]", content))
        self._archive.members.clear()  # type: ignore[attr-defined] # it would grow

    def _leave_out(self, parts: Parts, reason: str) -> None:
        self._omitted += 1
        if len(self._notes) < _NAMED:
            self._notes.append(f"/{'/'.join(parts)} was not handed to the check: {reason}.")


def _renamed(member: tarfile.TarInfo, parts: Parts) -> tarfile.TarInfo:
    """Return a member under another name. The header's extensions would keep the old one."""
    renamed = tarfile.TarInfo("/".join(parts))
    renamed.type, renamed.linkname = member.type, member.linkname if member.issym() else ""
    renamed.mode, renamed.mtime = member.mode & 0o7777, member.mtime
    renamed.uid, renamed.gid = member.uid, member.gid
    renamed.pax_headers = {
        key: value for key, value in member.pax_headers.items() if _ATTRIBUTE.match(key)
    }
    return renamed


def _link_to(target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo()
    member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
    return member


def _leads_to_own(link: Parts, targets: Mapping[Parts, str]) -> bool:
    """Return whether a link leads to what is another thing for each process.

    Followed by the student's own links; where there is none, a name is taken for what it says. A
    folder of the image may be a link itself (``/var/run`` is ``/run``), so that ``..`` may lead to
    the root as well as to the folder above.
    """
    start: Parts = ()
    waiting = [(start, link, 0)]
    seen: set[tuple[Parts, Parts]] = set()
    while waiting:
        here, parts, followed = waiting.pop()
        if not parts or (here, parts) in seen:
            continue
        if len(seen) == _MOST_STEPS:
            return True
        seen.add((here, parts))
        part, rest = parts[0], parts[1:]
        if part == "..":
            waiting += [(here[:-1], rest, followed), ((), rest, followed)]
            continue
        folder, here = here, (*here, part)
        if (target := targets.get(here)) is None:
            if _OWN.match("/" + "/".join(here)):
                return True
            waiting.append((here, rest, followed))
        elif followed < _MOST_LINKS:  # Nobody can read what comes after more of them.
            folder = () if target.startswith("/") else folder
            waiting.append((folder, (*_parts(target), *rest), followed + 1))
    return False


def _path(parts: Parts) -> str:
    return "/" + "/".join(parts)


def _parts(path: str) -> Parts:
    return tuple(part for part in path.split("/") if part not in {"", "."})
