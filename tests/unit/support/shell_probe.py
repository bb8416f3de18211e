"""A cell that prints the state of its shell, to be compared."""

from __future__ import annotations

import re

from tests.unit.support.ingredients import ENDS, PIECES

_assigned = re.compile(r"\b([A-Za-z_]\w*)(?==|\+=|\[)")
_named = re.compile(r"(?:readonly|unset|export|declare -\S+) ([A-Za-z_]\w*)")
#: Variables that shells set themselves, or that the documentation says are not carried over.
_OWN = frozenset({"_", "PPID", "LINENO", "POSIXLY_CORRECT", "OPTIND", "PWD", "OLDPWD", "TERM"})
NAMES = sorted(
    {
        name
        for piece in [*PIECES, *ENDS]
        if piece.state is None
        for pattern in (_assigned, _named)
        for name in pattern.findall(piece.text)
    }
    - _OWN
)


def probe(shell: str) -> str:
    """Return a cell that prints the state, in sections; it works in all but the oddest one."""
    word = "builtin" if shell == "bash" else "command"
    traps = {"traps": "builtin trap -p; builtin trap - ERR DEBUG RETURN"}
    sections = {
        **(traps if shell == "bash" else {}),
        "options": f'{word} printf "%s\\n" "$-" "${{SHELLOPTS-}}" "${{BASHOPTS-}}"',
        "arguments": f'\\set +exuv; {word} printf "<%s>\\n" "$#" "$@"',
        "folder": f'{word} printf "<%s>\\n" "${{PWD-}}" "${{OLDPWD-}}"; {word} umask',
        "aliases": "builtin alias -p" if shell == "bash" else "command alias",
    }
    if shell == "bash":
        sections |= {
            "folders": "builtin dirs -l -p",
            "functions": "builtin declare -F; builtin declare -f",
            "variables": "\n".join(f"builtin declare -p {name}" for name in NAMES),
        }
    else:
        sections |= {
            "variables": "\n".join(
                f'{word} printf "%s=<%s>\\n" {name} "${{{name}-none}}"' for name in NAMES
            ),
            "exported": "\\export -p",
            "readonly": "\\readonly -p",
        }
    return "\n".join(
        f"{word} printf '\\n@@%s\\n' {name}\n{text}" for name, text in sections.items()
    )
