"""Tar archives, member by member, as no well-meaning program writes them."""

from __future__ import annotations

import io
import tarfile


def member(name, kind=tarfile.REGTYPE, *, link="", mode=0o644, **more):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime = kind, link, mode, 1_000_000
    for key, value in more.items():
        setattr(info, key, value)
    return info


def folder(name, *, mode=0o755, **more):
    return member(name, tarfile.DIRTYPE, mode=mode, **more)


def packed(*items, end=True):
    """Pack members; a pair is one with its content."""
    out = io.BytesIO()
    tar = tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
    for item in items:
        info, data = item if isinstance(item, tuple) else (item, b"")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    if end:
        tar.close()
    out.seek(0)
    return out
