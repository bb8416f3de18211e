"""Whatever a cell does to its shell: it ends, its result is true, and nothing of ours is seen."""

# ruff: noqa: E501 -- a row is a line

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from dexec_kernel.cells.driver import Background
from dexec_kernel.shell.names import OURS
from tests.unit.support.local_shells import Cells

BASH, ALL = ("bash",), ("bash", "dash", "busybox")


class Says(NamedTuple):
    """The result of a cell: its output; None if only ``never`` counts."""

    stdout: str | None = ""
    exit_code: int = 0
    stderr: str | None = ""


class Case(NamedTuple):
    name: str
    shells: tuple[str, ...]
    cells: list[tuple[str, Says]]
    variables: Mapping[str, str] = MappingProxyType({})


def case(name: str, shells: tuple[str, ...], *cells: tuple[str, Says], **variables: str) -> Case:
    return Case(name, shells, list(cells), variables)


OK = Says()
CASES = [
    # --- our traps are visible
    case(
        "trap",
        ALL,
        ("trap 'echo usr' USR1; trap >list; grep -c usr list", Says("1\n")),
        ("echo a", Says("a\n")),
    ),
    case(
        "trap -p",
        BASH,
        (
            "trap -p | grep -v EXIT",
            Says("trap -- '\\exit 130' SIGINT\ntrap -- '\\exit 143' SIGTERM\n"),
        ),
    ),
    case(
        "trap saved",
        BASH,
        ("old=$(trap -p EXIT INT)", OK),
        ('eval "$old"; echo a', Says("a\n")),
        ("echo b", Says("b\n")),
    ),
    case(
        "trap saved, all shells",
        ALL,
        ("trap >saved", OK),
        (". ./saved; echo a", Says("a\n")),
        ("echo b", Says("b\n")),
    ),
    case(
        "trap evaluated elsewhere",
        ALL,
        ("trap >saved; sh -c '. ./saved; echo a'", Says("a\n", stderr=None)),
    ),
    case(
        "trap of a signal",
        BASH,
        ("trap 'echo usr' USR1", OK),
        ("kill -USR1 $$; echo on", Says("usr\non\n")),
    ),
    case("ignored signal", BASH, ("trap '' USR1", OK), ("kill -USR1 $$; echo on", Says("on\n"))),
    case("ignored interrupt", ALL, ("trap '' INT; kill -INT $$; echo on", Says("on\n"))),
    # --- options show us
    case(
        "set -v",
        ALL,
        ("set -v\necho a", Says("a\n", stderr=None)),
        ("echo b", Says("b\n", stderr=None)),
    ),
    case(
        "set -x",
        ALL,
        ("set -x", Says(stderr=None)),
        ("echo b", Says("b\n", stderr=None)),
        ("set +x", Says(stderr=None)),
        ("echo c", Says("c\n")),
    ),
    case("set -n", ALL, ("set -n; echo never", Says("")), ("echo b", Says("b\n"))),
    case(
        "set -o posix",
        BASH,
        ("set -o posix; x=1", OK),
        ("echo $x; shopt -qo posix; echo $?; f() { exit 3; }; f", Says("1\n0\n", 3)),
        ("echo $x", Says("1\n")),
    ),
    case(
        "set -e",
        ALL,
        ("set -eu; x=1", OK),
        ("echo $x; false; echo never", Says("1\n", 1)),
        ("set +eu; false; echo $x", Says("1\n")),
    ),
    case(
        "set -u",
        ALL,
        ("set -u", OK),
        ("echo ${no-ok}", Says("ok\n")),
        ("set +u; echo $no", Says("\n")),
    ),
    case("set -f", ALL, ("set -f; echo *", Says("*\n")), ("echo *", Says("*\n"))),
    case("set -C", ALL, ("set -C; echo a >f", OK), ("echo b >f; cat f", Says("a\n", 0, None))),
    case(
        "set -a",
        ALL,
        ("set -a; x=1", OK),
        ("sh -c 'echo $x'; y=2; sh -c 'echo $y'", Says("1\n2\n")),
    ),
    case(
        "set -m",
        ALL,
        ("set -m", Says(stderr=None)),
        ("sleep 0 & wait; echo b", Says("b\n", stderr=None)),
    ),
    # --- output sent elsewhere
    case("exec >file", ALL, ("exec >out; echo a; x=1", OK), ("echo $x; cat out", Says("1\na\n"))),
    case(
        "exec 2>file",
        ALL,
        ("exec 2>err; echo a >&2; x=1", OK),
        ("echo $x; cat err", Says("1\na\n")),
    ),
    case(
        "exec >file 2>&1",
        ALL,
        ("exec >all 2>&1; echo a; ls /no; x=1; exit 3", Says(exit_code=3)),
        ("echo $x; wc -l <all | tr -d ' '; grep -c x= all", Says("1\n2\n0\n", 1)),
    ),
    case(
        "exec >file in a function that exits",
        ALL,
        ("f() { exec >all 2>&1; echo a; exit 3; }; x=1; f", Says(exit_code=3)),
        ("echo $x; cat all", Says("1\na\n")),
    ),
    case(
        "exec >file, errexit",
        ALL,
        ("x=1; set -e; exec >all 2>&1; false", Says(exit_code=1)),
        ("echo $x; cat all", Says("1\n")),
    ),
    case(
        "exec 3>&1 >file",
        ALL,
        ("exec 3>&1 >out; echo a; echo b >&3; x=1", Says("b\n")),
        ("echo $x; cat out", Says("1\na\n")),
    ),
    case(
        "exec <file",
        ALL,
        ("echo line >in; exec <in; read a; x=$a", OK),
        ("echo $x", Says("line\n")),
    ),
    case(
        "exec 1>&- 2>&-",
        ALL,
        ("exec 1>&-; x=1", OK),
        ("exec 2>&-; y=2", OK),
        ("echo $x$y", Says("12\n")),
    ),
    case(
        "exec 8>&- 9>lock",
        ALL,
        ("exec 9>lock 8>other 7>third; x=1", OK),
        ("echo $x", Says("1\n")),
        ("exec 8>&- 9>&-; y=1; exit 2", Says(exit_code=2)),
        ("echo $y", Says("1\n")),
    ),
    case(
        "exec 2> >(sed)",
        BASH,
        ("exec 2> >(sed 's/^/ERR: /' >&2); echo a >&2; x=1", Says("", stderr="ERR: a\n")),
        ("echo $x", Says("1\n")),
    ),
    case(
        "exec > >(sed)",
        BASH,
        ("exec > >(sed 's/^/LOG: /'); echo one; x=1", Says("LOG: one\n")),
        ("echo $x", Says("1\n")),
    ),
    case(
        "exec > >(tee) 2>&1",
        BASH,
        ("exec > >(tee -a log) 2>&1; echo one; x=1", Says("one\n")),
        ("echo $x; cat log", Says("1\none\n")),
    ),
    case(
        "exec > >(tee) 2>&1, and an exit in a function",
        BASH,
        (
            "exec > >(tee -a log) 2>&1; die() { echo oops; exit 3; }; x=1; die",
            Says("oops\n", 3),
        ),
        ("echo $x; cat log", Says("1\noops\n")),
    ),
    case(
        "a filter behind a filter, and an exit in a function",
        BASH,
        (
            "exec > >(sed 's/^/a/' | sed 's/^/b/'); f() { echo c; exit 2; }; x=1; f",
            Says("bac\n", 2),
        ),
        ("echo $x", Says("1\n")),
    ),
    case(
        "exec 3> >(cat)",
        BASH,
        ("exec 3> >(cat); echo one >&3; x=1", Says("one\n")),
        ("echo $x", Says("1\n")),
    ),
    case("coproc", BASH, ("coproc cat; x=1", OK), ("echo $x", Says("1\n"))),
    case(
        "a subshell in the background",
        ALL,
        ("(sleep 0.2; echo late) & echo soon; x=1", Says("soon\nlate\n")),
        ("echo $x", Says("1\n")),
    ),
    case(
        "it and its EXIT trap",
        BASH,
        ("trap 'echo bye' EXIT; (sleep 0.2; echo late) & echo soon; x=1", Says(None)),
        ("echo $x", Says("1\n")),
    ),
    case("ulimit -n", ALL, ("ulimit -n 32; x=1; echo a", Says("a\n")), ("echo $x", Says("1\n"))),
    case("ulimit -f", ALL, ("ulimit -f 0; x=1; echo a", Says("a\n")), ("echo $x", Says("1\n"))),
    # --- the user's traps
    case(
        "ERR",
        BASH,
        ("set -E; trap 'exit 3' ERR; echo fine", Says("fine\n")),
        ("echo b", Says("b\n")),
    ),
    case(
        "ERR once",
        BASH,
        ("trap 'echo err >>f' ERR; false", Says(exit_code=1)),
        ("cat f", Says("err\n")),
    ),
    case(
        "DEBUG counts",
        BASH,
        ("trap 'n=$((n+1))' DEBUG; echo a", Says("a\n")),
        ("echo $n", Says("2\n")),
    ),
    case(
        "DEBUG logs",
        BASH,
        ("trap 'echo \"$BASH_COMMAND\" >>log' DEBUG; true", OK),
        ("false", Says(exit_code=1)),
        ("cat log", Says("true\nfalse\ncat log\n")),
    ),
    case(
        "DEBUG prints",
        BASH,
        ("trap 'echo \"+ $BASH_COMMAND\"' DEBUG; true", Says("+ true\n")),
        ("true\ntrue", Says("+ true\n+ true\n")),
    ),
    case(
        "DEBUG, and exit",
        BASH,
        ("trap 'echo \"+ $BASH_COMMAND\"' DEBUG; x=1; exit 3", Says("+ x=1\n+ exit 3\n", 3)),
        ("trap - DEBUG; echo $x", Says("+ trap - DEBUG\n1\n")),
    ),
    case(
        "RETURN",
        BASH,
        ("set -T; trap 'echo ret' RETURN; f() { :; }; f", Says("ret\n")),
        ("f", Says("ret\n")),
    ),
    case(
        "EXIT",
        ALL,
        ("trap 'echo bye' EXIT; X=1; cd /tmp", Says("bye\n")),
        ("echo $X; pwd", Says("1\n/tmp\n")),
    ),
    case(
        "EXIT with a code",
        ALL,
        ("trap 'exit 7' EXIT; X=1", Says(exit_code=7)),
        ("echo $X", Says("1\n")),
    ),
    case(
        "EXIT sees the code",
        ALL,
        ("trap 'echo $?' EXIT; X=1; (exit 5)", Says("5\n", 5)),
        ("echo $X", Says("1\n")),
    ),
    # --- names
    case("eval()", BASH, ("eval() { :; }", OK), ("false", Says(exit_code=1))),
    *(
        case(
            f"{name}()",
            BASH,
            (f"{name}() {{ :; }}\nx=1", OK),
            ("(exit 4)", Says(exit_code=4)),
            (f"declare -F {name}", Says(f"{name}\n")),
        )
        for name in (
            "[",
            "read",
            "unset",
            "printf",
            "cd",
            "echo",
            "test",
            "command",
            "trap",
            "set",
            "export",
            "local",
            "return",
            "kill",
            "wait",
            "sleep",
            "umask",
            "alias",
            "shopt",
            "exec",
            ":",
            "true",
            ".",
            "shift",
            "source",
            "readonly",
            "break",
            "a-b",
            "a.b",
            "ü",
        )
    ),
    case(
        "exit()",
        BASH,
        ("exit() { :; }; x=1", OK),
        ("false; echo $x", Says("1\n")),
        ("exit 3; declare -F exit", Says("exit\n")),
    ),
    case(
        "declare()",
        BASH,
        ("declare() { :; }; x=1", OK),
        ("(exit 4)", Says(exit_code=4)),
        ("unset -f declare; echo $x", Says("1\n")),
    ),
    case(
        "builtin()",
        BASH,
        ("builtin() { :; }; x=1", OK),
        ("(exit 4)", Says(exit_code=4)),
        ("echo $x; builtin echo b", Says("1\nb\n")),
    ),
    *(
        case(f"alias {name}", ALL, (f"alias {name}=true; x=1", OK), ("\\echo $x", Says("1\n")))
        for name in (
            "[",
            "eval",
            "if",
            "for",
            "case",
            "while",
            "trap",
            "printf",
            "set",
            "unset",
            "exec",
            "alias",
            "read",
            ":",
            "umask",
            "echo",
        )
    ),
    case(
        "functions of words of ours, sh",
        ("dash", "busybox"),
        ("printf() { :; }; alias() { :; }; umask() { :; }; test() { :; }; x=1", OK),
        ("echo $x", Says("1\n")),
    ),
    case("enable -n", BASH, ("enable -n eval printf read; x=1", OK), ("echo $x", Says("1\n"))),
    # --- variables
    case("TMOUT", ALL, ("sleep 0.1; echo a", Says("a\n")), TMOUT="1"),
    case("TMOUT of the session", BASH, ("readonly TMOUT=1", OK), ("echo $TMOUT", Says("1\n"))),
    case("IFS", ALL, ("IFS=:; readonly IFS", OK), ("x=a:b; set -- $x; echo $#", Says("2\n"))),
    case(
        "IFS of letters",
        ALL,
        ("IFS='dexec /0123'", OK),
        ('echo "$IFS"; x=1', Says("dexec /0123\n")),
        ('echo a"$x"', Says("a1\n")),
    ),
    case(
        "PATH",
        ALL,
        ("unset PATH", OK),
        ("echo ${PATH-none}", Says("none\n")),
        ("PATH=/usr/bin:/bin; ls / >/dev/null", OK),
    ),
    case("readonly PATH", ALL, ("readonly PATH", OK), ("echo a", Says("a\n"))),
    case(
        "PS4",
        ALL,
        ("PS4='$(echo p >>f)+'; set -x; true", Says(stderr=None)),
        ("set +x", Says(stderr=None)),
    ),
    case(
        "LC_ALL",
        ALL,
        ("export LC_ALL=no_NO.UTF-8", Says(stderr=None)),
        ("echo a", Says("a\n")),
        ("echo b", Says("b\n")),
    ),
    case("POSIXLY_CORRECT", BASH, ("POSIXLY_CORRECT=1; x=1", OK), ("echo $x", Says("1\n"))),
    case("GLOBIGNORE", BASH, ("GLOBIGNORE='*'; x=1", OK), ("echo $x", Says("1\n"))),
    case("extdebug", BASH, ("shopt -s extdebug; x=1", OK), ("echo $x", Says("1\n"))),
    # --- options from the image
    case(
        "BASH_ENV set -e",
        BASH,
        ("false; echo never", Says("", 1)),
        ("set +e", OK),
        ("false; echo b", Says("b\n")),
        BASH_ENV="./env_e",
    ),
    case(
        "BASH_ENV set -x",
        BASH,
        ("echo a", Says("a\n", stderr="++ echo a\n")),
        ("echo b", Says("b\n", stderr="++ echo b\n")),
        BASH_ENV="./env_x",
    ),
    case(
        "BASH_ENV prints",
        BASH,
        ("echo a", Says("out\na\n", stderr="err\n")),
        ("echo b; f", Says("b\nf\n")),
        BASH_ENV="./env_p",
    ),
    case(
        "BASH_ENV is there",
        BASH,
        ("echo $BASH_ENV", Says("out\n./env_p\n", stderr="err\n")),
        ("echo $BASH_ENV; env | grep -c ^BASH_ENV", Says("./env_p\n1\n")),
        BASH_ENV="./env_p",
    ),
    case(
        "SHELLOPTS errexit",
        BASH,
        ("false; echo never", Says("", 1)),
        ("false; echo never", Says("", 1)),
        ("set +e; false; echo b", Says("b\n")),
        SHELLOPTS="errexit",
    ),
    case(
        "SHELLOPTS xtrace", BASH, ("echo a", Says("a\n", stderr="++ echo a\n")), SHELLOPTS="xtrace"
    ),
    *(
        case(
            f"{name}() of the image",
            BASH,
            ("x=1; (exit 3)", Says("", 3)),
            (f"\\builtin echo $x; \\builtin declare -Fp {name}", Says(f"1\ndeclare -fx {name}\n")),
            **{f"BASH_FUNC_{name}%%": "() {  builtin printf fake\n}"},
        )
        for name in ("unset", "printf", "exec", "read", "set", "[", "trap")
    ),
    case(
        "eval() of the image",
        BASH,
        ("eval echo a", Says("a\n")),
        **{"BASH_FUNC_eval%%": "() { :; }"},
    ),
    case(
        "module() of the image",
        BASH,
        ("module x; bash -c 'module y'", Says("m x\nm y\n")),
        ("module z; unset -f module", Says("m z\n")),
        ("type module 2>/dev/null", Says("", 1)),
        **{"BASH_FUNC_module%%": "() {  echo m $1\n}"},
    ),
    # --- one text for the whole state
    case(
        "extglob",
        BASH,
        ("shopt -s extglob", OK),
        (
            "f() { case $1 in @(a|b)) echo m;; esac; }; g() { echo g; }; alias h='echo h'; shopt -u extglob",
            OK,
        ),
        ("g; h; shopt -q extglob; echo $?; shopt -s extglob; f a", Says("g\nh\n1\nm\n")),
    ),
    *(
        case(
            f"shopt {name}",
            BASH,
            (f"shopt -s {name}; x=1", OK),
            (f"shopt -q {name}; echo $? $x", Says("0 1\n")),
        )
        for name in (
            "failglob",
            "nullglob",
            "nocasematch",
            "nocaseglob",
            "lastpipe",
            "inherit_errexit",
            "dotglob",
            "globstar",
            "execfail",
            "xpg_echo",
            "huponexit",
            "localvar_inherit",
            "sourcepath",
            "checkwinsize",
        )
    ),
    case(
        "namerefs, arrays, attributes",
        BASH,
        (
            "declare -a a=(x 'y z' [5]=w); declare -A m=([k e]=v [\"'\"]=q); declare -i n=2; declare -n r=n; declare -r c=7; declare -u up=abc; declare -l lo=ABC; declare -x e; declare unset_one",
            OK,
        ),
        (
            'echo "${a[1]} ${!a[*]} ${m[k e]} ${m["\'"]} $c $up $lo"; n+=3; echo $r',
            Says("y z 0 1 5 v q 7 ABC abc\n5\n"),
        ),
    ),
    case(
        "function with a here-document",
        BASH,
        ("f() { cat <<E\nx () \n{ \n}\nE\n}; x() { echo x; }; export -f x; declare -fr f", OK),
        ("f; bash -c x", Says("x () \n{ \n}\nx\n")),
    ),
    # --- not carried
    case(
        "pushd",
        BASH,
        ("cd /; pushd /tmp >/dev/null; pushd /usr >/dev/null", OK),
        ("dirs -l; popd; popd", Says("/usr /tmp /\n/tmp /\n/\n")),
    ),
    case(
        "set --",
        ALL,
        ("set -- a 'b c' ''", OK),
        ('echo "$#:$1:$2:$3"', Says("3:a:b c:\n")),
        ("shift 2", OK),
        ('echo "$#"; set --', Says("1\n")),
        ('echo "$#"', Says("0\n")),
    ),
    case("umask", ALL, ("umask 027", OK), ("umask", Says("0027\n"))),
    case("cd -", ALL, ("cd /; cd /tmp", OK), ("cd -; pwd", Says("/\n/\n"))),
    # --- raw text
    case("backslash at the end", ALL, ("echo a\\", Says(None)), ("echo b", Says("b\n"))),
    case("comment at the end", ALL, ("echo a # b", Says("a\n"))),
    case("quote left open", ALL, ("x=1\necho 'a", Says("", 2, None)), ("echo b", Says("b\n"))),
    case(
        "print(1)",
        BASH,
        (
            "\nprint(1)",
            Says(
                "",
                2,
                "bash: eval: line 2: syntax error near unexpected token `1'\nbash: eval: line 2: `print(1)'\n",
            ),
        ),
    ),
    case("$0", BASH, ("echo $0", Says("bash\n"))),
    case("$0 of sh", ("dash", "busybox"), ("echo $0", Says("sh\n"))),
    case("return", BASH, ("return 3; echo on", Says("on\n", 0, None)), ("echo b", Says("b\n"))),
    case(
        "return, sh",
        ("dash", "busybox"),
        ("x=1; return 3; echo never", Says("", 3, None)),
        ("echo $x", Says("1\n")),
    ),
    case("break", ALL, ("break; continue; echo a", Says("a\n", stderr=None))),
    case("exit in a subshell", ALL, ("(exit 3); echo $?", Says("3\n"))),
    case(
        "exit in a function",
        ALL,
        ("f() { x=2; exit 3; }; f", Says(exit_code=3)),
        ("echo $x", Says("2\n")),
    ),
    case(
        "exec CMD",
        ALL,
        ("x=1", OK),
        ("x=2; exec sh -c 'echo b; exit 4'", Says("b\n", 4)),
        ("echo $x", Says("1\n")),
    ),
    case(
        "exec no-such",
        ALL,
        ("x=1; exec no-such-command-at-all", Says("", 127, None)),
        ("echo b", Says("b\n")),
    ),
    case("kill -9", ALL, ("x=1", OK), ("x=2; kill -9 $$", Says("", -9)), ("echo $x", Says("1\n"))),
    case(
        "unset parameter",
        ALL,
        ("x=1; ${no?message}; echo never", Says("", None, None)),
        ("echo $x", Says("1\n")),
    ),
    case("syntax error", ALL, ("x=1; if", Says("", 2, None)), ("echo b", Says("b\n"))),
    case(
        "sees no names",
        ALL,
        (
            "set | grep -ai '^_*dexec'; env | grep -i dexec; echo $#; alias | grep -i dexec",
            Says("0\n", 1),
        ),
    ),
    case(
        "fds",
        ALL,
        (
            "for f in /proc/self/fd/*; do [ ! -e $f ] || echo ${f##*/}; done | head -3; sh -c 'ls /proc/self/fd' | wc -l",
            Says(None),
        ),
    ),
    case(
        "names that look like ours",
        ALL,
        ("state=1; part0=2; end=3; x='dexec:'", OK),
        ("echo $state$part0$end$x", Says("123dexec:\n")),
    ),
    case(
        "IFS of digits, and a function like a word of ours",
        BASH,
        ("IFS=0123; unset() { :; }", OK),
        ("(exit 3)", Says(exit_code=3)),
    ),
    case(
        "unset everything",
        BASH,
        ("unset -v $(compgen -v) 2>/dev/null; echo a", Says("a\n", stderr=None)),
        ("echo b", Says("b\n")),
    ),
    case(
        "hash, disown",
        BASH,
        ("hash -p /bin/true foo; sleep 0 & disown; echo a", Says("a\n")),
        ("echo b", Says("b\n")),
    ),
    case(
        "environ",
        ALL,
        (
            "tr '\\0' '\\n' </proc/$$/environ | wc -l >/dev/null; cat /proc/$$/environ >&2; x=1",
            Says("", stderr=None),
        ),
        ("echo $x", Says("1\n")),
    ),
    # --- found by test_session.py
    case(
        "aliases of words of ours",
        BASH,
        ("alias declare=false builtin=false shopt=false alias=false; x=1", OK),
        ("echo $x; (exit 4)", Says("1\n", 4)),
    ),
    case(
        "aliases of words of ours, sh",
        ALL,
        ("alias :=false exit=false exec=false unset=false alias=false", OK),
        ("(\\exit 3)", Says(exit_code=3)),
    ),
    case("[[ left open", BASH, ("[[ a == ", Says("", 2, None)), ("echo b", Says("b\n"))),
    case(
        "readonly REPLY",
        BASH,
        ("readonly REPLY=mine; (exit 2)", Says(exit_code=2)),
        ("echo $REPLY\n(", Says("mine\n", 2, None)),
    ),
    case(
        "readonly POSIXLY_CORRECT",
        BASH,
        ("readonly POSIXLY_CORRECT; x=1", OK),
        ("echo $x", Says("1\n")),
    ),
    case(
        "EXIT has the cell's stderr",
        ALL,
        ("trap 'echo bye >&2' EXIT", Says(stderr="bye\n")),
        ("trap 'echo bye >&2' EXIT; exit 3", Says("", 3, "bye\n")),
    ),
    case(
        "a function with a redirection",
        BASH,
        ("g() { echo g; } >&2; set() { :; }; h() { echo h; } <<E\nx () \nE", OK),
        ("g; declare -F; h", Says("declare -f g\ndeclare -f h\ndeclare -f set\nh\n", stderr="g\n")),
    ),
    case(
        "set -a, and a function called declare",
        BASH,
        ("set -a; declare() { :; }", OK),
        ("typeset -F declare", Says("declare\n")),
    ),
    case(
        "ERR of functions",
        BASH,
        ("set -E; trap 'echo err' ERR", OK),
        ("f() { false; }; f", Says("err\nerr\n", 1)),
        ("false", Says("err\n", 1)),
    ),
    case(
        "ERR of functions, with errexit",
        BASH,
        ("set -eE; trap 'echo err' ERR; f() { false; }; f", Says("err\n", 1)),
        ("f", Says("err\n", 1)),
    ),
    case(
        "ERR stays where a function exits",
        BASH,
        ("trap 'echo err' ERR", OK),
        ("set -- a b; f() { exit 5; }; f x", Says(exit_code=5)),
        ("false; echo $#", Says("err\n0\n")),
    ),
    case(
        "ERR that exits",
        BASH,
        ("trap 'exit 3' ERR", OK),
        ("exec no-such-command-at-all", Says("", 127, None)),
        ("trap - ERR; false; echo b", Says("b\n")),
    ),
    *(
        case(
            f"BASH_XTRACEFD={number}",
            BASH,
            (f"exec {number}>trace; BASH_XTRACEFD={number}; set -x; echo a", Says("a\n")),
            ("set +x; cat trace", Says("++ echo a\n", stderr="++ set +x\n")),
        )
        for number in (3, 5, 19, 40)
    ),
    case("OLDPWD is not there", BASH, ("cd -", Says("", 1, None)), ("cd /; cd - >/dev/null", OK)),
    case("unset IFS", ALL, ("unset IFS", OK), ("echo ${IFS-none}", Says("none\n"))),
    case(
        "set(), and exit",
        BASH,
        ("set() { :; }; x=1; exit 3", Says(exit_code=3)),
        ("echo $x", Says("1\n")),
    ),
    case(
        "alias exit, and SIGTERM",
        BASH,
        ("alias exit=false", OK),
        ("kill -TERM $$; echo never", Says("", 143)),
    ),
    case(
        "alias exit, and SIGINT",
        ALL,
        ("alias exit=false", OK),
        ("x=1; kill -INT $$; echo never", Says("", 130)),
        ("echo $x", Says("1\n")),
    ),
    case(
        "a signal to a new background process",
        ALL,
        ("sleep 1000 & kill $!; wait $!; echo $?", Says("143\n", stderr=None)),
    ),
    # --- found by hand: names of ours, a folder's name that lies, builtins that are gone
    case(
        "readonly names like ours",
        ALL,
        (
            "readonly __dexec_mark=1 __dexec_code=3 __dexec_was=1 __dexec_p=2; x=1; (exit 4)",
            Says("", 4),
        ),
        ("echo $x", Says("1\n")),
    ),
    case(
        "readonly functions like ours",
        BASH,
        (
            "__leave() { :; }; __dexec_dump() { :; }; readonly -f __leave __dexec_dump; x=1; (exit 4)",
            Says("", 4),
        ),
        ("echo $x", Says("1\n")),
    ),
    *(
        case(
            f"readonly {name}",
            BASH,
            (f"readonly {name}; x=1; (exit 4)", Says("", 4)),
            (f"echo $x-${{{name.partition('=')[0]}}}", Says(f"1-{said}\n")),
        )
        # The last two are not carried over.
        for name, said in (
            *(("FUNCNEST=10", "10"), ("IGNOREEOF=2", "2")),
            *(("POSIXLY_CORRECT=1", "y"), ("BASH_XTRACEFD=2", "")),
        )
    ),
    case(
        "set -r",
        BASH,
        ("x=1", OK),
        ("set -r; x=2; (exit 3)", Says("", 3)),
        ("echo $x", Says("1\n")),
    ),
    case(
        "namerefs called like ours",
        BASH,
        ("x=1; declare -n __dexec_code=x __dexec_mark=y; (exit 4)", Says("", 4)),
        ("echo $x", Says("1\n")),
    ),
    case(
        "PWD that lies",
        ALL,
        ("cd /usr; PWD=/fake; echo $PWD", Says("/fake\n")),
        ("pwd; cd bin; unset PWD", Says("/usr\n")),
        ("pwd", Says("/usr/bin\n")),
    ),
    case(
        "folder with a line's end",
        ALL,
        ("mkdir 'a\nb' 'e\n'; cd 'a\nb'", OK),
        ("echo \"${PWD##*/}\"; cd '../e\n'", Says("a\nb\n")),
        ('[ "${PWD##*/}" = "e\n" ]; echo $?', Says("0\n")),
    ),
    case(
        "readonly PWD OLDPWD",
        ALL,
        ("cd /usr; cd /tmp; readonly OLDPWD; x=1", OK),
        ("pwd; echo $OLDPWD $x", Says("/tmp\n/usr 1\n")),
    ),
    case(
        "alias with a dash",
        BASH,
        ("alias -- -='cd -' ..='cd ..' h='echo h'; cd /usr/bin", OK),
        ("..; pwd; h; alias -- -", Says("/usr\nh\nalias -- -='cd -'\n")),
    ),
    case(
        "FUNCNEST",
        BASH,
        ("FUNCNEST=1; g() { echo g; }; (exit 4)", Says("", 4)),
        ("g; echo $FUNCNEST", Says("g\n1\n")),
        ("unset FUNCNEST; exit 3", Says("", 3)),
        ("echo ${FUNCNEST-none}", Says("none\n")),
    ),
    *(
        case(
            f"enable -n {names}",
            BASH,
            (f"x=1; enable -n {names}; (/bin/false)", Says("", 1)),
            ("echo $x", Says("1\n")),
        )
        for names in (": [ set unset eval exec", "trap read", "printf declare pwd umask", "exit")
    ),
    *(
        # What is gone for good takes the state along, and nothing else.
        case(
            f"enable -n {names}",
            BASH,
            ("x=1", OK),
            (f"x=2; enable -n {names}; /bin/false", Says("", 1)),
            ("echo $x", Says("1\n")),
        )
        for names in ("builtin enable", ".", "$(compgen -b) 2>/dev/null")
    ),
    case(
        "readonly builtin()",
        BASH,
        ("builtin() { :; }; readonly -f builtin; (exit 4)", Says("", 4)),
        ("echo a", Says("a\n")),
    ),
    case(
        "DEBUG of functions",
        BASH,
        ("set -T; trap 'echo D:$BASH_COMMAND' DEBUG; true", Says("D:true\n")),
        ("false", Says("D:false\n", 1)),
    ),
    # Busybox then tries for ever to restore what it has redirected, also without us.
    case(
        "ulimit -n 3",
        BASH,
        ("ulimit -n 3; echo a; (exit 5)", Says("a\n", 5, None)),
        ("echo b", Says("b\n")),
    ),
    case(
        "ulimit -n 8",
        ("bash", "dash"),
        ("ulimit -n 8; (exit 5)", Says("", 5, None)),
        ("echo b", Says("b\n")),
    ),
    # --- attributes that change what is assigned, for a value from before them
    *(
        case(
            f"declare -i {name}",
            BASH,
            (f"{name}=/a; declare -i {name}; (exit 3)", Says("", 3)),
            (f"declare -p {name}; (exit 4)", Says(f'declare -{flags} {name}="/a"\n', 4)),
            ("builtin echo on", Says("on\n")),
        )
        for name, flags in (("x", "i"), ("HOME", "ix"), ("PS4", "i"), ("LANG", "ix"))
    ),
    *(
        case(
            f"declare -{flags} of {value}",
            BASH,
            (f"x={value}; declare -{flags} x; declare -p x >was; y=1", OK),
            ("declare -p x >is; cmp was is; echo $y; test -e run", Says("1\n", 1)),
        )
        for flags in ("i", "u", "l", "c", "ir", "ux", "lt")
        for value in ("/a", "010", "aBc", "(aBc '1 /')", "'x[$(touch run)]'", "'two\nlines'")
    ),
    case(
        "an integer that becomes none",
        BASH,
        ("declare -i x=1+1", OK),
        ("x+=1; echo $x; declare +i x; x=/; declare -i x", Says("3\n")),
        ("echo $x", Says("/\n")),
    ),
    case(
        "set -a, and FUNCNEST",
        BASH,
        ("FUNCNEST=50; set -a", OK),
        ("declare -p FUNCNEST", Says('declare -- FUNCNEST="50"\n')),
    ),
    case(
        "unset and exported",
        ALL,
        ("IFS=1; PS4=2; export IFS PS4; unset IFS PS4; export IFS PS4", OK),
        ('echo "${IFS-none} ${PS4-none}"', Says("none none\n")),
    ),
    # --- the lines of functions
    *(
        case(
            f"the line in {name}()",
            BASH,
            (f"echo a\n{name}() {{\n  builtin echo $LINENO\n  nosuch\n}}", Says("a\n")),
            (
                f"b=1; c=2\n{name}",
                Says("2\n", 127, "environment: line 3: nosuch: command not found\n"),
            ),
            (
                f"\n{name}; declare -F | grep -c restore",
                Says("2\n0\n", 1, "environment: line 3: nosuch: command not found\n"),
            ),
        )
        for name in ("f", "cd", "unset")
    ),
    case(
        "functions that are no lists",
        BASH,
        (
            "f() [[ a = a ]]\ng() (cd /; pwd)\nh() for i in 1; do echo $i; done\nk() ((1))\nl() { echo l; } >&2\nm() if true; then echo m; fi",
            OK,
        ),
        ("f && g; h; k && l; m", Says("/\n1\nm\n", stderr="l\n")),
        ("f && g; h; k && l; m", Says("/\n1\nm\n", stderr="l\n")),
    ),
    # --- background processes, where the shell itself cannot be replaced
    *(
        case(
            f"a subshell in the background, and {name}",
            ALL if name == "a function that exits" else BASH,
            (
                f"x=1; {before}\n(/bin/sleep 0.2; \\{echo} late) & {after}",
                Says("late\n", 3),
            ),
            (f"\\{echo} $x", Says("1\n")),
        )
        for name, echo, before, after in (
            ("a function that exits", "echo", "f() { exit 3; }", "f"),
            ("one that redirects and exits", "builtin echo", "f() { exec >f; exit 3; }", "f"),
            ("a DEBUG trap", "builtin echo", "trap : DEBUG", "(exit 3)"),
            ("a DEBUG trap and an exit", "builtin echo", "trap : DEBUG", "exit 3"),
            ("exit()", "builtin echo", "exit() { :; }", "(builtin exit 3)"),
            ("exec()", "builtin echo", "exec() { :; }; unset() { :; }", "(exit 3)"),
            ("trap()", "builtin echo", "trap() { :; }; eval() { :; }", "(exit 3)"),
        )
    ),
    *(
        case(
            f"{kind} of a function that exits",
            BASH,
            (f"set -ET; trap 'echo it:$BASH_COMMAND' {kind}; f() {{ exit 3; }}\nf", Says(said, 3)),
        )
        for kind, said in (
            ("ERR", ""),
            ("RETURN", ""),
            ("DEBUG", "it:f\nit:f\nit:exit 3\n"),
        )
    ),
    case(
        "arguments of a function that exits, in the first cell",
        ALL,
        ("f() { exit 5; }; f a b", Says(exit_code=5)),
        ("echo $#", Says("0\n")),
    ),
    case(
        "set -o history",
        BASH,
        ('set -o history; cd() { builtin cd "$@"; }', OK),
        ("history; declare -F | grep -c restore", Says("0\n", 1)),
        ("history", OK),
    ),
    case(
        "ERR, and a failed exec",
        BASH,
        ("set -E; trap 'echo it' ERR; exec no-such-command", Says("", 127, None)),
    ),
]
ENVS = {
    "env_e": "set -e\n",
    "env_x": "set -x\n",
    "env_p": "echo out; echo err >&2; f() { echo f; }\n",
}


