"""Goes through shell text as it is typed, and keeps what is open at its end. No I/O.

Unlike the grammar in ``grammar`` it takes any text, wrong as it may be. Nothing is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dexec_kernel.shell.language.level import Level

_variable = re.compile(r"\$(?:(?P<brace>\{[#!]?)|)(?P<name>(?:[A-Za-z_]\w*)?)", re.ASCII)
_variable_at_end = re.compile(r"(?<!\\)\$(?:\{[#!]?)?(?P<name>(?:[A-Za-z_]\w*)?)\Z", re.ASCII)
_heredoc = re.compile(
    r"""<<(?P<tabs>-?)[ \t]*(?P<word>(?:\\.|'[^'\n]*'|"[^"\n]*"|[^\s;&|<>()'"\\])+)"""
)
_assignment = re.compile(r"[A-Za-z_]\w*\+?", re.ASCII)
_quoting = re.compile(r"""\\(.)|['"]""")
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}


class Scanner:
    """Scans text once; ``levels`` is the nesting at its end.

    If the text ends in the name of a variable, ``variable`` is the position of its ``$`` and the
    name. ``is_nothing`` is true if the text ends in a comment or a here-document.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._pos = 0
        self.levels = [Level()]
        self.variable: tuple[int, str] | None = None
        self.is_nothing = False
        self._documents: list[tuple[str, bool, bool]] = []
        self._anywhere: dict[str, Callable[[Level], None]] = {
            "\\": self._backslash,
            '"': self._double_quote,
            "$": self._dollar,
            "`": self._backquote,
        }

    @property
    def _level(self) -> Level:
        return self.levels[-1]

    def scan(self) -> None:
        """Go to the end of the text."""
        while self._pos < len(self._text) and self.variable is None and not self.is_nothing:
            level = self._level
            char = self._text[self._pos]
            if level.quote in {"'", "$'"}:
                self._literal(level, char)
            elif char in self._anywhere:
                self._anywhere[char](level)
            elif level.quote:
                self._add(level, char)
            elif not level.has_words:
                self._expression(level, char)
            elif char == "'":
                self._begin(level)
                level.quote = "'"
                self._pos += 1
            else:
                self._unquoted(level, char)

    # --- what a character does ------------------------------------------------------------------

    def _begin(self, level: Level) -> None:
        if level.start is None:
            level.start, level.value = self._pos, []
            level.is_known, level.is_assignment, level.is_segment = True, False, False

    def _add(self, level: Level, char: str, *, width: int = 1) -> None:
        self._begin(level)
        level.value.append(char)
        self._pos += width

    def _literal(self, level: Level, char: str) -> None:
        """Take a character inside single quotes, where only ``$'`` has escapes."""
        if char == "'":
            level.quote = ""
            self._pos += 1
        elif char == "\\" and level.quote == "$'":
            following = self._text[self._pos + 1 : self._pos + 2]
            if following not in _ESCAPES:
                level.is_known = False
            self._add(level, _ESCAPES.get(following, following), width=2)
        else:
            self._add(level, char)

    def _double_quote(self, level: Level) -> None:
        self._begin(level)
        level.quote = "" if level.quote else '"'
        self._pos += 1

    def _backslash(self, level: Level) -> None:
        following = self._text[self._pos + 1 : self._pos + 2]
        if not following:
            self._begin(level)
            self._pos += 1  # The escaped character is not typed yet; the caller leaves it out.
        elif following == "\n":
            self._pos += 2
        elif level.quote and following not in '$`"\\':
            self._add(level, f"\\{following}", width=2)
        else:
            self._add(level, following, width=2)

    def _dollar(self, level: Level) -> None:
        begin = self._pos
        self._begin(level)
        if not level.quote and self._text.startswith("$'", begin):
            level.quote = "$'"
            self._pos += 2
            return
        match = _variable.match(self._text, begin)
        assert match is not None  # noqa: S101 -- there is a $ here
        if match.end() == len(self._text):
            self.variable = begin, match["name"]
            return
        level.is_known = False
        if self._text.startswith("$((", begin):
            self.levels += [Level(")", has_words=False), Level(")", has_words=False)]
            self._pos += 3
        elif self._text.startswith("$(", begin):
            self.levels.append(Level(")"))
            self._pos += 2
        elif match["brace"]:
            self.levels.append(Level("}", has_words=False))
            self._pos += len(match[0])
        else:
            # A $ before a quote or a blank is a $; before another character, that is its name.
            is_name = self._text[begin + 1] in "@*#?-$!0123456789"
            self._pos += len(match[0]) if match["name"] else 1 + is_name

    def _backquote(self, level: Level) -> None:
        self._pos += 1
        for depth in range(len(self.levels) - 1, 0, -1):
            if self.levels[depth].closer == "`":
                del self.levels[depth:]
                return
        self._pos -= 1
        self._begin(level)
        self._pos += 1
        level.is_known = False
        self.levels.append(Level("`"))

    def _expression(self, level: Level, char: str) -> None:
        """Take a character inside ``${…}`` and ``$((…))``, where no words are."""
        if char == level.closer:
            self._close()
            return
        if char == "'":
            level.quote = "'"
        elif char == "(":
            self.levels.append(Level(")", has_words=False))
        self._pos += 1

    def _unquoted(self, level: Level, char: str) -> None:
        if char == ")" == level.closer:
            self._close()
        elif char in " \t":
            level.end_word()
            self._pos += 1
        elif char in ";&|\n()":
            self._operator(level, char)
        elif char in "<>":
            self._redirection(level, char)
        elif char == "#" and level.start is None:
            end = self._text.find("\n", self._pos)
            self.is_nothing = end < 0
            self._pos = max(end, self._pos)
        else:
            self._word_character(level, char)

    def _word_character(self, level: Level, char: str) -> None:
        """Take a character; a new word begins after the = of ``x=y`` and ``--option=y``."""
        before = "".join(level.value)
        self._add(level, char)
        if char == "=" and not level.is_segment:
            level.is_assignment = bool(_assignment.fullmatch(before))
            if not (level.is_assignment or not level.takes_command):
                return
        elif not (char == ":" and level.is_segment and level.is_assignment):
            return
        level.start, level.value = self._pos, []
        level.is_segment = level.is_known = True

    def _operator(self, level: Level, char: str) -> None:
        in_word = level.start is not None
        level.end_word()
        level.takes_command, level.command, level.is_target = True, "", False
        self._pos += 1
        if char == "(":
            array = in_word and self._text[: self._pos - 1].endswith("=")
            self.levels.append(Level(")", takes_command=not array))
        elif char == "\n":
            self._read_documents()

    def _redirection(self, level: Level, char: str) -> None:
        if self._text.startswith("(", self._pos + 1):
            self._begin(level)
            level.is_known = False
            self.levels.append(Level(")"))
            self._pos += 2
            return
        if "".join(level.value).isdigit():
            level.start = None  # 2>: a number of a file, and no word.
        level.end_word()
        if char == "<" and not self._text.startswith("<<<", self._pos):
            document = _heredoc.match(self._text, self._pos)
            if document is not None and document.end() < len(self._text):
                word = document["word"]
                plain = _quoting.sub(lambda part: part[1] or "", word)
                self._documents.append((plain, bool(document["tabs"]), plain == word))
                self._pos = document.end()
                return
        level.is_target = True
        self._pos += 1
        while self._text[self._pos : self._pos + 1] in {"<", ">", "&", "|"}:
            self._pos += 1

    def _close(self) -> None:
        closed = self.levels.pop()
        self._pos += 1
        if self._level.start is None and closed.has_words:
            self._level.takes_command, self._level.command = True, ""

    def _read_documents(self) -> None:
        """Skip the here-documents that begin here, or see that the cursor is in one."""
        documents, self._documents = self._documents, []
        for delimiter, strips_tabs, expands in documents:
            while True:
                end = self._text.find("\n", self._pos)
                if end < 0:
                    self._inside_document(expands=expands)
                    return
                line = self._text[self._pos : end]
                self._pos = end + 1
                if (line.lstrip("\t") if strips_tabs else line) == delimiter:
                    break

    def _inside_document(self, *, expands: bool) -> None:
        self.is_nothing = True
        found = _variable_at_end.search(self._text) if expands else None
        if found is not None:
            self.variable = found.start(), found["name"]
