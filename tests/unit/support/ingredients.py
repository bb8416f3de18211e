"""Pieces of shell text, each of a kind that once broke a session, and ends of cells."""

from __future__ import annotations

from typing import NamedTuple

BASH, POSIX = frozenset({"bash"}), frozenset({"dash", "busybox"})
ALL = BASH | POSIX


class Piece(NamedTuple):
    """A few lines of a cell.

    ``state`` is what of them a later cell is to find, where that is not the same: documented as not
    carried over, or an end of the cell.
    """

    text: str
    shells: frozenset[str] = ALL
    state: str | None = None

    @property
    def later(self) -> str:
        return self.text if self.state is None else self.state


def _each(shells: frozenset[str], *texts: str) -> list[Piece]:
    return [Piece(text, shells) for text in texts]


def _here_alone(shells: frozenset[str], *texts: str) -> list[Piece]:
    return [Piece(text, shells, "") for text in texts]


PIECES = [
    # --- plain ones, with which the others meet
    *_each(
        ALL,
        "echo a",
        "echo oh >&2",
        "v=1",
        "export v=2 w='a  b'",
        "unset v",
        'echo "${v-none}:${w-none}:$#:$*"',
        "for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done",
        "n=0; while \\[ $n -lt 3 ]; do n=$((n+1)); done; echo $n",
        "cat <<E\n$v `echo b` \\\nE",
        "cat <<'E'\n$v `echo b` \\\nE",
        "read line || echo none",
        "echo one two | { read a b; echo $b; }",
        "false",
        "(exit 4)",
        "! true",
        "ls /no-such-folder",
        "no_such_command_at_all",
        "(v=3; cd /; echo in)",
        "echo $0",
        "test -t 0 || test -t 1 || echo pipes",
        "command -v cd",
        "x=$(echo out; echo err >&2; exit 3); echo $? $x",
        "true && false || echo c",
        "eval 'v=5; echo e'",
    ),
    # --- values and names
    *_each(
        ALL,
        "v='two\nlines\n'",
        'v="quotes \' \\" and \\$HOME"',
        "v='export FAKE=1\nreadonly x'",
        "v='declare -x FAKE=\"1\"'",
        "v='é 日本'; echo $v",
        "v='dexec:'; echo $v",
        "v=' lead and trail '",
        "v='a=b'; w='c)d(e'; export w",
        "v='\ttab\r'; w='$(echo no) `echo no`'",
        "v='*'; w='~'; x='!'",
        "v=; w=''",
        "_v=1 V=2 v1=3 __dexec=4 state=5 part0=6 end=7",
        "readonly r=1",
        "readonly e",
        "export only_exported",
        "IFS=:",
        "IFS=",
        "IFS='dexec /0123'",
        "unset IFS",
        "readonly IFS",
        "PATH=/nowhere",
        "unset PATH",
        "PATH=$PATH:/extra",
        "HOME=/elsewhere; cd ~ || echo no",
        "unset HOME",
        "PS4='+ '",
        "LC_ALL=C",
        "export LANG=C.UTF-8",
        "CDPATH=/usr; cd bin",
        "umask 027",
        "umask u=rwx,g=,o=",
        "ENV=/no-such; export ENV",
        "OPTIND=1; getopts ab: o -a; echo $o",
        "mark=1 p=2 count=3 looks=4",
        "_=5",
        "TERM=dumb",
        "LINENO=100",
    ),
    *_each(
        BASH,
        "OLDPWD=/usr",
        "PS4='$(echo +) '",
        "PPID=1 || echo no",
        "a=(x 'y z' [5]=w)",
        "a+=('(' ')' \"'\")",
        "declare -A m=([k e]=v [\"'\"]='q r' [']']=b)",
        "declare -i i=2; i+=3; echo $i",
        "declare -n ref=v",
        "declare -u up=abc; declare -l low=ABC",
        "declare -a empty=(); declare -A none",
        "declare -ar ra=(1 2)",
        "export a",
        "v=$'\\x01\\x7f\\e'",
        "declare -t v=1",
        "BASH_ENV=/no-such; export BASH_ENV",
        "FUNCNEST=50",
        "TMOUT=1",
        "EXECIGNORE='*no*'",
        "HISTSIZE=3; HISTFILE=/no-such",
        "PROMPT_COMMAND='echo no'",
        "REPLY=mine",
        "readonly REPLY=mine",
        "unset REPLY",
        "mapfile -t lines < <(echo a; echo b); echo ${lines[1]}",
        "printf -v v '%s' 'pr in'",
        "read -r -a words <<< 'a b c'; echo ${words[2]}",
    ),
    # --- options
    *_each(
        ALL,
        "set -e",
        "set +e",
        "set -u",
        "set +u",
        "set -f; echo *",
        "set -C",
        "set -a; z=1",
        "set -x",
        "set +x",
        "set -x; set +x",
        "set -- a 'b c' '' '-n'",
        "set -- \"'\" '\n' '*'",
        "set --",
        "shift || echo none",
    ),
    *_each(
        BASH,
        "set -o posix",
        "set +o posix",
        "set -o pipefail",
        "set -E",
        "set -T",
        "set -h; set +h",
        "set -B +B",
        "set -k",
        "set -P",
        "set -H",
        "set -o vi",
        "shopt -s extglob; case ab in @(ab|c)) echo m;; esac",
        "shopt -s nullglob dotglob; echo /no*such",
        "shopt -s failglob",
        "shopt -s nocasematch nocaseglob globstar",
        "shopt -s extdebug",
        "shopt -s lastpipe; echo l | read v",
        "shopt -s inherit_errexit localvar_inherit",
        "shopt -u expand_aliases",
        "shopt -s xpg_echo; echo 'a\\tb'",
        "shopt -s execfail",
        "shopt -u sourcepath",
        "shopt -s compat43",
        "shopt -s autocd cdable_vars cdspell",
        "shopt -s login_shell 2>/dev/null",
    ),
    *_here_alone(ALL, "ulimit -n 40", "ulimit -c 0", "ulimit -t 60", "hash ls", "set -m; set +m"),
    # --- traps
    *_each(
        BASH,
        "trap 'echo usr' USR1; kill -USR1 \"$$\"",
        "trap '' USR2",
        "trap 'echo it'\\''s' HUP",
        "trap 'echo \"two\nlines\"' USR1",
        "trap 'echo \"err $?\"' ERR",
        "trap - ERR",
        "trap 'd=$((${d-0}+1))' DEBUG; trap - DEBUG",
        "trap 'echo ret' RETURN; f_ret() { :; }; f_ret",
        "trap - RETURN",
        "trap 'echo int' INT",
        "trap '' TERM",
        "trap 'echo' 40",
    ),
    *_here_alone(
        POSIX, "trap 'echo usr' USR1; kill -USR1 \"$$\"", "trap '' HUP", "trap 'echo int' INT"
    ),
    *_here_alone(
        ALL,
        "trap 'echo bye' EXIT",
        "trap 'echo $?' EXIT",
        "trap 'exit 7' EXIT",
        "trap '(exit 7)' EXIT",
        "trap 'false' EXIT",
        "trap '' EXIT",
        "trap - EXIT",
        "(trap 'echo sub' EXIT)",
        "trap 'rm -f \"$v\"; cd /; exec 2>&-' EXIT",
    ),
    # --- functions and aliases
    *_each(
        BASH,
        "f() { local v=inner; echo f $v; }; f",
        "f() { return 3; }; f || echo $?",
        'f() { case $1 in a) echo "a )";; esac; }; f a',
        "f() { cat <<E\nf () \n{ \n}\nE\n}; f",
        "function a-b { echo 'a-b'; }; a-b",
        "ü() { echo u; }",
        "g() ( echo sub; exit 2 ); g",
        "g() if true; then echo g; fi; g",
        "g() { echo g; } >&2; g",
        "export -f f 2>/dev/null || :",
        "declare -ft f 2>/dev/null || :",
        "unset -f f",
        'cd() { builtin cd "$@" && echo cd; }; cd /',
        'echo() { printf "<%s>\\n" "$*"; }',
        'printf() { builtin printf \'%s\' "p:"; builtin printf "$@"; }',
        '[() { builtin [ "$@"; }',
        "test() { return 1; }",
        'read() { builtin read "$@"; }',
        "unset() { :; }",
        "trap() { :; }",
        "set() { :; }",
        "exit() { builtin exit 9; }",
        "return() { :; }",
        "command() { :; }",
        'declare() { builtin declare -g "$@"; }',
        "shopt() { :; }",
        "source() { :; }; .() { :; }",
        "exec() { :; }",
        ":() { echo colon; }; true() { return 1; }",
        "kill() { :; }; wait() { :; }; sleep() { :; }",
        "alias() { :; }; umask() { :; }; dirs() { :; }; enable() { :; }",
    ),
    Piece(
        # With `set -a` the variable stays exported.
        "f() { local v=inner; echo f $v; }; f",
        POSIX,
        "f() { local v=inner; }; f; unset -f f",
    ),
    *_here_alone(
        POSIX,
        "f() { return 3; }; f || echo $?",
        "echo() { printf '<%s>\\n' \"$*\"; }",
        "printf() { :; }; test() { :; }",
        "test() { return 1; }",
        "read() { :; }",
    ),
    *_each(
        ALL,
        "alias ll='ls -l' q='echo \"it'\"'\"'s\"'",
        "alias ll='echo aliased'\nll",
        "alias echo='echo +'",
        "alias [=true",
        "alias eval=false printf=false set=false trap=false unset=false",
        "alias exec=false read=false umask=false alias=false",
        "alias if=false case=false for=false while=false",
        "\\unalias -a",
        "alias :=false exit=false",
    ),
    *_each(BASH, "alias a-b.c='echo dots'", "alias declare=false builtin=false shopt=false"),
    *_here_alone(BASH, "enable -n printf read echo", "enable -n eval"),
    # --- folders
    *_each(ALL, "cd /", "cd /usr/bin", "cd /tmp; cd ..", "mkdir -p 'd e'; cd 'd e'", "cd - || :"),
    *_each(
        BASH,
        "pushd / >/dev/null",
        "pushd /usr; pushd /tmp; popd",
        "popd || echo none",
        "dirs -c",
        "pushd -n '/no such'",
    ),
    # --- redirections for the cell
    *_here_alone(
        ALL,
        "exec >out",
        "exec 2>err",
        "exec >all 2>&1",
        "exec 2>&1",
        "exec >&2",
        "exec </dev/null",
        "exec 3>&1 >/dev/null; echo three >&3",
        "exec 9>lock 8>other 7>third",
        "exec 7>&- 8>&- 9>&-",
        "exec 2>&-",
        "exec 1>&-",
        "exec <&-",
        "exec 5<<E\nhere\nE\nread hd <&5; echo $hd; unset hd",
        "exec 3</dev/null 4<&3 3<&-",
        "echo a >/dev/full",
    ),
    *_here_alone(BASH, "exec {fd}>&1; echo fd >&$fd; unset fd", "exec 20>&1 21>&2; echo b >&20"),
    # --- background
    *_here_alone(
        ALL,
        "sleep 0 & wait",
        "(sleep 0.05; echo late) & wait $!",
        "(exit 3) & wait $!; echo $?",
        "true & :",
        "sleep 0.02 >/dev/null 2>&1 &",
    ),
    *_here_alone(BASH, "coproc cat; wait 2>/dev/null & :", "sleep 0 & disown", "jobs"),
]