@pytest.mark.parametrize(
    ("shell", "case"),
    [
        pytest.param(shell, case, id=f"{shell}-{case.name}")
        for case in CASES
        for shell in case.shells
    ],
)
def test_table(shell: str, case: Case, tmp_path: Path) -> None:
    for name, text in ENVS.items():
        (tmp_path / name).write_text(text)
    cells = Cells(shell, tmp_path, **case.variables)
    for source, says in case.cells:
        result = cells(source)
        assert result.ran, source
        if says.stdout is not None:
            assert result.stdout == says.stdout, (source, result.stderr)
        if says.stderr is not None:
            assert result.stderr == says.stderr, source
        if says.exit_code is not None:
            assert result.exit_code == says.exit_code, source
            told = [event.exit_code for event in result.all(Background)]
            assert set(told) <= {says.exit_code}, source
        for text in (result.stdout, result.stderr):
            if "environ" not in case.name:
                assert "dexec:" not in text.replace("dexec:\n", "")
                assert not re.search(OURS, text.replace("grep -ai dexec", "")), text
        assert not any(
            b"dexec" in path.read_bytes()
            for path in tmp_path.iterdir()
            if path.is_file() and path.name != "saved"
        )


@pytest.mark.parametrize("shell", ["mksh", "yash"])
def test_other_shells_keep_the_session(shell: str, tmp_path: Path) -> None:
    cells = Cells(shell, tmp_path)
    first = "x=1; set -- a 'b c'; export y='p q'; alias h='echo h'; set -f; cd /; (exit 3)"
    assert cells(first).exit_code == 3
    result = cells('echo $x "$2" "$y" *; h; pwd; false')
    assert (result.stdout, result.stderr) == ("1 b c p q *\nh\n/\n", "")
    assert result.exit_code == 1
    assert cells("f() { exit 5; }; f").exit_code == 5
    assert cells("exit 6").exit_code == 6
    assert cells("echo $x").stdout == "1\n"


