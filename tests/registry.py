"""A registry with one image, over HTTP at 127.0.0.1, which Docker trusts without TLS.

Source: the OCI distribution specification, "Pulling manifests" and "Pulling blobs".
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

from devtools import api, images

_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def saved(host: str, name: str) -> bytes:
    """Give the test image another name, and save and remove that; return the archive."""
    images.ensure_image(host, images.BUSYBOX)
    repo, _, tag = name.rpartition(":")
    api.call(host, "POST", f"/images/{quote(images.BUSYBOX)}/tag", query={"repo": repo, "tag": tag})
    content = api.call(host, "GET", f"/images/{quote(name)}/get")
    api.call(host, "DELETE", f"/images/{quote(name)}")
    return content


class Registry:
    """What is served: ``image`` is the name to pull. Layers wait while ``open`` is not set."""

    def __init__(self, archive: bytes) -> None:
        """Take the image of an archive of ``docker save``."""
        self.open = threading.Event()
        self.open.set()
        self.image = ""
        self.blobs: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:

            def read(name: str) -> bytes:
                member = files.extractfile(name)
                assert member is not None
                return member.read()

            (found,) = json.loads(read("manifest.json"))
            files_of = [read(name) for name in found["Layers"]]
            image = json.loads(read(found["Config"]))
        # With a layer that no engine has, and that is downloaded therefore.
        files_of.append(_layer())
        image["rootfs"]["diff_ids"] = [_digest(content) for content in files_of]
        image["history"] = [{} for _ in files_of]
        config = self._blob(_CONFIG, json.dumps(image).encode())
        layers = [self._blob(_LAYER, gzip.compress(content, 1)) for content in files_of]
        self.layers = {str(layer["digest"]) for layer in layers}
        content = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
        self.manifest = json.dumps(content).encode()

    def _blob(self, kind: str, content: bytes) -> dict[str, object]:
        digest = _digest(content)
        self.blobs[digest] = content
        return {"mediaType": kind, "size": len(content), "digest": digest}


def _layer() -> bytes:
    """Return a layer with one large file."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as files:
        member = tarfile.TarInfo("pulled")
        member.size = 1_000_000
        files.addfile(member, io.BytesIO(os.urandom(member.size)))
    return written.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def serve(registry: Registry) -> Iterator[Registry]:
    """Serve a registry at a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, content = "application/octet-stream", b"{}"
            name = self.path.rpartition("/")[2]
            if "/manifests/" in self.path:
                kind, content = _MANIFEST, registry.manifest
            elif "/blobs/" in self.path:
                content = registry.blobs[name]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", _digest(content))
            self.end_headers()
            if self.command == "HEAD":
                return
            half = len(content) // 2
            with suppress(ConnectionError):  # A pull that was broken off.
                self.wfile.write(content[:half])
                if name in registry.layers:
                    registry.open.wait()
                self.wfile.write(content[half:])

        do_HEAD = do_GET  # noqa: N815 -- the name is the library's

        def log_message(self, *_words: object) -> None:
            """Write nothing to stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        registry.image = f"127.0.0.1:{server.server_port}/a/box:1"
        try:
            yield registry
        finally:
            registry.open.set()
            server.shutdown()
            thread.join()
