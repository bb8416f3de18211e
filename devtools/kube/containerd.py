"""A containerd of our own, with its CRI plugin: the configuration, the daemon, images."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from devtools import images, rootfs

#: The namespace that CRI keeps its images and containers in.
NAMESPACE = "k8s.io"

_CONFIG = """\
version = 2
root = "{directory}/root"
state = "{directory}/state"
[grpc]
  address = "{directory}/ctr.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox_image}"
  # Lowering it takes a capability that containers lack, and tests may run in one.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
"""


def socket_of(directory: Path) -> Path:
    """Return where the containerd of a directory listens."""
    return directory / "ctr.sock"


def start(directory: Path) -> subprocess.Popen[bytes]:
    """Write the configuration into the directory and start the daemon; it logs there, too.

    Raises FileNotFoundError where containerd is not installed.
    """
    config = directory / "containerd.toml"
    text = _CONFIG.format(
        directory=directory,
        sandbox_image=reference(images.BUSYBOX),
        snapshotter=_snapshotter(directory),
    )
    config.write_text(text)
    with (directory / "containerd.log").open("ab") as log:
        return subprocess.Popen(
            ["containerd", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _snapshotter(directory: Path) -> str:
    """Return overlayfs where the file system of the directory takes an overlay, else native."""
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        layers = {name: Path(scratch, name) for name in ("lower", "upper", "work", "all")}
        for path in layers.values():
            path.mkdir()
        options = f"lowerdir={layers['lower']},upperdir={layers['upper']},workdir={layers['work']}"
        command = ["mount", "-t", "overlay", "overlay", "-o", options, str(layers["all"])]
        tried = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)
        if tried.returncode:
            return "native"
        subprocess.run(["umount", str(layers["all"])], check=True, stdin=subprocess.DEVNULL)
        return "overlayfs"


def reference(image: str) -> str:
    """Return the name that containerd has for an image of :mod:`devtools.images`."""
    return f"docker.io/{image}"


def ensure_image(directory: Path, image: str) -> None:
    """Import an image of :mod:`devtools.images` unless the containerd has it.

    Raises packages.PackagesError, and CalledProcessError when containerd refuses.
    """
    ctr = ["ctr", "--address", str(socket_of(directory)), "--namespace", NAMESPACE, "images"]
    listed = subprocess.run(
        [*ctr, "list", "--quiet"], check=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    if reference(image) in listed.stdout.decode().split():
        return
    recipe = images.recipe(image)
    layer = rootfs.cached(recipe.kind, recipe.make)
    with tempfile.NamedTemporaryFile(dir=directory, suffix=".tar") as archive:
        _write_archive(Path(archive.name), reference(image), layer, recipe)
        subprocess.run(
            [*ctr, "import", archive.name],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )


def _write_archive(path: Path, name: str, layer: Path, recipe: images.Recipe) -> None:
    """Write the archive that `docker save` would make of an image with one layer."""
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": list(recipe.command), "Env": list(recipe.env)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created_by": "dexec-kernel devtools"}],
    }
    layer_name = f"{digest}/layer.tar"
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": [layer_name]}]
    with tarfile.open(path, "w") as tar, layer.open("rb") as file:
        for member, content in (("config.json", config), ("manifest.json", manifest)):
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo(layer_name)
        info.size = layer.stat().st_size
        tar.addfile(info, file)


def missing_package() -> str:
    """Return Debian's name of the package that is missing for this, or ""."""
    for program, package in (("containerd", "containerd"), ("runc", "runc")):
        if shutil.which(program, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin") is None:
            return package
    return ""