def _ends(shells: frozenset[str], *texts: str) -> list[Piece]:
    """Return ends of cells. Later cells are to find what stands before two semicolons.

    Only bash carries functions and traps over.
    """
    found = []
    for text in texts:
        state, _, end = text.rpartition(";;")
        whole = f"{state};{end}" if state else end
        carried = "" if "()" in state or "trap" in state else state
        found += [Piece(whole, shells & BASH, state), Piece(whole, shells & POSIX, carried)]
    return [piece for piece in found if piece.shells]


#: How a cell may end.
ENDS = [
    *_ends(ALL, *[""] * 8),
    *_ends(
        ALL,
        "exit",
        "exit 3",
        "exit 256",
        "(exit 3)",
        "false",
        "f_end() { exit 5; };; f_end",
        "set -e;; false; echo never",
        "set -u;; echo $no_such; echo never",
        ": ${no_such?message}; echo never",
        "exec true",
        "exec sh -c 'echo ex; exit 4'",
        "exec no-such-command-at-all",
        'kill -KILL "$$"',
        'kill -TERM "$$"; echo on',
        "if",
        "echo 'open",
        "echo )",
        "done",
        "echo $(",
        "cat <<E\nopen",
        "echo a # comment",
        "# comment",
        "echo a\\",
        "echo a \\",
        "echo a &&",
        "echo a;",
        "{ echo a; exit 6; }",
        "(",
        "break; continue; echo on",
        ". /no-such-file",
        ". /dev/null; echo on",
        "set -n; echo never",
        "set -o no-such-option; echo on",
        "readonly once=1;; once=2; echo on",
        "shift 9; echo on",
        "unset -f",
        "return 3; echo on",
        "exit 3 4",
        "exit no",
        "! exit 3",
        "exit 3 | true",
        "cd /no-such-folder",
        "\\",
        "!",
        "ulimit -f 0; echo on",
        "trap 'exit 8' EXIT; exit 2",
        "trap 'echo a; false' EXIT; false",
        "trap 'echo t' TERM;; kill -TERM \"$$\"",
        "trap '' INT;; kill -INT \"$$\"; echo on",
    ),
    *_ends(
        BASH,
        "f_end() { exec >out; exit 5; };; f_end",
        "[[ a == ",
        "a=(",
        "set -o pipefail;; false | true",
        "trap 'exit 3' ERR;; false; echo never",
        "f_end() { false; }; set -eE; trap 'echo err' ERR;; f_end",
        "logout",
        "suspend",
        "exec -a name true",
        "fc -l",
        "enable -n exit; exit 2",
    ),
]
