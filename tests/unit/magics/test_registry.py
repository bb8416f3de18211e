"""Finding, parsing and running magics."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from types import SimpleNamespace

import pytest

from dexec_kernel.cells.source.cell import MagicLine
from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.errors import CellSyntaxError, DexecError, UnknownMagic
from dexec_kernel.magics import logs
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic, Registry, run_calls


class NoEngine:
    async def client(self):
        raise DexecError("no engine here")

    async def container(self, name=""):
        raise DexecError(f"no engine here, and no container {name!r}")

    running = container


def make_context() -> tuple[MagicContext, list]:
    published: list = []

    def publish(kind, content):
        published.append((kind, content))

    settings = SimpleNamespace(container="", timeout=0.0)
    return MagicContext(settings=settings, target=NoEngine(), publish=publish), published


def magic(name: str, handler, *, takes_body: bool = False) -> Magic:
    sign = "%%" if takes_body else "%"
    parser = MagicParser(f"{sign}{name}", "Do it.")
    parser.add_argument("words", nargs="*")
    return Magic(name, "does it", parser, handler, takes_body)


async def test_calls_run_in_order_with_their_arguments_and_the_body():
    seen: list[tuple] = []

    async def handle(context: MagicContext, arguments: Namespace) -> None:
        seen.append((arguments.words, getattr(arguments, "body", None)))

    registry = Registry([magic("one", handle), magic("two", handle, takes_body=True)])
    calls = [
        registry.read(MagicLine("%one", ("a", "b"))),
        registry.read(MagicLine("%%two", ()), body="x\n"),
    ]
    assert seen == []
    context, _ = make_context()
    assert await run_calls(calls, context)
    assert seen == [(["a", "b"], None), ([], "x\n")]


async def test_an_error_ends_the_row():
    async def fail(context: MagicContext, arguments: Namespace) -> None:
        await context.client()

    async def never(context: MagicContext, arguments: Namespace) -> None:
        raise AssertionError

    registry = Registry([magic("one", fail), magic("two", never)])
    calls = [registry.read(MagicLine(sign)) for sign in ("%one", "%two")]
    with pytest.raises(DexecError, match="no engine here"):
        await run_calls(calls, make_context()[0])


async def test_an_interrupt_cancels_at_once_and_waits_for_what_is_closed():
    closed: list[str] = []

    async def wait(context: MagicContext, arguments: Namespace) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            closed.append("closed")

    registry = Registry([magic("wait", wait)])
    context, _ = make_context()
    asyncio.get_running_loop().call_later(0.05, context.interrupted.set)
    begun = asyncio.get_running_loop().time()
    assert not await run_calls(2 * [registry.read(MagicLine("%wait"))], context)
    assert asyncio.get_running_loop().time() - begun == pytest.approx(0.1)
    assert closed == ["closed"]


async def test_help_is_shown_instead():
    async def never(context: MagicContext, arguments: Namespace) -> None:
        raise AssertionError

    registry = Registry([magic("one", never)])
    context, published = make_context()
    assert await run_calls([registry.read(MagicLine("%one", ("-x", "--help")))], context)
    [(kind, content)] = published
    assert kind == "display_data"
    assert content["data"]["text/plain"].startswith("usage: %one [words ...]")


@pytest.mark.parametrize(
    ("sign", "meant"),
    [
        *(("%lgos", "%logs"), ("%exec", "%%exec"), ("%%pyhton3", "%%python3"), ("%%ps", "%ps")),
        *(("%containr", "%container"), ("%satus", "%status"), ("%envs", "%env")),
    ],
)
def test_unknown_magics_get_a_suggestion(sign, meant):
    with pytest.raises(UnknownMagic) as caught:
        REGISTRY.read(MagicLine(sign))
    assert caught.value.message == f"There is no magic {sign}. Did you mean {meant}?"
    (advice,) = caught.value.advice.splitlines()
    assert meant in advice


@pytest.mark.parametrize("sign", ["%zzzzzz", "%ls", "%cd", "%who", "%time", "%load", "%matplotlib"])
def test_a_magic_that_nothing_is_like_may_be_a_command(sign):
    with pytest.raises(UnknownMagic) as caught:
        REGISTRY.read(MagicLine(sign, ("-x",)))
    assert caught.value.message == f"There is no magic {sign}."
    assert caught.value.advice.splitlines() == [
        "%magics lists the magics.",
        f"A command of the container is written without the %: {sign[1:]}",
    ]


@pytest.mark.parametrize("sign", ["%%sql", "%%"])
def test_a_cell_magic_that_nothing_is_like(sign):
    with pytest.raises(UnknownMagic) as caught:
        REGISTRY.read(MagicLine(sign))
    assert caught.value.message == f"There is no magic {sign}."
    assert caught.value.advice == "%magics lists the magics."


def test_every_magic_has_a_name_of_its_own_a_usage_and_a_summary():
    signs = [magic.sign for magic in REGISTRY]
    assert len(signs) == len(set(signs))
    for found in REGISTRY:
        assert found.usage.split()[0] == found.sign == found.parser.prog
        assert "\n" not in found.usage
        assert found.summary
        assert not found.summary.endswith(".")


def test_parsers_never_print_or_exit(capsys):
    parser = MagicParser("%x", "100 % of it.")
    parser.add_argument("--number", type=int, required=True)
    for words in ([], ["--number"], ["--number", "x"], ["--help"], ["a"], ["--number=1", "a"]):
        with pytest.raises(CellSyntaxError, match="%x"):
            parser.read(words)
    with pytest.raises(CellSyntaxError, match="%x"):
        parser.exit(3)
    assert "100 % of it." in parser.format_help()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "ago"),
    [("60", 60), ("0", 0), ("10m", 600), ("1h30m", 5400), ("2d", 172800), ("45s", 45)],
)
def test_since_how_long(monkeypatch, text, ago):
    monkeypatch.setattr(logs.time, "time", lambda: 1_800_000_000.5)
    assert logs._since(text) == 1_800_000_000 - ago


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1700000000", 1_700_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000),
        ("1970-01-01T00:00:00Z", 1),
        ("999999999d", 1),
    ],
)
def test_since_when(text, seconds):
    assert logs._since(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "10x", "m", "٣", "all "])
def test_numbers_of_lines_and_times_that_are_none(text):
    parser = logs.MAGICS[0].parser
    with pytest.raises(CellSyntaxError, match="%logs: argument --since"):
        parser.read([f"--since={text}"])
    with pytest.raises(CellSyntaxError, match="%logs: argument --tail"):
        parser.read([f"--tail={text}"])
