"""The verbs for files in a container, with the names of Docker's Go client in snake_case.

Files travel as tar archives, streamed, each transfer on a connection of its own. The container
need not run. Source: Docker Engine API, "Get information about files in a container", "Get an
archive of a filesystem resource in a container", "Extract an archive of files or folders to a
directory in a container".
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlencode

from dexec_kernel.backend.models import PathStat
from dexec_kernel.engine import answers
from dexec_kernel.engine.calls import path_segment
from dexec_kernel.engine.containers import ContainerCalls
from dexec_kernel.engine.http.answer import FIRST_ERROR_STATUS, parse
from dexec_kernel.engine.http.exchange import Exchange
from dexec_kernel.engine.http.stream import Closing
from dexec_kernel.engine.values import as_number, as_text, reading
from dexec_kernel.errors import (
    ConfigurationError,
    EngineError,
    FileSystemReadOnly,
    PathForbidden,
    PathNotFound,
    ProtocolError,
)

_STAT_HEADER = "x-docker-container-path-stat"
#: Paths that engines do not reach: they read a container's files from the disk.
_UNSEEN = re.compile(r"/+(proc|sys|dev)(/|$)")
_ABOUT_PATH = "answer about a path"


class ArchiveStream(Closing):
    """A tar archive that the engine sends: what ``stat`` describes, as :meth:`__aiter__`'s bytes.

    Use it as a context manager, or close it: that ends the transfer.
    """

    def __init__(self, exchange: Exchange, stat: PathStat) -> None:
        self._exchange = exchange
        self.stat = stat

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the bytes. Raises :class:`StreamCutOff`, :class:`EngineUnavailable`."""
        return self._exchange.body()

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._exchange.close()


class FileCalls(ContainerCalls):
    """The files of an engine's containers: see :class:`backend.protocol.Files`."""

    async def container_stat_path(self, container: str, path: str) -> PathStat:
        """Look at a path; a symbolic link is not followed (Go's ``ContainerStatPath``).

        Podman says of a link that leads nowhere that it is not there. Raises
        :class:`PathNotFound`.
        """
        async with await self._open("HEAD", container, path) as exchange:
            await exchange.send()
            return await self._stat_of(exchange, container, path)

    async def copy_from_container(self, container: str, path: str) -> ArchiveStream:
        """Begin to read a file or a folder as a tar archive (Go's ``CopyFromContainer``).

        Raises :class:`PathNotFound`.
        """
        exchange = await self._open("GET", container, path)
        try:
            await exchange.send()
            return ArchiveStream(exchange, await self._stat_of(exchange, container, path))
        except BaseException:
            exchange.close()
            raise

    async def copy_to_container(
        self,
        container: str,
        path: str,
        content: AsyncIterator[bytes],
        *,
        allow_overwrite_dir_with_file: bool = False,
        copy_uid_gid: bool = False,
    ) -> None:
        """Extract a tar archive into an existing folder (Go's ``CopyToContainer``).

        With ``copy_uid_gid`` everything belongs to the user in the container's configuration,
        instead of the archive's owners. A transfer that ends early leaves the files extracted so
        far. Raises :class:`PathNotFound` (Podman makes the folder instead) and
        :class:`FileSystemReadOnly`.
        """
        options = {}
        if not allow_overwrite_dir_with_file:
            options["noOverwriteDirNonDir"] = "true"
        if copy_uid_gid:
            options["copyUIDGID"] = "true"
        async with await self._open("PUT", container, path, **options) as exchange:
            await exchange.send(content)
            if exchange.status >= FIRST_ERROR_STATUS:
                raise await self._error_of(exchange, container, path)

    async def _open(self, method: str, container: str, path: str, **options: str) -> Exchange:
        name = path_segment(container, "container")
        if not path or "\0" in path:
            raise ConfigurationError(f"{path!r} is not a path in a container.")
        try:
            query = urlencode({"path": path, **options}, errors="surrogateescape")
        except UnicodeEncodeError as error:
            raise ConfigurationError(f"{path!r} is not a path in a container.") from error
        version = await self.api_version()
        target = f"/v{version}/containers/{name}/archive?{query}"
        return await Exchange.open(self._address, method, target)

    async def _stat_of(self, exchange: Exchange, container: str, path: str) -> PathStat:
        if exchange.status >= FIRST_ERROR_STATUS:
            raise await self._error_of(exchange, container, path)
        if (header := exchange.headers.get(_STAT_HEADER)) is None:
            raise ProtocolError(f"The engine says nothing about the path {path}.")
        return path_stat(header)

    async def _error_of(self, exchange: Exchange, container: str, path: str) -> EngineError:
        """Return what an error answer means. That of a HEAD has no words in it."""
        status, message = exchange.status, await exchange.error_message()
        lowered = message.lower()
        if status == answers.NOT_FOUND:
            # Either of the two is not there; whether it is the container, it tells itself.
            await self.container_inspect(container)
            return path_not_found(container, path, status)
        if "not a directory" in lowered or (status >= answers.SERVER_ERROR and not message):
            # The latter is how Docker answers a HEAD of a path that goes through a file.
            return path_not_found(container, path, status, because="a part of it is not a folder")
        if "read-only" in lowered:
            return FileSystemReadOnly(
                f"Nothing can be written to {path} in {container!r}: the file system is read-only.",
                status=status,
                advice="Copy into a volume that can be written to. Docker copies nothing into a"
                " tmpfs of a container with a read-only root.",
            )
        if "permission denied" in lowered or "operation not permitted" in lowered:
            return PathForbidden(
                f"The engine has no access to {path} in {container!r}: {message}", status=status
            )
        # Docker names folders of its own; Podman names how it copies.
        return answers.error_of(status, message)


def path_not_found(container: str, path: str, status: int, *, because: str = "") -> PathNotFound:
    """There is no such path in the container, or it is none of the files that the engine sees."""
    if _UNSEEN.match(path):
        return PathNotFound(
            f"The engine sees no {path} in the container {container!r}: it reads files from the"
            " disk, and /proc, /sys and /dev are in memory.",
            status=status,
            advice="Use the file in a cell, with cat for example.",
        )
    reason = f": {because}" if because else ""
    return PathNotFound(
        f"There is no {path} in the container {container!r}{reason}.", status=status
    )


def path_stat(header: str) -> PathStat:
    """Read ``X-Docker-Container-Path-Stat``. Raises :class:`ProtocolError`."""
    with reading(_ABOUT_PATH):
        # Podman writes the URL-safe alphabet.
        standard = header.replace("-", "+").replace("_", "/")
        stat = parse(base64.b64decode(standard, validate=True), _ABOUT_PATH)
        size, mode = as_number(stat["size"]), as_number(stat["mode"])
        if size is None or mode is None:
            raise TypeError("there is no size or mode")
        found = PathStat(
            name=as_text(stat["name"]),
            size=size,
            mode=mode,
            mtime=as_text(stat.get("mtime")),
            link_target="",
        )
        link_target = as_text(stat.get("linkTarget"))
        return replace(found, link_target=link_target) if found.is_symlink else found
