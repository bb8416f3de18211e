"""What a check prints, whole, in pieces, and too much of it."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.lab.checks.speech import MESSAGE, TEACHERS, TOO_MUCH, Speech

OUT, ERR = Stream.STDOUT, Stream.STDERR


class Streams:
    def __init__(self, frames: list[Frame]) -> None:
        self._frames = frames
        self.is_at_end = False

    async def read(self) -> list[Frame]:
        if not self._frames:
            self.is_at_end = True
            return []
        return [self._frames.pop(0)]


async def heard(*frames: tuple[Stream, bytes], mark: str = "MARK") -> Speech:
    speech = Speech(mark)
    await speech.listen(Streams([Frame(stream, data) for stream, data in frames]))
    return speech


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_the_mark_ends_both_streams_however_they_are_cut(size):
    out, err = b"for you\nMAR\n\nMARK 1\nlate", b"teacher\n\nMARK 1\n"
    frames = [(OUT, out[n : n + size]) for n in range(0, len(out), size)]
    frames += [(ERR, err[n : n + size]) for n in range(0, len(err), size)]
    speech = await heard(*frames)
    assert speech.exit_code == 1
    assert speech.texts() == {"message": "for you\nMAR", "stderr": "teacher", "notes": ()}


async def test_it_does_not_wait_for_the_end_of_the_streams():
    streams = Streams([Frame(OUT, b"\nMARK 0\n"), Frame(ERR, b"\nMARK 0\n"), Frame(OUT, b"x")])
    speech = Speech("MARK")
    await speech.listen(streams)
    assert not streams.is_at_end
    assert speech.exit_code == 0


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [(OUT, b"\nMARK 0\n")],
        [(OUT, b"\nMARK 0\n"), (ERR, b"\nMARK 1\n")],
        [(OUT, b"\nMARK 0"), (ERR, b"\nMARK 0\n")],
        [(OUT, b"\nMARK \n"), (ERR, b"\nMARK \n")],
        [(OUT, b"\nMARK -0\n"), (ERR, b"\nMARK -0\n")],
        [(OUT, b"MARK 0\n"), (ERR, b"MARK 0\n")],
        [(OUT, b"\nOTHER 0\n"), (ERR, b"\nOTHER 0\n")],
    ],
)
async def test_what_does_not_tell_an_exit_code(frames):
    assert (await heard(*frames)).exit_code is None


async def test_nothing_is_lost_without_a_mark():
    speech = await heard((OUT, b"a\nMAR"), (ERR, b"b\n"), mark="MARK")
    assert speech.texts(("note",)) == {"message": "a\nMAR", "stderr": "b", "notes": ("note",)}
    assert (await heard((OUT, b"a\n\nMARK 0\n"), mark="")).texts()["message"] == "a\n\nMARK 0"


async def test_bounds():
    speech = await heard(*[(OUT, b"m" * 4000)] * 10, *[(ERR, b"e" * 9999), (ERR, b"f" * TEACHERS)])
    texts = speech.texts()
    assert texts["message"] == "m" * MESSAGE + f"\n[{40_000 - MESSAGE:,} bytes are left out]"
    assert texts["stderr"] == "f" * TEACHERS
    assert speech.fault == ""


async def test_too_much_is_not_heard_to_the_end():
    class Endless:
        count = 0

        async def read(self) -> list[Frame]:
            self.count += 1
            return [Frame(OUT, bytes(1024 * 1024))]

    speech, endless = Speech("MARK"), Endless()
    await speech.listen(endless)
    assert endless.count == TOO_MUCH // 1024**2 + 1
    assert speech.fault == "The check printed more than 64.0 MiB."


async def test_bytes_that_are_no_text():
    assert (await heard((OUT, b"caf\xe9\0"), (OUT, "é".encode()))).texts()["message"] == "caf�\0é"


async def test_an_exit_code_of_thousands_of_digits_is_none():
    assert (await heard((OUT, b"\nMARK " + b"9" * 5_000 + b"\n"))).exit_code is None
