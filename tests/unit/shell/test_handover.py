"""The hand-over of state while somebody else prints into the same pipe."""

from __future__ import annotations

import pytest

from dexec_kernel.shell.handover import DamagedHandover, Handover, HandoverParts
from dexec_kernel.shell.marks import MAX_MESSAGE
from dexec_kernel.shell.takeover import MAX_STATE_SIZE
from tests.unit.support.local_shells import Cells, each_shell

MARK = "dexec:0123456789abcdef:"
SEPARATOR = b"dexec:0123456789abcdef;"
LINE_END = b"dexec:01234567"
TEXT = SEPARATOR + b"folder /a b" + SEPARATOR + b"umask 0022" + LINE_END + SEPARATOR + b"end "
WHOLE = Handover([("folder", b"/a b"), ("umask", b"0022\n")])
#: They end by themselves; until then they print as fast as the pipe takes it.
LINES = "i=0; while [ $i -lt 20000 ]; do echo noise $i; i=$((i + 1)); done"
BLOCKS = "yes noise | head -c 4000000"
SMALL, LARGE = "v'1\n\n é€\n", "é'\n\\ \"$x" * 6_000


@pytest.fixture
def release(tmp_path):
    """The file that ends the wait of ``hold``."""
    return tmp_path / "release"


@pytest.fixture
def hold(release):
    """A command that keeps the cell's output open until the cell's shell has noticed it."""
    return f"while [ ! -e '{release}' ]; do sleep .02; done"


@pytest.fixture
def prompt(shell, tmp_path):
    return Cells(shell, tmp_path)


def in_parts(text: bytes = TEXT, size: int = 7) -> dict[str, bytes]:
    starts = range(0, len(text), size)
    parts = {f"part{n}": text[at : at + size] for n, at in enumerate(starts)}
    return {**parts, "parts": b"%d %d %s" % (len(starts), len(text), SEPARATOR)}


def whole(said: dict[str, bytes]) -> Handover | None:
    parts = HandoverParts(MARK)
    found = [parts.feed(kind, text) for kind, text in said.items()]
    return found[-1]


def quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


@each_shell
@pytest.mark.parametrize(
    ("writer", "value"), [(LINES, LARGE), (BLOCKS, SMALL)], ids=["lines, large", "blocks, small"]
)
def test_a_flood_neither_damages_the_state_nor_loses_a_byte(prompt, hold, release, writer, value):
    prompt("before=1")
    writing = f"({writer}; {hold}) >&2 &"
    result = prompt(
        f"set -f; cd /; umask 027; A={quoted(value)}; export A\n{writing}\nx=2", release=release
    )
    assert prompt.dropped == []
    assert result.in_parts
    expected = "".join(f"noise {n}\n" for n in range(20_000)) if writer is LINES else None
    assert result.stderr == (expected or ("noise\n" * 700_000)[:4_000_000])
    again = prompt('printf \'%s|%s|%s|%s|%s\' "$A" "$x" "$before" "$(umask)" "$PWD"; echo /e*')
    assert again.stdout == f"{value}|2|1|0027|//e*\n"
    assert again.stderr == ""
    assert not again.in_parts


@each_shell
@pytest.mark.parametrize("options", ["set -e", "set -u", "set -eux", "set +e"])
def test_options_and_names_are_those_of_the_cell(prompt, hold, release, options):
    prompt("true")
    plain = prompt(f"{options}; true")
    expected = prompt.state
    prompt("set +eux")
    shared = prompt(f"{options}; {hold} & true", release=release)
    found = prompt.state
    assert prompt.dropped == []
    assert (plain.in_parts, shared.in_parts) == (False, True)
    assert found.late == expected.late
    assert found.variables - {"!"} == expected.variables
    assert (found.folder, found.exported) == (expected.folder, expected.exported)


@pytest.mark.parametrize("shell", ["bash"])
def test_functions_of_bash_go_over_in_parts(prompt, hold, release):
    source = "f() { cat <<EOF\na\n\nb\nEOF\n}; arr=(1 'two\nlines'); shopt -s nullglob"
    prompt(f"{source}\n{hold} &", release=release)
    assert prompt.dropped == []
    assert prompt('f; echo "${arr[1]}"; shopt -q nullglob && echo on').stdout == (
        "a\n\nb\ntwo\nlines\non\n"
    )


