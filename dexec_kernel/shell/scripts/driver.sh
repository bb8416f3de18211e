__dexec_restore() { eval "$1"; } # dexec-kernel: one notebook cell. Nothing of this stays in the container.
#
# commands.py runs it as SHELL -c 'eval "$DEXEC_DRIVER";eval CELL …;(. /proc/self/fd/9)…' and
# explains each word there. In the environment, where neither `ps` nor the engine's events show:
#   DEXEC_DRIVER         this text
#   DEXEC_GREETING       the mark of the first words. It is worth nothing once the cell is there.
#   DEXEC_SETTINGS       assignments to names of ours, so that those of an image have no effect
#   DEXEC_HANDOVER       handover.sh, and DEXEC_HANDOVER_BASH handover_bash.sh
#   DEXEC_STATE_0 …      the session's state
# Stdin begins with the line that is the mark of this exec, which stands nowhere else; then comes,
# up to a line that is the mark and "state", the update of a standby's state; then the cell, up to a
# line that is the mark. The rest is the cell's own stdin, and there is none where the mark is
# followed by "ends". Without a working stdin the
# cell is in the arguments, and the greeting is its mark.
#
# Only builtins are used, for images that have nothing but a shell. State that could change the
# meaning of a word of ours (functions called as builtins, aliases, traps, options, IFS) comes last,
# in one eval. Bash counts a function's lines from that of the `eval` which defines it: __dexec_restore
# is on the first line, so that errors in a function of the session have its own lines.
exec 7>&1 8>&2
{
  # Busybox counts the lines of what it evaluates from 0. This is line 4: comments are not sent.
  case ${LINENO-}${ZSH_VERSION-} in
    3)
      __dexec_above='
'
      ;;
    *) __dexec_above='' ;;
  esac
  __dexec_greeting=$DEXEC_GREETING
  __dexec_handover=$DEXEC_HANDOVER
  if [ -n "${BASH_VERSION-}" ]; then
    set +o posix
    # People expect their aliases to work, as at a prompt.
    shopt -s expand_aliases
    __dexec_handover=$DEXEC_HANDOVER_BASH
  fi
  __dexec_part=$DEXEC_SETTINGS
  unset -v DEXEC_DRIVER DEXEC_GREETING DEXEC_SETTINGS DEXEC_HANDOVER DEXEC_HANDOVER_BASH
  # early and late are the numbers of the parts at which those of the state end.
  eval "$__dexec_part"
  __dexec_first=$PWD
  __dexec_bad=''
  __dexec_lines=0
  __dexec_part=''
  while [ "$__dexec_lines" -lt "$__dexec_early" ]; do
    eval "__dexec_part=\$__dexec_part\$DEXEC_STATE_$__dexec_lines"
    unset -v "DEXEC_STATE_$__dexec_lines"
    __dexec_lines=$((__dexec_lines + 1))
  done
  __dexec_name=${HOME-}
  eval "$__dexec_part"
  # Mksh has no printf of its own, and finds none in a session whose PATH leads nowhere.
  __dexec_path=''
  if ! printf ''; then
    __dexec_path=bad
    eval 'printf() { command -p printf "$@"; }'
  fi
  [ -z "$__dexec_user" ] || HOME=$__dexec_name
  __dexec_part=''
  while [ "$__dexec_lines" -lt "$__dexec_late" ]; do
    eval "__dexec_part=\$__dexec_part\$DEXEC_STATE_$__dexec_lines"
    unset -v "DEXEC_STATE_$__dexec_lines"
    __dexec_lines=$((__dexec_lines + 1))
  done
  __dexec_late=$__dexec_part
} 2>/dev/null
printf '%sstart %s %s%s' "$__dexec_greeting" "$$" "$PWD" "$__dexec_greeting" >&8
# The shell's last commands wait in a pipe that the cell does not see: the descriptors 7 to 9
# are closed while it runs, and are there again when it has ended. The mark comes last, with the cell.
# Their names begin with __after_, in whose place commands.py puts a beginning that no cell knows: a
# cell may make names readonly.
exec 2>/dev/null 9<<EOF
__after_was=\${__after_was-\${__after_code-\$?}:\$-:\${SHELLOPTS-}::\${BASHOPTS-}} __after_keep=$__dexec_keep
$__dexec_handover
EOF
if [ -n "$__dexec_standby" ]; then
  # The name that `ps` and `top` show while it waits.
  { read -r __dexec_name </proc/$$/comm && printf dexec-standby >/proc/$$/comm; }
fi
if [ -n "$__dexec_wait" ]; then
  # The terminal gets its size first. Its echo up to now is not the cell's.
  IFS= read -r __dexec_line || exit 125
  printf '%sgo %s' "$__dexec_greeting" "$__dexec_greeting" >&8
