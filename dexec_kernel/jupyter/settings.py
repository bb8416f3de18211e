"""The settings of the kernel: traits with help, each an environment variable ``DEXEC_NAME`` too."""

from __future__ import annotations

from traitlets import Bool, CaselessStrEnum, Float, HasTraits, Int, TraitError, Unicode

from dexec_kernel.cells.output.limits import OutputLimits
from dexec_kernel.display.mode import Mode
from dexec_kernel.errors import ConfigurationError


class Settings(HasTraits):
    """What can be set. ``fault`` is the error of the first value that was not valid."""

    container = Unicode(
        help="The container that cells run in: a name, an id, or compose:PROJECT/SERVICE."
        " Empty: the only one that runs."
    ).tag(config=True)
    status_bar = CaselessStrEnum(
        [mode.value for mode in Mode],
        default_value=Mode.LIVE.value,
        help="The bar of a cell: live (a widget while the cell runs), static, or off.",
    ).tag(config=True)
    interrupt_grace = Float(
        2.0,
        min=0.0,
        help="Seconds that an interrupted cell has to end by SIGINT, then by SIGTERM, before it is"
        " killed.",
    ).tag(config=True)
    timeout = Float(
        0.0,
        min=0.0,
        help="Seconds that a cell may take before it is ended as by an interrupt. 0: no limit.",
    ).tag(config=True)
    keep_background = Bool(
        default_value=False,
        help="Whether background processes of cells go on when the kernel ends. One that prints"
        " then may be ended by its closed output.",
    ).tag(config=True)
    standby = Int(
        1,
        min=0,
        help="How many execs are started ahead, so that the next cell need not wait for a process."
        " They wait in the container, and end with the kernel. 0: none.",
    ).tag(config=True)
    standby_timeout = Float(
        600.0,
        min=0.0,
        help="Seconds without a cell after which they are ended. 0: never.",
    ).tag(config=True)
    columns = Int(80, min=1, help="The width of a cell's terminal (%%exec -t).").tag(config=True)
    rows = Int(24, min=1, help="The height of a cell's terminal (%%exec -t).").tag(config=True)
    output_limit = Int(
        OutputLimits().output,
        min=0,
        help="Bytes of a cell's output that reach the notebook: its beginning and its end. Above"
        " 2 MiB, output is slowed down to what jupyter_server lets pass. 0: all of it, and as fast"
        " as it comes.",
    ).tag(config=True)
    log_limit = Int(
        OutputLimits().log,
        min=0,
        help="Bytes of a cell's output that are written to a file when it exceeds output_limit."
        " 0: no file.",
    ).tag(config=True)
    keep_logs = Bool(
        default_value=False, help="Whether these files stay when the kernel ends."
    ).tag(config=True)
    history_file = Unicode(
        help="Where the history of cells is kept: a path, or :memory: for none that outlives the"
        " kernel. Empty: dexec-kernel/history.sqlite in Jupyter's data directory."
    ).tag(config=True)

    fault: ConfigurationError | None = None

    def set_from_text(self, name: str, text: str, *, source: str) -> None:
        """Set a setting from text. A value that is not valid becomes the error of every cell.

        A kernel that does not start could not say why: Jupyter shows no more than that it died.
        """
        try:
            setattr(self, name, self.traits()[name].from_string(text))
        except (TraitError, ValueError) as error:
            self.fault = ConfigurationError(
                f"{source} is {text!r}, which is no value for the setting {name}.",
                advice=f"{error}\n{self.traits()[name].help}",
            )
