"""Serves the logs of this user's kernels, as files to be saved.

Source: jupyter_server, ``AuthenticatedFileHandler``, for authentication and the check of GET
requests from elsewhere.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from dexec_kernel.served_logs import FOLDER_PATTERN, NAME_PATTERN, PARENT, open_log

#: The URL's path below the server's own.
ROUTE = "dexec/logs"
#: In bytes: how much is read and sent at once.
_CHUNK = 256 * 1024


def parent_of_logs() -> Path:
    """Return the folder with the folders of the kernels that this server starts."""
    return Path(jupyter_runtime_dir()) / PARENT


class LogHandler(JupyterHandler):
    """Answers a GET of one log."""

    auth_resource = "kernels"

    @web.authenticated
    @authorized
    async def get(self, folder: str, name: str) -> None:
        """Send what the log has by now; its cell may still write."""
        # As for the server's own files: no page from elsewhere makes a browser fetch them.
        self.check_xsrf_cookie()
        try:
            descriptor = await asyncio.to_thread(open_log, parent_of_logs(), folder, name)
        except OSError as error:
            self.log.info("dexec-kernel: a log is not served: %s", error)
            raise web.HTTPError(
                404,
                "This log is gone, or was never there. Logs are removed when their kernel ends,"
                " unless the kernel has DEXEC_KEEP_LOGS=1.",
            ) from None
        with os.fdopen(descriptor, "rb") as file:
            left = os.fstat(descriptor).st_size
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.set_header("Content-Disposition", f'attachment; filename="{name}"')
            self.set_header("Content-Length", str(left))
            self.set_header("X-Content-Type-Options", "nosniff")
            self.set_header("Cache-Control", "no-store")
            while left and (data := await asyncio.to_thread(file.read, min(_CHUNK, left))):
                left -= len(data)
                self.write(data)
                await self.flush()


def handlers() -> list[tuple[str, Any]]:
    """Return the routes, below the server's own."""
    return [(rf"/{ROUTE}/({FOLDER_PATTERN})/({NAME_PATTERN})", LogHandler)]