fi
__dexec_mark=$__dexec_greeting
if [ "$#" -eq 0 ]; then
  # TMOUT would be the patience of bash's read. End of file: the kernel is gone, and half a cell is
  # never run.
  TMOUT='' IFS= read -r __dexec_mark || exit 125
  # Lines are gathered by the hundred: to append each to the whole takes minutes at a megabyte.
  __dexec_part=''
  __dexec_lines=0
  while :; do
    TMOUT='' IFS= read -r __dexec_line || exit 125
    case $__dexec_line in
      "$__dexec_mark"*)
        set -- "$@" "$__dexec_part"
        [ "$__dexec_line" = "${__dexec_mark}state" ] || break
        IFS=
        __dexec_part="$*"
        IFS=' 	
'
        eval "$__dexec_part"
        set --
        __dexec_part=''
        __dexec_lines=0
        continue
        ;;
    esac
    __dexec_part="$__dexec_part$__dexec_line
"
    __dexec_lines=$((__dexec_lines + 1))
    if [ "$__dexec_lines" -eq 100 ]; then
      set -- "$@" "$__dexec_part"
      __dexec_part=''
      __dexec_lines=0
    fi
  done
  IFS=
  __dexec_part="$*"
  # A connection that cannot be ended says with the cell that its stdin ends.
  [ "$__dexec_line" = "$__dexec_mark" ] || exec </dev/null
  # The line that ends the cell has brought a line's end along.
  __dexec_part=${__dexec_part%?}
else
  IFS=
  __dexec_part="$*"
fi
IFS=' 	
'
if [ -n "$__dexec_standby" ]; then
  printf %s "$__dexec_name" >/proc/$$/comm
  if [ -n "${BASH_VERSION-}" ]; then
    SECONDS=0
  fi
fi
# A folder may have been removed, and made anew, since. Nothing runs in another one in its place.
__dexec_name=${OLDPWD-}
__dexec_line=${OLDPWD+set}
if ! cd "${__dexec_folder:-$__dexec_first}"; then
  if [ -z "$__dexec_gone" ]; then
    printf '%sgone %s%s' "$__dexec_mark" "${__dexec_folder:-$__dexec_first}" "$__dexec_mark" >&8
    exit 125
  fi
fi
# `cd -` goes back to where the session was.
OLDPWD=$__dexec_name
if [ -z "$__dexec_line" ]; then
  unset -v OLDPWD
  # Bash begins so.
  [ -z "${BASH_VERSION-}" ] || export OLDPWD
fi
printf '%s\n' "__after_mark=$__dexec_mark" >>/proc/self/fd/9
[ -z "$__dexec_bad" ] || printf '%sfailed %s%s' "$__dexec_mark" "$__dexec_bad" "$__dexec_mark" >&8
# Without this word the kernel says that the cell has not run: its text is put together by `set`.
set -- ok
case ${1-} in ok) printf '%scell %s%s' "$__dexec_mark" "$PWD" "$__dexec_mark" >&8 ;; esac
# A signal that ends the cell lets it hand over first. Bash needs the trap for another reason too: it
# forgets a SIGINT when the command that it waits for ends in its own way just then, and a loop of
# short commands would go on.
# Other shells lose a SIGTERM that reaches a new child before the child has dropped the trap, as that
# of `sleep 9 & kill $!` does.
trap '\exit 130' INT
set -- "$__dexec_late"
if [ -n "${BASH_VERSION-}" ]; then
  trap '\exit 143' TERM
  # The last one is for a shell that ends in a function: it does not restore its descriptors before.
  # The redirection keeps the exit code for it, as commands.py says.
  trap '{ (. /proc/self/fd/9;\trap>/proc/self/fd/9;__after_leave "$@") 2>&- >/dev/null 2>&1&&{ . /proc/self/fd/9;} 2>/dev/null||! (. /proc/self/fd/15;\trap>/proc/self/fd/9;__after_leave "$@") 2>&- >/dev/null 2>&1;} 3>&"${$##[!$((0*(__after_code=$?)))]*}-"' EXIT
  BASH_EXECUTION_STRING=$__dexec_prelude$__dexec_part
  case $__dexec_late in *__dexec_restore*) ;; *) unset -f __dexec_restore ;; esac
else
  unset -f __dexec_restore
  # A subshell of an EXIT trap of yash would run that trap again, without end. The last commands close
  # the pipe, so that the trap does nothing, not even a fork, in a shell that has handed over.
  [ -n "${YASH_VERSION-}${KSH_VERSION-}" ] ||
    trap '{ { (. /proc/self/fd/9;__after_leave "$@")&&. /proc/self/fd/9;} 4<&9||\:;} 2>/dev/null' EXIT
  __dexec_part=$__dexec_above$__dexec_part
  _=$__dexec_part
  case ${_-} in
    "$__dexec_part") unset -v BASH_EXECUTION_STRING ;;
    *) BASH_EXECUTION_STRING=$__dexec_part ;;
  esac
fi
# The cell sees none of our names.
case $__dexec_path in bad) unset -f printf ;; esac
unset -v __dexec_greeting __dexec_handover __dexec_part __dexec_standby __dexec_wait __dexec_keep __dexec_user \
  __dexec_gone __dexec_folder __dexec_prelude __dexec_early __dexec_late __dexec_first __dexec_bad \
  __dexec_lines __dexec_name __dexec_line __dexec_mark __dexec_path __dexec_above
exec 2>&8
{ eval "set --;$1"; } 2>/dev/null
