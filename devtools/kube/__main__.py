"""The process of a private front: ``python -m devtools.kube DIRECTORY``; ends with its parent.

The directory has the certificates of :mod:`devtools.tls` in ``tls``. The ports are written into
``ports``: of an apiserver that speaks v4 alone, and of one that speaks v5 as well.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from devtools import images
from devtools.kube import containerd, rest
from devtools.kube.cri import Cri
from devtools.kube.execs import V4, V5, ExecHandler
from devtools.kube.pods import Pods

_PODS = r"/api/v1/namespaces/([^/]+)/pods"
_LARGEST_MESSAGE = 64 << 20
_START = 60.0


def application(front: rest.Front, newest: str) -> Application:
    """Return the front's handlers, for an apiserver whose newest protocol is given."""
    shared = {"front": front}
    return Application(
        [
            (r"/(version|readyz|livez)", rest.Plain, shared),
            (r"/(api|apis|api/v1)", rest.Discovery, shared),
            (r"/dexec/switches", rest.Switches, shared),
            (r"/api/v1/pods", rest.AllPods, shared),
            (_PODS, rest.AllPods, shared),
            (_PODS + r"/([^/]+)", rest.OnePod, shared),
            (_PODS + r"/([^/]+)/log", rest.Log, shared),
            (_PODS + r"/([^/]+)/ephemeralcontainers", rest.Ephemeral, shared),
            (_PODS + r"/([^/]+)/exec", ExecHandler, {**shared, "newest": newest}),
            (r"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", rest.Review, shared),
            (r"(/apis?/.+)", rest.Other, shared),
        ],
        websocket_max_message_size=_LARGEST_MESSAGE,
    )


async def serve(directory: Path) -> None:
    """Serve until a signal, or until the parent is gone."""
    parent = os.getppid()
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    daemon = containerd.start(directory)
    cri = Cri(containerd.socket_of(directory))
    pods = Pods(cri, directory)
    watching: asyncio.Task[None] | None = None
    try:
        await asyncio.to_thread(cri.wait, _START)
        await asyncio.to_thread(containerd.ensure_image, directory, images.BUSYBOX)
        front = rest.Front(cri, pods)
        tls = directory / "tls"
        names = ("server-cert.pem", "server-key.pem", "ca.pem")
        context = rest.server_context(*(str(tls / name) for name in names))
        ports = []
        for newest in (V4, V5):
            server = HTTPServer(
                application(front, newest), ssl_options=context, max_header_size=1 << 20
            )
            sockets = bind_sockets(0, "127.0.0.1")
            server.add_sockets(sockets)
            ports.append(str(sockets[0].getsockname()[1]))
        unfinished = directory / "ports.new"
        unfinished.write_text(" ".join(ports))
        unfinished.rename(directory / "ports")
        watching = asyncio.create_task(pods.watch_over())
        while not end.is_set() and os.getppid() == parent and not watching.done():
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await end.wait()
        if watching.done():
            watching.result()
    finally:
        if watching is not None:
            watching.cancel()
        await pods.close()
        cri.close()
        daemon.terminate()
        await asyncio.to_thread(daemon.wait)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
