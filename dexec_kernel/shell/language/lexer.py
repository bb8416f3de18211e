"""The words of a shell's text: quotes, expansions, redirections, here-documents. No I/O."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

#: The space between words: blanks, newlines after a backslash, comments.
_blank = re.compile(r"(?:[ \t]|\\\n)+|#[^\n]*")
_operator = re.compile(r"&&|\|\||;;&|;;|;&|\|&|[;&|()]")
#: A word that may be a reserved one: it ends where an unquoted word ends.
_plain_word = re.compile(r"[a-z{}!\[\]]+(?=[ \t\n;&|<>()]|\Z)")
_redirection = re.compile(
    r"(?:\d+|\{\w+\})?(?P<operator><<<|<<-|<<|<&|<>|<(?!\()|>>|>&|>\||>(?!\()|&>>|&>)"
)
_assigned = re.compile(r"[A-Za-z_]\w*(?:\[.*\])?\+?=", re.DOTALL)
_unquote = re.compile(r"\\(.)|['\"]", re.DOTALL)


class SyntaxFault(Exception):
    """The text is wrong, and no continuation can correct it."""


class Unfinished(Exception):
    """The text is right as far as it goes. ``depth`` is how many compound commands are open.

    ``inside_text`` is true inside quotes and here-documents, where blanks would be content.
    """

    def __init__(self, depth: int, *, inside_text: bool = False) -> None:
        super().__init__()
        self.depth = depth
        self.inside_text = inside_text


class Lexer(ABC):
    """Reads words; each method moves ``_pos`` to the end of its text.

    The grammar (``grammar.Parser``) reads the commands inside ``$(…)``.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._pos = 0
        self._depth = 0
        self._documents: list[tuple[str, bool]] = []

    @abstractmethod
    def _list(self, ends: frozenset[str], *, may_be_empty: bool = False) -> str:
        """Read commands up to one of ``ends``, and return which it was."""

    # --- between words --------------------------------------------------------------------------

    def _at_end(self) -> bool:
        return self._pos >= len(self._text)

    def _at(self, text: str) -> bool:
        return self._text.startswith(text, self._pos)

    def _unfinished(self, *, deeper: int = 0, inside_text: bool = False) -> Unfinished:
        return Unfinished(self._depth + deeper, inside_text=inside_text)

    def _require_more(self) -> None:
        if self._at_end():
            raise self._unfinished()

    def _blanks(self) -> None:
        while match := _blank.match(self._text, self._pos):
            self._pos = match.end()
            if self._at_end() and match[0].endswith("\\\n"):
                raise self._unfinished(deeper=1)

    def _newlines(self) -> None:
        """Read blanks, comments and newlines; a newline begins the here-documents before it."""
        self._blanks()
        while self._at("\n"):
            self._pos += 1
            documents, self._documents = self._documents, []
            for delimiter, strips_tabs in documents:
                self._document(delimiter, strips_tabs=strips_tabs)
            self._blanks()

    def _document(self, delimiter: str, *, strips_tabs: bool) -> None:
        while not self._at_end():
            line, newline, _ = self._text[self._pos :].partition("\n")
            self._pos += len(line) + len(newline)
            if (line.lstrip("\t") if strips_tabs else line) == delimiter:
                # The newline after it ends the command that the document belongs to.
                self._pos -= len(newline)
                return
        raise self._unfinished(inside_text=True)

    def _peek(self) -> str:
        """Return the operator or the possible reserved word here, "" for none."""
        self._blanks()
        if _redirection.match(self._text, self._pos):
            return ""
        match = _operator.match(self._text, self._pos) or _plain_word.match(self._text, self._pos)
        return match[0] if match else ""

    def _need(self, *words: str) -> str:
        """Read one of ``words``, which must be here."""
        self._blanks()
        if (word := self._peek()) not in words:
            raise SyntaxFault
        self._pos += len(word)
        return word

    def _need_word(self) -> None:
        self._blanks()
        if not self._word():
            raise SyntaxFault

    # --- words ----------------------------------------------------------------------------------

    def _redirect(self) -> bool:
        """Read a redirection, if there is one here; return whether there was."""
        self._blanks()
        match = _redirection.match(self._text, self._pos)
        if match is None:
            return False
        self._pos = match.end()
        self._blanks()
        if not (word := self._word()):
            raise SyntaxFault
        if match["operator"] in {"<<", "<<-"}:
            delimiter = _unquote.sub(lambda part: part[1] or "", word)
            self._documents.append((delimiter, match["operator"] == "<<-"))
        return True

    def _word(self) -> str:
        """Read a word and return it unchanged, "" if there is none."""
        start = self._pos
        while not self._at_end():
            char = self._text[self._pos]
            if char in " \t\n;&|)":
                break
            if char in "<>":
                if not self._text.startswith("(", self._pos + 1):
                    break
                self._pos += 2
                self._list(frozenset({")"}), may_be_empty=True)
            elif char == "(":
                before = self._text[start : self._pos]
                if _assigned.fullmatch(before):
                    self._array()
                elif before and before[-1] in "?*+@!":
                    self._pos += 1
                    self._balanced(1)
                else:
                    break
            else:
                self._piece()
        return self._text[start : self._pos]

    def _array(self) -> None:
        """Read the ``(…)`` of an array's assignment."""
        self._pos += 1
        self._newlines()
        while self._word():
            self._newlines()
        if self._at_end():
            raise self._unfinished(deeper=1)
        self._need(")")

    def _piece(self, *, quoted: bool = False) -> None:
        """Read one character of a word, or a unit such as a quote or an expansion."""
        char = self._text[self._pos]
        if char == "\\":
            if self._text[self._pos + 1 :] in {"", "\n"}:
                raise self._unfinished(deeper=0 if quoted else 1, inside_text=quoted)
            self._pos += 2
        elif char == "'" and not quoted:
            self._up_to("'", self._pos + 1)
        elif char == '"':
            self._pos += 1
            while not self._at('"'):
                self._require_text()
                self._piece(quoted=True)
            self._pos += 1
        elif char == "`":
            self._up_to("`", self._pos + 1, escapes=True)
        elif char == "$":
            self._dollar(quoted=quoted)
        else:
            self._pos += 1

    def _dollar(self, *, quoted: bool) -> None:
        if self._at("$'") and not quoted:
            self._up_to("'", self._pos + 2, escapes=True)
        elif self._at("${"):
            self._pos += 2
            while not self._at("}"):
                self._require_text()
                self._piece()  # bash takes a ' for a quote here, even inside "…".
            self._pos += 1
        elif self._at("$(("):
            if not self._arithmetic(self._pos + 3):
                self._substitution()
        elif self._at("$("):
            self._substitution()
        else:
            self._pos += 1

    def _substitution(self) -> None:
        self._pos += 2
        self._list(frozenset({")"}), may_be_empty=True)

    def _arithmetic(self, start: int) -> bool:
        """Read an arithmetic expression and its ``))``; return False if it is not one."""
        before, self._pos = self._pos, start
        self._balanced(1)
        if self._at(")"):
            self._pos += 1
            return True
        self._require_more()
        self._pos = before
        return False

    def _balanced(self, depth: int) -> None:
        """Read up to the parenthesis that closes ``depth`` open ones."""
        while depth:
            self._require_more()
            char = self._text[self._pos]
            if char in "()":
                depth += 1 if char == "(" else -1
                self._pos += 1
            else:
                self._piece()

    def _up_to(self, closer: str, start: int, *, escapes: bool = False) -> None:
        self._pos = start
        while not self._at(closer):
            self._require_text()
            self._pos += 2 if escapes and self._at("\\") else 1
        self._pos += 1

    def _require_text(self) -> None:
        if self._at_end():
            raise self._unfinished(inside_text=True)
