"""The parser of the command line: it names the word that was meant."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

_CONTAINER = "--container"
_MISSING = "the following arguments are required: "


class CommandParser(argparse.ArgumentParser):
    """A parser that accepts no abbreviated options and prints its texts unchanged.

    Errors end the process with exit code 2, as argparse's do.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options
        )
        self._commands: argparse._SubParsersAction[CommandParser] | None = None

    def add_commands(
        self, destination: str = "command"
    ) -> argparse._SubParsersAction[CommandParser]:
        """Let the first word that is no option choose a command; return where to add them.

        ``destination`` is the name of the option that has the chosen one.
        """
        commands = self.add_subparsers(title="commands", dest=destination, metavar="COMMAND")
        self._commands = commands
        return commands

    def parse_known_args(  # type: ignore[override] # argparse declares overloads
        self, args: Any = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse the words. Called for the words of a command too; no word stays unknown."""
        words = list(sys.argv[1:] if args is None else args)
        self._check_text(words)
        self._check_command(words)
        found, unknown = super().parse_known_args(words, namespace)
        if unknown:
            option = unknown[0].partition("=")[0]
            hint = _did_you_mean(option, list(self._option_string_actions))
            if _CONTAINER in self._option_string_actions and not option.startswith("-"):
                hint = f" A container is named with {_CONTAINER} {option}."
            self.error(f"unknown: {' '.join(unknown)}.{hint}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, after the usage, and end the process. Called by argparse too."""
        if message.startswith(_MISSING):
            message = f"missing: {message.removeprefix(_MISSING)}."
            if _CONTAINER in message:
                message += f" For example: {self.prog} {_CONTAINER} web"
        super().error(message)

    def _check_text(self, words: list[str]) -> None:
        """Refuse what is not text: no engine and no file would take it."""
        for word in words:
            try:
                word.encode()
            except UnicodeEncodeError:
                self.error(f"{word!r} is not valid text in UTF-8.")

    def _check_command(self, words: list[str]) -> None:
        if self._commands is None:
            return
        command = next((word for word in words if not word.startswith("-")), None)
        known = list(self._commands.choices)
        if command is not None and command not in known:
            hint = _did_you_mean(command, known)
            self.error(f"there is no command {command!r}.{hint} Commands: {', '.join(known)}.")


def _did_you_mean(word: str, known: list[str]) -> str:
    # Imported for an error only: --version and --help answer at once.
    from dexec_kernel.cells.source.parser import did_you_mean  # noqa: PLC0415

    return did_you_mean(word, known)