@pytest.mark.parametrize("shell", ["bash", "dash", "busybox", "mksh"])
def test_aliases_of_our_words_are_kept(shell: str, tmp_path: Path) -> None:
    cells = Cells(shell, tmp_path)
    words = "printf [ read set eval unset exit umask pwd shift test command trap exec"
    before = f"for n in {words}; do alias $n='echo no'; done; x=1; (exit 3)"
    assert cells(before).exit_code == 3
    result = cells("\\echo $x; printf a")
    assert (result.stdout, result.stderr) == ("1\nno a\n", "")


@pytest.mark.parametrize("shell", ["mksh", "yash"])
def test_other_shells_whose_path_leads_nowhere(shell: str, tmp_path: Path) -> None:
    """Some of their builtins are not to be found then, and all variables were in the output."""
    cells = Cells(shell, tmp_path)
    result = cells("export PATH=/nowhere; y=1; (exit 4)")
    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 4)
    if shell == "mksh":  # Yash hands nothing over.
        result = cells("echo $y $PATH; printf x")
        assert (result.stdout, result.exit_code) == ("1 /nowhere\n", 127)
        assert result.stderr.count("\n") == 1, result.stderr
        assert cells("echo $y").stdout == "1\n"


def test_in_zsh_each_cell_is_a_shell_of_its_own(tmp_path: Path) -> None:
    cells = Cells("zsh", tmp_path)
    assert cells("export x=1; cd /; echo a; (exit 3)").exit_code == 3
    assert not cells.handed_over
    result = cells("echo ${x-none}; pwd")
    assert (result.stdout, result.stderr) == (f"none\n{tmp_path}\n", "")
