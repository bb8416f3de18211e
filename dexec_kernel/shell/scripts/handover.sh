# dexec-kernel: what a cell leaves behind, told on stderr when its shell ends.
#
# This is the EXIT trap of a cell, for any POSIX shell. MARK is replaced by the mark of the exec,
# STATE by "yes" for a cell that hands its state over.
#
# The options come first, since some have to change; then everything as text that the same shell
# can evaluate. The shell is about to end, so that what must not be handed over is simply unset.
# A cell that has redirected its own stderr to a file gets nothing written into it.
#
# A background process that has our output open may print while we do. Then the state is gathered
# first, and told in parts that are each one write of at most PIPE_BUF bytes (4096, POSIX), into
# which nobody else's output can get. Numbers and the length show that it is whole.
#
# Such a process keeps the shell waiting. The kernel is told, and does not wait. If the shell ended,
# the engine would cut the process's output off after two seconds, and hold back the end of every
# other exec in the container meanwhile.
# shellcheck disable=SC3044,SC3013,SC2050 # bash's own words; -ef, which all have; a constant
{
  # The cell's arguments are of no use to it any more, and no variable of ours is handed over:
  # the exit code, the options, whether it is the first look, how many others have our output.
  set -- "$?" "$-" first 0
  set +euf
  __dexec_tell() {
    unset -f __dexec_tell
    # These were changed; of the others, a subshell of bash has lost errexit.
    case $1 in *e*) set -e ;; esac
    case $1 in *u*) set -u ;; esac
    case $1 in *f*) set -f ;; esac
    printf %s "$2options "
    set +o
    if [ -n "${BASH_VERSION-}" ]; then
      shopt -p
    fi
    printf %s "$2"
    set +euf
    printf %s "$2folder $PWD$2$2umask "
    umask
    printf %s "$2"
    unset -v PWD _ PS4 PPID OPTERR LINENO FUNCNAME SHLVL
    if [ -n "${BASH_VERSION-}" ]; then
      unset -v BASH BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS BASH_COMMAND \
        BASH_EXECUTION_STRING BASH_LINENO BASH_LOADABLES_PATH BASH_SOURCE BASH_SUBSHELL \
        COMP_WORDBREAKS DIRSTACK EPOCHREALTIME EPOCHSECONDS GROUPS HISTCMD HOSTTYPE \
        MACHTYPE OSTYPE PIPESTATUS RANDOM SECONDS SRANDOM
      printf %s "$2functions "
      declare -f
      declare -Fx
      printf %s "$2$2aliases "
      alias -p
      printf %s "$2$2variables "
      : # Else $_ would hold the mark, in the midst of the variables.
      declare -p
    else
      unset -v PS1 PS2
      printf %s "$2aliases "
      alias
      printf %s "$2$2variables "
      set
      export -p
      readonly -p
    fi
    printf %s "$2"
  }
  while [ -p "/proc/$$/fd/3" ] || [ -t 3 ]; do
    set -- "$1" "$2" "$3" 0 "$4"
    for __dexec_p in /proc/[0-9]*; do
      if [ "$__dexec_p" != "/proc/$$" ] && {
        [ "$__dexec_p/fd/1" -ef "/proc/$$/fd/4" ] ||
          [ "$__dexec_p/fd/2" -ef "/proc/$$/fd/3" ] ||
          [ "$__dexec_p/fd/1" -ef "/proc/$$/fd/3" ] ||
          [ "$__dexec_p/fd/2" -ef "/proc/$$/fd/4" ]
      }; then
        set -- "$1" "$2" "$3" "$(($4 + 1))" "$5"
      fi
    done
    unset -v __dexec_p
    if [ STATE = yes ] && [ -n "$3" ] && [ "$4" -eq 0 ]; then
      __dexec_tell "$2" MARK
    elif [ STATE = yes ] && [ -n "$3" ]; then
      (
        set -- MARK "$2"
        set -- "$(__dexec_tell "$2" "${1%:};")" 0 "${1%:};"
        if [ -n "${BASH_VERSION-}" ]; then
          # It would write line by line: the mark's beginning stands for a line's end.
          eval 'set -- "${1//
/${3:0:14}}" 0 "$3"'
        fi
        set -- "$1" 0 "$3" "${#1}" "$(eval ': "${1:0:1}"' && printf yes)"
        while [ -n "$1" ] && [ "$4" -lt 2000000 ]; do
          if [ -n "$5" ]; then
            eval 'set -- "${1:1000}" "$2" "$3" "$4" yes "${1:0:1000}"'
          else # dash
            set -- "$1" "$2" "$3" "$4" '' "$(printf '%.1000s.' "$1")"
            set -- "${1#"${6%.}"}" "$2" "$3" "$4" '' "${6%.}"
          fi
          printf %s "MARKpart$2 $6MARK"
          set -- "$1" "$(($2 + 1))" "$3" "$4" "$5"
        done
        printf %s "MARKparts $2 $4 $3MARK"
      )
    fi
    { [ "$4" -gt 0 ] && [ -p "/proc/$$/fd/4" ]; } || break
    if [ -n "$3" ]; then
      # A command that was only just started may not have redirected its output yet.
      set -- "$1" "$2" '' 0
      continue
    fi
    [ "$4" = "$5" ] || printf 'MARKbackground %s %sMARK' "$1" "$4"
    sleep 1 >/dev/null 3>&- 4>&- || wait || break
  done
  exit "$1"
} 3>&2 4>&1 >&2 2>/dev/null