@each_shell
def test_a_state_that_is_too_large_is_not_even_sent(prompt, hold, release):
    prompt("x=1")
    result = prompt(
        f"x=2; big=$(head -c {MAX_STATE_SIZE * 5} /dev/zero | tr '\\000' y)\n{hold} &",
        release=release,
    )
    assert result.handover is None
    assert prompt("echo $x").stdout == "1\n"


def test_parts_are_put_together():
    assert whole(in_parts()) == WHOLE
    one = SEPARATOR + b"folder /a b" + SEPARATOR + b"umask 0022\n" + SEPARATOR + b"end "
    assert whole({"state": one}) == WHOLE


def test_characters_count_too():
    said = in_parts(TEXT.replace(b"/a b", "/é".encode()))
    length = len(TEXT.replace(b"/a b", b"/e"))
    said["parts"] = b"%d %d %s" % (len(said) - 1, length, SEPARATOR)
    assert whole(said).one("folder") == "/é".encode()


def test_whatever_is_missing_or_added_is_noticed():
    sound = in_parts()
    for kind, text in sound.items():
        for damaged in (
            {name: said for name, said in sound.items() if name != kind},
            {**sound, kind: text + b"x"},
            {**sound, kind: b"noise\n" + text},
        ):
            if "parts" not in damaged:
                assert whole(damaged) is None
                continue
            with pytest.raises(DamagedHandover):
                whole(damaged)
    with pytest.raises(DamagedHandover):
        whole({"part99": b"", **sound})


@pytest.mark.parametrize(
    "end",
    [
        "",
        "0",
        "0 0 ",
        "-1 0 ;",
        "x 0 ;",
        "1 0 ;",
        "99999999999 0 ;",
        f"{'9' * 5000} 0 ;",
        "0 0 ; ;",
    ],
)
def test_an_end_that_makes_no_sense(end):
    """A number is not believed: a set of so many would take all memory."""
    with pytest.raises(DamagedHandover):
        whole({"parts": end.encode()})


@pytest.mark.parametrize("kind", ["", "part", "partx", "part٣", "part1234567", "states", "x"])
def test_words_of_an_unknown_kind(kind):
    with pytest.raises(DamagedHandover):
        whole({kind: b"x"})


@pytest.mark.parametrize("text", [b"", b"x", b"x" + TEXT, TEXT[:-1], TEXT + b"x", TEXT + b"\n"])
def test_one_message_that_is_not_whole(text):
    with pytest.raises(DamagedHandover):
        whole({"state": text})


def test_a_section_that_is_missing():
    with pytest.raises(DamagedHandover, match="no aliases"):
        WHOLE.one("aliases")


def test_parts_without_end_are_dropped():
    parts = HandoverParts(MARK)
    for number in range(2_001):
        assert parts.feed(f"part{number}", b"x") is None
    with pytest.raises(DamagedHandover, match="have no end"):
        parts.feed("part2001", b"x")
    with pytest.raises(DamagedHandover, match="Of 2002 parts"):
        parts.feed("parts", b"2002 2002 ;")


def test_parts_that_are_too_large_together_are_dropped():
    parts = HandoverParts(MARK)
    third = bytes(MAX_MESSAGE // 3)
    for number in range(3):
        assert parts.feed(f"part{number}", third) is None
    with pytest.raises(DamagedHandover, match="have no end"):
        parts.feed("part3", b"x")


def test_a_part_may_have_a_number_of_six_digits():
    parts = HandoverParts(MARK)
    assert parts.feed("part999999", b"x") is None
    with pytest.raises(DamagedHandover, match="unknown kind"):
        parts.feed("part1000000", b"x")


def test_a_section_may_have_a_kind_that_is_not_ascii():
    text = SEPARATOR + b"f\xe9 x" + SEPARATOR + b"end "
    assert HandoverParts(MARK).feed("state", text) == Handover([("f\ufffd", b"x")])
