"""The two paths of a copy: their side, and the resulting destination.

The rules are those of ``docker cp``. No I/O.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass

from dexec_kernel.errors import CopyError, PathNotFound, UsageError

#: Names of containers that have a colon themselves begin with one of these.
_PREFIXES = ("compose:", "swarm:")
_NOT_A_NAME = ("/", ".", "~")


@dataclass(frozen=True, slots=True)
class Location:
    """A path on the kernel's side, or in a container; ``container`` is "" for the current one."""

    path: str
    in_container: bool = False
    container: str = ""


def parse_location(text: str) -> Location:
    """Read an argument of ``%cp``: ``:PATH``, ``NAME:PATH``, or a path on the kernel's side.

    One with a colon in it that is meant for the kernel's side is written ``./a:b``. A path in a
    container begins at its root. Raises :class:`UsageError`.
    """
    if not text:
        raise UsageError("A path is empty.")
    name, colon, path = text.partition(":")
    if prefix := next(filter(text.startswith, _PREFIXES), ""):
        name, colon, path = text.removeprefix(prefix).partition(":")
        name = prefix + name
    if not colon or name.startswith(_NOT_A_NAME):
        return Location(text)
    if not path:
        raise UsageError(f"{text!r} names no path in the container.", advice=f"Write {text}/PATH.")
    return Location(posixpath.join("/", path), in_container=True, container=name)


def local_path(text: str, folder: str) -> str:
    """Return an absolute path; ``~`` is a home. A / or /. at its end is kept."""
    path = os.path.join(folder, os.path.expanduser(text))  # noqa: PTH111, PTH118 -- Path drops the end
    return normal_path(path)


def normal_path(path: str) -> str:
    """Return an absolute path without detours, but with the / or /. at its end."""
    plain = posixpath.normpath(path)
    if plain.startswith("//"):
        plain = plain[1:]
    if path.endswith("/.") or path == ".":
        return posixpath.join(plain, ".")
    return posixpath.join(plain, "") if path.endswith("/") else plain


def asserts_folder(path: str) -> bool:
    """Return whether a path can only be a folder's: it ends in / or /."""
    return path.endswith(("/", "/."))


def wants_content(path: str) -> bool:
    """Return whether a source means the content of a folder: ``/a/.``, or the root."""
    return path.endswith("/.") or not path.strip("/")


def base_name(path: str) -> str:
    """Return the last part of a path, "" for the root."""
    plain = path.removesuffix("/.").rstrip("/")
    return posixpath.basename(plain)


def parent_of(path: str) -> str:
    """Return the folder that the last part of a path lies in."""
    plain = path.removesuffix("/.").rstrip("/")
    return posixpath.dirname(plain) or "/"


@dataclass(frozen=True, slots=True)
class Source:
    """The source: its last name, whether it is a folder, and whether only its content is meant."""

    name: str
    is_folder: bool
    content_only: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """The destination: a path and its kind. Symbolic links have been followed."""

    path: str
    exists: bool
    is_folder: bool


@dataclass(frozen=True, slots=True)
class Landing:
    """An existing folder, and the name of the copy in it.

    With "" for the name, the source's content is copied into the folder itself.
    """

    folder: str
    name: str


def landing_of(source: Source, target: Destination) -> Landing:
    """Apply the rules of ``docker cp``. Raises :class:`CopyError`, :class:`PathNotFound`."""
    if target.exists and target.is_folder:
        return Landing(target.path, "" if source.content_only else source.name)
    if target.exists and (source.is_folder or asserts_folder(target.path)):
        what = "A folder cannot be copied to a file" if source.is_folder else "No folder"
        raise CopyError(f"{what}: {target.path} is a file.")
    if not target.exists and asserts_folder(target.path) and not source.is_folder:
        raise PathNotFound.of(
            f"There is no folder {target.path}.",
            advice="Make it, or leave out the / at the end to copy to a file of that name.",
        )
    return Landing(parent_of(target.path), base_name(target.path))
