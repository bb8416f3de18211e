"""The public part of a cell's record. Programs rely on it, so that it is written down once more."""

MIME_TYPE = "application/vnd.dexec.exec+json"
KEYS = [
    "container",
    "container_id",
    "image",
    "exec_id",
    "pid",
    "exit_code",
    "state",
    "started",
    "ended",
    "duration_s",
    "user",
    "cwd",
    "timed_out",
    "output_bytes",
    "log",
]
STATES = {
    "running",
    "exited",
    "interrupted",
    "timed out",
    "background",
    "detached",
    "stopped",
    "not started",
    "lost",
}
