"""Names that have a meaning of their own to a shell, and what becomes of them between cells."""

from __future__ import annotations

import re
import secrets

#: The beginning of the names that our scripts use when a cell has ended. A cell cannot know them,
#: and so cannot make one readonly. It is as long as ``__after_``, its place in the scripts.
AFTER = f"__d{secrets.token_hex(2)}_"
#: A name of ours, of this kernel or another.
OURS = r"(?:__dexec_|__d[0-9a-f]{4}_)\w*"

#: Variables that a shell sets by itself, or that mean nothing in the next one.
NEVER_CARRIED = re.compile(
    OURS + r"|_|PWD|PPID|OPTERR|OPTIND|OPTARG|LINENO|FUNCNAME|SHLVL|SHELLOPTS|BASHOPTS"
    r"|POSIXLY_CORRECT|BASH_XTRACEFD|BASH|BASHPID|BASH_(?:ALIASES|ARGC|ARGV|ARGV0|CMDS|COMMAND"
    r"|EXECUTION_STRING|LINENO|LOADABLES_PATH|MONOSECONDS|SOURCE|SUBSHELL|TRAPSIG|VERSINFO|VERSION)"
    r"|COMP_WORDBREAKS|DIRSTACK|EPOCHREALTIME|EPOCHSECONDS|EUID|UID|GROUPS|HISTCMD|HOSTTYPE"
    r"|MACHTYPE|OSTYPE|PIPESTATUS|RANDOM|SECONDS|SRANDOM|PS1|PS2|COPROC|COPROC_PID"
    r"|KSH_VERSION|KSH_MATCH|KSH_UID|KSHEGID|KSHGID|KSHUID|EGID|PATHSEP|PGRP|USER_ID"
    r"|YASH_\w+|ZSH_\w+"
)
#: Variables that would change the meaning of what the driver does, or that its ``cd`` sets.
LATE_VARIABLES = re.compile(
    r"IFS|TMOUT|OLDPWD|LANG|LANGUAGE|LC_\w+|PS4|BASH_\w+|GLOBIGNORE|EXECIGNORE|FUNCNEST"
)

#: The driver uses these after the functions of the session are there.
NEVER_CARRIED_FUNCTIONS = frozenset({"builtin", "eval"})
#: Functions of these names are restored last, after the driver has used what they replace.
BUILTINS = frozenset(
    """
    . : [ alias bg bind break builtin caller cd command compgen complete compopt continue declare
    dirs disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill
    let local logout mapfile popd printf pushd pwd read readarray readonly return set shift shopt
    source suspend test times trap true type typeset ulimit umask unalias unset wait
    ! case coproc do done elif else esac fi for function if in select then until while { } [[ ]]
    """.split()  # noqa: SIM905 -- as a table
)

#: Options that a shell has of itself, or that would make the next cell's shell useless.
OPTIONS_SET_BY_DEFAULT = frozenset({"braceexpand", "hashall", "interactive-comments"})
#: ``ignoreeof`` comes with the variable IGNOREEOF, whose value it would overwrite.
OPTIONS_NEVER_CARRIED = frozenset(
    {"ignoreeof", "interactive", "noexec", "onecmd", "privileged", "stdin"}
)
#: These come last: they show, or end, what follows.
OPTIONS_LAST = frozenset({"errexit", "nounset", "posix", "verbose", "xtrace"})
#: Options of bash that cannot be set, or that only tell how it was started.
SHOPT_NEVER_CARRIED = frozenset({"login_shell", "restricted_shell"})
#: Options that are set in a new bash, of any version, or that the driver sets.
SHOPTS_SET_BY_DEFAULT = frozenset(
    """
    checkwinsize cmdhist complete_fullquote expand_aliases extquote force_fignore
    globasciiranges globskipdots hostcomplete interactive_comments patsub_replacement progcomp
    promptvars sourcepath
    """.split()  # noqa: SIM905 -- as a table
)
