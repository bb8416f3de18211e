"""Every error that dexec-kernel raises, under one root.

An error has a ``message``, and ``advice`` if there is a remedy. The class names are public: the
kernel replies with them as ``ename``.
"""

from __future__ import annotations

from dexec_kernel.errors.cells import (
    CellNotRun,
    CellSyntaxError,
    CommandNotStarted,
    ExecLost,
    ExecNotFound,
    FolderGone,
    SignalError,
    UnknownMagic,
    UsageError,
)
from dexec_kernel.errors.engine import (
    ApiVersionError,
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    CredentialsRefused,
    EngineApiError,
    EngineError,
    EngineUnavailable,
    ImageNotFound,
    ImageNotLoaded,
    ImageNotPulled,
    ProtocolError,
    RightMissing,
    StreamCutOff,
    StreamFault,
)
from dexec_kernel.errors.files import (
    CopyError,
    FileSystemReadOnly,
    PathForbidden,
    PathNotFound,
    UnsafeArchive,
)
from dexec_kernel.errors.labs import (
    CheckBroken,
    CheckNotPassed,
    LabUnusable,
)
from dexec_kernel.errors.root import (
    DexecError,
    InternalError,
)
from dexec_kernel.errors.settings import (
    ConfigurationError,
    NotChosenError,
    PolicyRefused,
    PolicyUnusable,
)

__all__ = [
    "ApiVersionError",
    "CellNotRun",
    "CellSyntaxError",
    "CheckBroken",
    "CheckNotPassed",
    "CommandNotStarted",
    "ConfigurationError",
    "ContainerNotFound",
    "ContainerNotRunning",
    "ContainerPaused",
    "CopyError",
    "CredentialsRefused",
    "DexecError",
    "EngineApiError",
    "EngineError",
    "EngineUnavailable",
    "ExecLost",
    "ExecNotFound",
    "FileSystemReadOnly",
    "FolderGone",
    "ImageNotFound",
    "ImageNotLoaded",
    "ImageNotPulled",
    "InternalError",
    "LabUnusable",
    "NotChosenError",
    "PathForbidden",
    "PathNotFound",
    "PolicyRefused",
    "PolicyUnusable",
    "ProtocolError",
    "RightMissing",
    "SignalError",
    "StreamCutOff",
    "StreamFault",
    "UnknownMagic",
    "UnsafeArchive",
    "UsageError",
]
