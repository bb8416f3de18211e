"""A private ssh server: an sshd on a port of 127.0.0.1, with keys of its own.

OpenSSH reads the configuration below the home folder of the passwd file, whatever HOME says. So
there is an `ssh` command in a folder for the PATH, which reads one of ours instead.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from devtools.ports import free_port
from devtools.stoppable import Stoppable

_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
#: sshd becomes the shell's process, and ends when the pipe of whoever started it ends.
_SCRIPT = 'exec 3<&0 </dev/null; (read -r _ <&3; kill 0) >/dev/null 2>&1 & exec "$@" 3<&-'


class SshdStartError(Exception):
    """The server did not come up; the message has its log."""


def missing_package() -> str:
    """Return Debian's name of the package that is missing for this, or ""."""
    if find_sshd() is None:
        return "openssh-server"
    return "" if shutil.which("ssh") else "openssh-client"


def find_sshd() -> str | None:
    """Return where sshd is."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:{_PATH}")


class PrivateSshd(Stoppable):
    """An sshd that this process starts and stops; a context manager. Whoever runs it may log in.

    `bin` is the folder with the `ssh` that knows the server's key and has the user's; `config` is
    its configuration, which a test may add to, and `known_hosts` what it knows.
    """

    def __init__(self) -> None:
        self.directory = Path()
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make keys and configuration, and start the server."""
        self.directory = Path(tempfile.mkdtemp(prefix="dexec-sshd-"))
        self.port = free_port()
        self._write_files()
        self._start()

    @property
    def bin(self) -> Path:
        """The folder of the `ssh` command, to be first in PATH."""
        return self.directory / "bin"

    @property
    def config(self) -> Path:
        """The configuration of that command."""
        return self.directory / "config"

    @property
    def known_hosts(self) -> Path:
        """The file of known hosts."""
        return self.directory / "known_hosts"

    @property
    def path(self) -> str:
        """A PATH with the `ssh` command."""
        return f"{self.bin}:{os.environ.get('PATH', os.defpath)}"

    def url(self, socket: str = "") -> str:
        """Return the DOCKER_HOST of a socket here."""
        return f"ssh://127.0.0.1:{self.port}{socket.removeprefix('unix://')}"

    def client(self, name: str, *lines: str, inherit: bool = True) -> str:
        """Make another `ssh`, with these lines of configuration; return a PATH with it.

        `inherit` adds those of `config`.
        """
        folder = self.directory / name
        folder.mkdir()
        config = folder / "config"
        also = [f"Include {self.config}"] if inherit else []
        config.write_text("\n".join(["Host *", *lines, *also, ""]))
        _write_command(folder, config)
        return f"{folder}:{os.environ.get('PATH', os.defpath)}"

    def new_key(self, name: str) -> Path:
        """Make a key that the server does not know."""
        path = self.directory / name
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return path

    def stop(self) -> None:
        """End the server and its directory. Connections end with their clients."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.terminate()
            self._process.wait()
            self._process = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def _write_files(self) -> None:
        base = self.directory
        public = [self.new_key(name).with_suffix(".pub") for name in ("host", "user")]
        host, user = (path.read_text() for path in public)
        (base / "authorized_keys").write_text(user)
        kind, key = host.split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        server = {
            "Port": str(self.port),
            "ListenAddress": "127.0.0.1",
            "HostKey": str(base / "host"),
            "AuthorizedKeysFile": str(base / "authorized_keys"),
            "PidFile": "none",
            # The directory is below one that everybody may write to.
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "yes",
            "MaxStartups": "100",
        }
        lines = [f"{name} {value}\n" for name, value in server.items()]
        (base / "sshd_config").write_text("".join(lines))
        client = {
            "IdentityFile": str(base / "user"),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
            "GlobalKnownHostsFile": "none",
        }
        lines = ["Host *\n", *(f"  {name} {value}\n" for name, value in client.items())]
        self.config.write_text("".join(lines))
        self.bin.mkdir()
        _write_command(self.bin, self.config)

    def _start(self) -> None:
        if os.getuid() == 0:
            # Debian's service makes it.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        sshd = find_sshd()
        if sshd is None:
            raise SshdStartError("there is no sshd (openssh-server)")
        log, server = self.directory / "log", self.directory / "sshd_config"
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "sh", sshd, "-D", "-e", "-f", str(server)],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while "Server listening" not in (said := log.read_text(errors="replace")):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SshdStartError(f"sshd did not come up:\n{said}")
            time.sleep(0.02)


def _write_command(folder: Path, config: Path) -> None:
    real = shutil.which("ssh")
    command = folder / "ssh"
    command.write_text(f'#!/bin/sh\nexec "{real}" -F "{config}" "$@"\n')
    command.chmod(0o755)
