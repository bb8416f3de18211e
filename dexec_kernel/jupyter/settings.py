"""The settings of the kernel: traits with help, also environment variables ``DEXEC_NAME``."""

from __future__ import annotations

from collections.abc import Container, Mapping

from traitlets import Bool, CaselessStrEnum, Float, HasTraits, Int, TraitError, Unicode

from dexec_kernel.cells.output.limits import OutputLimits
from dexec_kernel.display.mode import Mode
from dexec_kernel.errors import ConfigurationError

ENVIRONMENT_PREFIX = "DEXEC_"


class _CommandLine(Unicode[str, str]):
    """A text whose quotes are its own: traitlets takes those off that surround it."""

    def from_string(self, s: str) -> str:
        return s


class Settings(HasTraits):
    """The settings. ``fault`` is the error of the first invalid value."""

    container = Unicode(
        help="The container that cells run in: a name, an id, compose:PROJECT/SERVICE,"
        " swarm:SERVICE.SLOT, or kube:NAMESPACE/POD. Empty: the only running container."
    ).tag(config=True)
    node_hosts = Unicode(
        help="The engines of a swarm's other nodes, as NODE=ADDRESS with spaces between:"
        " node1=ssh://root@10.0.0.2 node2=tcp://10.0.0.3:2376. NODE is a host name, an id, an"
        " address, or * for all others, with {node} and {address} in its ADDRESS. A docker context"
        " that fits a node needs no entry."
    ).tag(config=True)
    lab = Unicode(
        help="The folder of a lab (`dexec-kernel lab install` sets it). The kernel makes the lab's"
        " containers with its first cell, and removes them when it ends."
    ).tag(config=True)
    lab_once = Bool(
        default_value=False,
        help="Remove the lab's containers when the kernel ends, also where the lab keeps them."
        " `dexec-kernel lab test` and `lab grade` set it.",
    ).tag(config=True)
    lab_tells = Bool(
        default_value=False,
        help="Say in errors what broken checks of a lab and its setup.sh print for the teacher."
        " `dexec-kernel lab test` sets it.",
    ).tag(config=True)
    status_bar = CaselessStrEnum(
        [mode.value for mode in Mode],
        default_value=Mode.LIVE.value,
        help="The bar of a cell: live (a widget while the cell runs), static, or off.",
    ).tag(config=True)
    interrupt_grace = Float(
        2.0,
        min=0.0,
        help="Seconds between SIGINT and SIGTERM, and between SIGTERM and SIGKILL, when a cell is"
        " interrupted.",
    ).tag(config=True)
    timeout = Float(
        0.0,
        min=0.0,
        help="Seconds that a cell may take. It is then interrupted. 0: no limit.",
    ).tag(config=True)
    keep_background = Bool(
        default_value=False,
        help="Keep the background processes of cells after the kernel ends. A process that prints"
        " may still end then, because its output is closed.",
    ).tag(config=True)
    standby = Int(
        1,
        min=0,
        help="The number of execs that are started ahead, so that the next cell does not wait for"
        " the start of a process. They wait in the container and end with the kernel. 0: none.",
    ).tag(config=True)
    standby_timeout = Float(
        600.0,
        min=0.0,
        help="Seconds without a cell before the standbys are ended. 0: never.",
    ).tag(config=True)
    completion_timeout = Float(
        0.3,
        min=0.0,
        help="Seconds that completion and help wait for the container, before they answer without"
        " it.",
    ).tag(config=True)
    columns = Int(80, min=1, help="The width of a cell's terminal (%%exec -t).").tag(config=True)
    rows = Int(24, min=1, help="The height of a cell's terminal (%%exec -t).").tag(config=True)
    output_limit = Int(
        OutputLimits().output,
        min=0,
        help="Bytes of a cell's output that reach the notebook: its beginning and its end. Above"
        " 2 MiB, output is slowed down to the rate limit of jupyter_server. 0: all output, at full"
        " speed, for programs that read the kernel directly.",
    ).tag(config=True)
    log_limit = Int(
        OutputLimits().log,
        min=0,
        help="Bytes of a cell's output that are written to a log file if the output exceeds"
        " output_limit. All logs of a kernel have four times as many; the oldest go first."
        " 0: no log file.",
    ).tag(config=True)
    keep_logs = Bool(
        default_value=False, help="Keep the log files of long outputs after the kernel ends."
    ).tag(config=True)
    notify = Float(
        0.0,
        min=0.0,
        help="Seconds. A cell that took longer tells the desktop when it ends (notify-send on the"
        " kernel's machine), or runs notify_command. 0: never.",
    ).tag(config=True)
    notify_command = _CommandLine(
        help="The program that is told of long cells, with its arguments. It gets one line as its"
        " last argument, such as 'web: exit code 0 after 2 min 05 s'. No shell reads it."
    ).tag(config=True)
    history_file = Unicode(
        help="The file with the history of cells, or :memory: to store none. Empty:"
        " dexec-kernel/history.sqlite in Jupyter's data directory."
    ).tag(config=True)

    fault: ConfigurationError | None = None

    @staticmethod
    def variables() -> dict[str, str]:
        """Return the names of the settings, by their variables."""
        names = Settings.class_own_traits(config=True)
        return {ENVIRONMENT_PREFIX + name.upper(): name for name in names}

    def take_environment(self, environ: Mapping[str, str], *, but: Container[str] = ()) -> None:
        """Set each setting whose variable ``DEXEC_NAME`` is there, ``but`` for some settings."""
        for variable, name in Settings.variables().items():
            if variable in environ and name not in but:
                self.set_from_text(name, environ[variable], source=variable)

    def set_from_text(self, name: str, text: str, *, source: str) -> None:
        """Set a setting from text. An invalid value becomes the error of every cell.

        A kernel that does not start could not report it: Jupyter shows only that it died.
        """
        try:
            setattr(self, name, self.traits()[name].from_string(text))
        except (TraitError, ValueError) as error:
            self.fault = ConfigurationError(
                f"{source} is {text!r}, which is not a value for the setting {name}.",
                advice=f"{error}\n{self.traits()[name].help}",
            )
