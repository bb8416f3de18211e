# dexec-kernel: what a cell leaves behind, told on stderr when its shell ends.
#
# This is the EXIT trap of a cell, for any POSIX shell. MARK is replaced by the mark of the exec,
# STATE by "yes" for a cell that hands its state over.
#
# The options are told first, since some have to change; then everything as text that the same shell
# can evaluate. The shell is about to end, so that what must not be handed over is simply unset.
# A cell that has redirected its own stderr to a file gets nothing written into it.
#
# A background process that has our output open keeps the shell waiting. The kernel is told, and
# does not wait. If the shell ended, the engine would cut the process's output off after two
# seconds, and hold back the end of every other exec in the container meanwhile.
# shellcheck disable=SC3044,SC3013,SC2050 # bash's own words; -ef, which all have; a constant
{
  # Its arguments are no longer of use to the cell, and no variable of ours is handed over.
  set -- "$?"
  if [ STATE = yes ] && { [ -p "/proc/$$/fd/3" ] || [ -t 3 ]; }; then
    printf 'MARKoptions '
    set +o
    if [ -n "${BASH_VERSION-}" ]; then
      shopt -p
    fi
    printf 'MARK'
    set +euf
    printf 'MARKfolder %sMARK' "$PWD"
    printf 'MARKumask '
    umask
    printf 'MARK'
    unset -v PWD _ PS4 PPID OPTERR LINENO FUNCNAME SHLVL
    if [ -n "${BASH_VERSION-}" ]; then
      unset -v BASH BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS BASH_COMMAND \
        BASH_EXECUTION_STRING BASH_LINENO BASH_LOADABLES_PATH BASH_SOURCE BASH_SUBSHELL \
        COMP_WORDBREAKS DIRSTACK EPOCHREALTIME EPOCHSECONDS GROUPS HISTCMD HOSTTYPE \
        MACHTYPE OSTYPE PIPESTATUS RANDOM SECONDS SRANDOM
      printf 'MARKfunctions '
      declare -f
      declare -Fx
      printf 'MARKMARKaliases '
      alias -p
      printf 'MARKMARKvariables '
      : # Else $_ would hold the mark, in the midst of the variables.
      declare -p
    else
      unset -v PS1 PS2
      printf 'MARKaliases '
      alias
      printf 'MARKMARKvariables '
      set
      export -p
      readonly -p
    fi
    printf 'MARK'
  fi
  set +euf
  told=''
  while [ -p "/proc/$$/fd/3" ] && [ -p "/proc/$$/fd/4" ]; do
    count=0
    for process in /proc/[0-9]*; do
      if [ "$process" != "/proc/$$" ] && {
        [ "$process/fd/1" -ef "/proc/$$/fd/4" ] || [ "$process/fd/2" -ef "/proc/$$/fd/3" ] ||
          [ "$process/fd/1" -ef "/proc/$$/fd/3" ] || [ "$process/fd/2" -ef "/proc/$$/fd/4" ]
      }; then
        count=$((count + 1))
      fi
    done
    [ "$count" -eq 0 ] && break
    [ "$told" = "$count" ] || printf 'MARKbackground %s %sMARK' "$1" "$count"
    told=$count
    sleep 1 >/dev/null 3>&- 4>&- || wait || break
  done
  exit "$1"
} 3>&2 4>&1 >&2 2>/dev/null
