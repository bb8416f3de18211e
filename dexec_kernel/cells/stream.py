"""The stream of one exec: which of its output is the cell's, and from when on. No I/O.

The engine reports a failed start inside the stream, as if the command had printed it; a shell may
print before it has the cell; a terminal echoes the words that its shell is sent. So the stream has
a state:

=============  ============================================  ======================================
state          meaning                                       output
=============  ============================================  ======================================
``WITHHELD``   it is not known whether the command runs      kept, some ``MAX_WITHHELD`` bytes
``STANDBY``    the shell runs and waits for its cell         kept, some ``MAX_WITHHELD`` bytes
``FLOODED``    the same, and more has come than is kept      passed on: it is no report
``ECHO``       the shell runs and waits for its terminal     dropped: the echo of our own words
``RUNNING``    the cell's own commands run                   passed on
``BACKGROUND`` they have ended, background processes go on   passed on
``ENDED``      nothing more comes                            nothing comes
=============  ============================================  ======================================

==============  ===========  ===========  ===========  ============  ============  ========  =======
in the state    ``STARTED``  ``WAITS``    ``ECHOES``   ``HAS_CELL``  ``LEFT``      ``FULL``  ``END``
==============  ===========  ===========  ===========  ============  ============  ========  =======
``WITHHELD``    RUNNING      STANDBY      ECHO         -             -             FLOODED   ENDED
``STANDBY``     -            -            -            RUNNING       -             FLOODED   ENDED
``FLOODED``     RUNNING      FLOODED      ECHO         RUNNING       -             -         ENDED
``ECHO``        -            -            -            RUNNING       -             -         ENDED
``RUNNING``     -            -            -            -             BACKGROUND    -         ENDED
``BACKGROUND``  -            -            -            -             BACKGROUND    -         ENDED
``ENDED``       -            -            -            -             -             -         -
==============  ===========  ===========  ===========  ============  ============  ========  =======

The driver's words come on stderr, and stdout may be read before stderr: so a flood may be the
cell's own before the word that announces it, and no byte of it may be lost.

A container may say anything: the owner asks :meth:`CellStream.may` before it believes an event
that came in band. Any other transition raises :class:`~dexec_kernel.cells.states.WrongTransition`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from dexec_kernel.backend.models import Frame
from dexec_kernel.cells.states import Machine

#: In bytes: an engine's report of a failed start is never as long as this. More is not kept.
MAX_WITHHELD = 64 * 1024


class StreamState(Enum):
    """The states of an exec's stream."""

    WITHHELD = auto()
    STANDBY = auto()
    FLOODED = auto()
    ECHO = auto()
    RUNNING = auto()
    BACKGROUND = auto()
    ENDED = auto()


class StreamEvent(Enum):
    """The events that change the state of a stream."""

    #: The command runs: its driver says so, or the engine names its PID.
    STARTED = auto()
    #: A standby's shell runs, and waits for its cell.
    WAITS = auto()
    #: A terminal's shell runs, and waits until the terminal is set up.
    ECHOES = auto()
    #: The shell has its cell, and evaluates it from here on.
    HAS_CELL = auto()
    #: The cell's own commands have ended, and left processes in the background.
    LEFT = auto()
    #: More has come than is kept.
    FULL = auto()
    #: The stream has ended.
    END = auto()


_S, _E = StreamState, StreamEvent
TABLE: Mapping[StreamState, Mapping[StreamEvent, StreamState]] = {
    _S.WITHHELD: {
        _E.STARTED: _S.RUNNING,
        _E.WAITS: _S.STANDBY,
        _E.ECHOES: _S.ECHO,
        _E.FULL: _S.FLOODED,
        _E.END: _S.ENDED,
    },
    _S.STANDBY: {_E.HAS_CELL: _S.RUNNING, _E.FULL: _S.FLOODED, _E.END: _S.ENDED},
    _S.FLOODED: {
        _E.STARTED: _S.RUNNING,
        _E.WAITS: _S.FLOODED,
        _E.ECHOES: _S.ECHO,
        _E.HAS_CELL: _S.RUNNING,
        _E.END: _S.ENDED,
    },
    _S.ECHO: {_E.HAS_CELL: _S.RUNNING, _E.END: _S.ENDED},
    _S.RUNNING: {_E.LEFT: _S.BACKGROUND, _E.END: _S.ENDED},
    _S.BACKGROUND: {_E.LEFT: _S.BACKGROUND, _E.END: _S.ENDED},
    _S.ENDED: {},
}
_KEEPING = frozenset({_S.WITHHELD, _S.STANDBY})
_PASSING = frozenset({_S.FLOODED, _S.RUNNING, _S.BACKGROUND})


class CellStream:
    """Decides what of an exec's output is passed on, and when.

    Output that is kept is released when the cell runs. The owner enters ``FULL`` where
    :attr:`is_full` says so.
    """

    def __init__(self) -> None:
        self._machine = Machine(TABLE, StreamState.WITHHELD)
        self._kept: list[Frame] = []
        self._size = 0
        self._keeps = True

    @property
    def state(self) -> StreamState:
        """The current state."""
        return self._machine.state

    @property
    def is_full(self) -> bool:
        """Whether more is kept than there should be."""
        return self._size > MAX_WITHHELD

    @property
    def kept(self) -> bytes:
        """The output that is kept, both streams in the order in which they came."""
        return b"".join(frame.data for frame in self._kept)

    def may(self, event: StreamEvent) -> bool:
        """Return whether an event may come now."""
        return self._machine.may(event)

    def enter(self, event: StreamEvent) -> list[Frame]:
        """Take an event; return the frames that are due now. Raises :class:`WrongTransition`.

        At the end of a stream that never ran, withheld frames stay withheld: see :meth:`release`.
        """
        return self.release() if self._machine.go(event) in _PASSING else []

    def take(self, frame: Frame) -> list[Frame]:
        """Take output that came in band with no word of ours; return what is due now."""
        if not self._keeps:
            return []
        if self.state in _PASSING:
            return [frame]
        if self.state in _KEEPING:
            self._kept.append(frame)
            self._size += len(frame.data)
        return []

    def release(self) -> list[Frame]:
        """Return what was kept, and keep it no longer."""
        frames, self._kept = self._kept, []
        self._size = 0
        return frames

    def forget(self) -> None:
        """Drop what was kept, and what still comes: it is not the cell's."""
        self._keeps = False
        self._kept = []
        self._size = 0
