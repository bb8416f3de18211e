"""The grammar of a shell's text, read to see whether it ends where it may. No I/O.

It reads bash's language, of which dash's and ash's are parts: text that only bash takes is not
called wrong for another shell. Nothing is expanded or evaluated.
Source: POSIX.1-2024, Shell Command Language, 2.10, and bash's manual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dexec_kernel.shell.language.lexer import Lexer, SyntaxFault

_coproc_name = re.compile(r"[A-Za-z_]\w*[ \t]+(?=[({])")
_OUT_OF_PLACE = frozenset({"then", "do", "done", "fi", "elif", "else", "esac", "in", "}"})
_COMPOUND = frozenset({"(", "{", "[[", "if", "while", "until", "for", "select", "case"})
_CASE_ENDS = frozenset({";;", ";&", ";;&", "esac"})


def check_syntax(text: str) -> None:
    """Read shell text. Raises :class:`SyntaxFault` and :class:`Unfinished`.

    Raises RecursionError if it is nested too deep.
    """
    _Parser(text).program()


class _Parser(Lexer):
    """Recursive descent: a method a rule."""

    def program(self) -> None:
        self._list(frozenset({""}))
        if self._documents:
            raise self._unfinished(inside_text=True)

    # --- commands -------------------------------------------------------------------------------

    def _list(self, ends: frozenset[str], *, may_be_empty: bool = False) -> str:
        """Read commands up to one of ``ends``; return which it was, "" for the end of the text."""
        may_end = may_be_empty
        while True:
            self._newlines()
            if self._at_end():
                if "" in ends:
                    return ""
                raise self._unfinished()
            if (end := self._peek()) and end in ends:
                if not may_end:
                    raise SyntaxFault
                self._pos += len(end)
                return end
            self._and_or()
            may_end = True
            self._blanks()
            if (separator := self._peek()) in {";", "&"}:
                self._pos += 1
            elif not (self._at_end() or self._at("\n") or (separator and separator in ends)):
                raise SyntaxFault

    def _and_or(self) -> None:
        """Read commands that are joined by ``&&``, ``||`` and ``|``."""
        self._command()
        self._blanks()
        while (operator := self._peek()) in {"&&", "||", "|", "|&"}:
            self._pos += len(operator)
            self._newlines()
            if self._at_end():
                raise self._unfinished(deeper=1)
            self._command()
            self._blanks()

    def _command(self) -> None:
        self._blanks()
        word = self._peek()
        if word in _OUT_OF_PLACE:
            raise SyntaxFault
        if word in {"!", "time", "coproc"}:
            self._prefixed(word)
            return
        rule = {
            "(": self._parentheses,
            "{": self._braces,
            "[[": self._condition,
            "if": self._if,
            "while": self._loop,
            "until": self._loop,
            "for": self._for,
            "select": self._for,
            "case": self._case,
            "function": self._function,
        }.get(word)
        if rule is None:
            self._simple()
            return
        self._pos += len(word)
        rule()
        while self._redirect():
            pass

    def _prefixed(self, word: str) -> None:
        self._pos += len(word)
        self._blanks()
        name = _coproc_name.match(self._text, self._pos)
        if word == "coproc" and name is not None:
            self._pos = name.end()
        if word != "coproc" and (self._at_end() or self._at("\n") or self._peek() == ";"):
            return
        self._command()

    def _simple(self) -> None:
        """Read words and redirections, or the definition of a function."""
        words = redirections = 0
        while True:
            self._blanks()
            if self._redirect():
                redirections += 1
            elif self._word():
                words += 1
                self._blanks()
                if words == 1 and not redirections and self._peek() == "(":
                    self._function_body()
                    return
            elif words or redirections:
                return
            else:
                raise SyntaxFault

    def _parentheses(self) -> None:
        if self._at("(") and self._arithmetic(self._pos + 1):
            return
        self._body(")")

    def _braces(self) -> None:
        self._body("}")

    def _if(self) -> None:
        end = "elif"
        while end == "elif":
            self._list(frozenset({"then"}))
            end = self._body("elif", "else", "fi")
        if end == "else":
            self._body("fi")

    def _loop(self) -> None:
        self._list(frozenset({"do"}))
        self._body("done")

    def _for(self) -> None:
        self._blanks()
        if self._text.startswith("((", self._pos):
            if not self._arithmetic(self._pos + 2):
                raise SyntaxFault
        else:
            self._need_word()
            self._newlines()
            if self._peek() == "in":
                self._pos += 2
                self._blanks()
                while self._word():
                    self._blanks()
                if not (self._at_end() or self._at("\n") or self._peek() == ";"):
                    raise SyntaxFault
        self._blanks()
        if self._peek() == ";":
            self._pos += 1
        self._newlines()
        self._require_more()
        opening = self._need("do", "{")
        self._body("done" if opening == "do" else "}")

    def _case(self) -> None:
        self._blanks()
        self._need_word()
        self._newlines()
        self._require_more()
        self._need("in")
        with self._deeper():
            while True:
                self._newlines()
                self._require_more()
                if self._peek() == "esac":
                    self._pos += len("esac")
                    return
                if self._peek() == "(":
                    self._pos += 1
                    self._blanks()
                self._need_word()
                self._blanks()
                while (operator := self._need("|", ")")) == "|":
                    self._blanks()
                    self._need_word()
                    self._blanks()
                assert operator == ")"  # noqa: S101 -- _need has seen to it
                with self._deeper():
                    if self._list(_CASE_ENDS, may_be_empty=True) == "esac":
                        return

    def _function(self) -> None:
        self._blanks()
        self._need_word()
        self._blanks()
        if self._peek() == "(":
            self._function_body()
            return
        self._compound()

    def _function_body(self) -> None:
        self._need("(")
        self._blanks()
        self._need(")")
        self._compound()

    def _compound(self) -> None:
        """Read the body of a function, which cannot be a simple command."""
        self._newlines()
        self._require_more()
        if self._peek() not in _COMPOUND:
            raise SyntaxFault
        self._command()

    def _condition(self) -> None:
        """Read ``[[ … ]]``, whose parts are taken as they come."""
        while True:
            self._newlines()
            self._require_more()
            if self._peek() == "]]":
                self._pos += 2
                return
            if not self._word():
                self._pos += 1

    def _body(self, *ends: str) -> str:
        with self._deeper():
            return self._list(frozenset(ends))

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
