# dexec-kernel: one notebook cell. Nothing of this stays in the container.
#
# Run as: SHELL -c ': …;eval "$DEXEC_DRIVER";eval "shift 2;$2$1"' cell [PART …]
# with these in the environment, where neither `ps` nor the engine's events show them:
#   DEXEC_DRIVER    this text
#   DEXEC_MARK      the mark of this exec
#   DEXEC_HANDOVER  handover.sh, what the shell does at its end
#   DEXEC_STATE_0 … the session's state, DEXEC_OPTIONS its `set` options, DEXEC_FOLDER its folder
#   DEXEC_USER      set when another user than the session's runs the cell
#   DEXEC_WAIT      set when the terminal is given its size before the cell begins
#   DEXEC_STANDBY   set when this is started ahead, and waits for a cell that comes later or never
# Restores the state; tells the kernel on stderr, between two MARKs, its PID and folder; takes the
# cell from the PARTs or, when there are none, from stdin up to a line that is MARK; leaves it in $1
# and the session's options in $2 for the second eval, which stands on line 1 so that errors count
# the cell's lines. A standby whose session has gone on since gets before the cell, up to a line that
# is MARK and "state", what brings it up to date; it tells the kernel when it has the whole cell.
# Everything here is POSIX and a builtin, for images that have nothing but a shell.
__dexec_mark=$DEXEC_MARK
__dexec_handover=$DEXEC_HANDOVER
__dexec_options=${DEXEC_OPTIONS-}
__dexec_standby=${DEXEC_STANDBY-}
__dexec_folder=${DEXEC_FOLDER-}
__dexec_first=$PWD
__dexec_state=''
__dexec_lines=0
while eval "[ -n \"\${DEXEC_STATE_$__dexec_lines-}\" ]"; do
  eval "__dexec_state=\$__dexec_state\$DEXEC_STATE_$__dexec_lines"
  unset -v "DEXEC_STATE_$__dexec_lines"
  __dexec_lines=$((__dexec_lines + 1))
done
__dexec_home=${HOME-}
# People expect their aliases to work, as at a prompt.
if [ -n "${BASH_VERSION-}" ]; then
  # shellcheck disable=SC3044 # bash's own word, for bash alone
  shopt -s expand_aliases
fi
# A shell prints its read-only variables and does not accept them again.
eval "$__dexec_state" 2>/dev/null
if [ -n "${DEXEC_USER-}" ]; then
  HOME=$__dexec_home
fi
__dexec_old=${OLDPWD-}
if [ -n "$__dexec_folder" ]; then
  # A function of the session's may be called cd; and `cd -` goes back to where the session was.
  command cd "$__dexec_folder" 2>/dev/null || :
  OLDPWD=$__dexec_old
fi
printf '%sstart %s %s%s' "$__dexec_mark" "$$" "$PWD" "$__dexec_mark" >&2
if [ -n "$__dexec_standby" ]; then
  # The name that `ps` and `top` show while it waits. Not before the first words: the C library
  # gives the shell's output a buffer that fits where those go, a pipe, and handover.sh needs that.
  { read -r __dexec_name </proc/$$/comm && printf dexec-standby >/proc/$$/comm; } 2>/dev/null
fi
if [ -n "${DEXEC_WAIT-}" ]; then
  IFS= read -r __dexec_line || exit 125
  # The terminal's echo up to here is not the cell's output.
  printf '%sgo %s' "$__dexec_mark" "$__dexec_mark" >&2
fi
unset -v DEXEC_DRIVER DEXEC_MARK DEXEC_HANDOVER DEXEC_OPTIONS DEXEC_USER DEXEC_FOLDER DEXEC_WAIT \
  DEXEC_STANDBY
__dexec_ifs=$IFS
if [ "$#" -eq 0 ]; then
  # Lines are gathered by the hundred: to append each to the whole takes minutes at a megabyte.
  __dexec_part=''
  __dexec_lines=0
  while :; do
    # End of file before the mark: the kernel is gone, and half a cell is never run.
    IFS= read -r __dexec_line || exit 125
    case $__dexec_line in
      "$__dexec_mark"*)
        set -- "$@" "$__dexec_part"
        [ "$__dexec_line" = "${__dexec_mark}state" ] || break
        IFS=
        __dexec_state="$*"
        IFS=$__dexec_ifs
        eval "$__dexec_state" 2>/dev/null
        __dexec_old=${OLDPWD-}
        __dexec_ifs=$IFS
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
fi
IFS=
__dexec_part="$*"
IFS=$__dexec_ifs
set -- "$__dexec_part" "$__dexec_options"
# A signal that ends the cell lets it hand over first. Bash needs the trap for another reason too: it
# forgets a SIGINT when the command that it waits for ends in its own way just then, and a loop of
# short commands would go on.
# shellcheck disable=SC2064 # the text is needed now: the variable is gone by then
trap "$__dexec_handover" EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -n "$__dexec_standby" ]; then
  printf %s "$__dexec_name" 2>/dev/null >/proc/$$/comm
  # The folder may have been removed and created again since.
  command cd "${__dexec_folder:-$__dexec_first}" 2>/dev/null || command cd "$__dexec_first" || :
  OLDPWD=$__dexec_old
  if [ -n "${BASH_VERSION-}" ]; then
    SECONDS=0
  fi
  printf '%scell %s%s' "$__dexec_mark" "$PWD" "$__dexec_mark" >&2
fi
# The cell sees none of our names.
unset -v __dexec_mark __dexec_handover __dexec_options __dexec_state __dexec_part __dexec_line \
  __dexec_lines __dexec_ifs __dexec_home __dexec_standby __dexec_folder __dexec_first __dexec_old \
  __dexec_name
