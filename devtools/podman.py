"""A private Podman service, which speaks the Docker API."""

from devtools.private import PrivateService

_CONFIGURATION = """\
[containers]
# As many as a container without CAP_SYS_RESOURCE may have.
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
# How long an exec that ended can still be inspected.
exec_command_delay = 2
# The other kind, shared memory, is one for all Podmans of the machine.
lock_type = "file"
"""


class PrivatePodman(PrivateService):
    """A `podman system service` of our own, with its own storage and configuration."""

    def _command(self) -> list[str]:
        base = self.directory
        return [
            "podman",
            f"--root={base / 'root'}",
            f"--runroot={base / 'run'}",
            f"--tmpdir={base / 'tmp'}",
            f"--network-config-dir={base / 'networks'}",
            "--cgroup-manager=cgroupfs",
            "--events-backend=file",
            *self.extra_args,
            "system",
            "service",
            "--time=0",
            self.host,
        ]

    def _environment(self) -> dict[str, str]:
        path = self.directory / "containers.conf"
        path.write_text(_CONFIGURATION)
        scratch = self.directory / "scratch"
        scratch.mkdir(exist_ok=True)
        return {
            **super()._environment(),
            "CONTAINERS_CONF": str(path),
            "CONTAINERS_SHORT_NAME_ALIASES_CONF": str(self.directory / "aliases.conf"),
            # Podman leaves uploaded archives in its temporary directory.
            "TMPDIR": str(scratch),
        }
