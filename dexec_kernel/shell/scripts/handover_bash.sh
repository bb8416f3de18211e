# dexec-kernel: the state that a cell leaves, told when its shell ends. For bash; handover.sh is for
# other shells. lingering.sh follows this text, as the value of __dexec_linger.
#
# Sourced in a subshell, from a pipe: the first line there has the exit code and the options of the
# cell, the last one sets the mark. A trap for ERR may not be seen in a sourced file: the caller puts
# the traps into the pipe, and then calls the function. A subshell has no DEBUG trap, so that the
# user's counts and shows the user's commands alone. POSIX mode is an assignment away; in it, special
# builtins are found before functions, and `builtin` is to be trusted. $__dexec_was comes from before
# that mode. No alias is expanded in the text after this line.
#
# A process that has our output open may print while we do. Then the state is gathered first, and
# told in parts that are each one write of at most PIPE_BUF bytes (4096, POSIX), into which nobody
# else's output can get. Numbers and the length show that it is whole.
case :$SHELLOPTS: in *:posix:*) ;; *) \set -o posix ;; esac
case :$SHELLOPTS: in *:posix:*) ;; *) POSIXLY_CORRECT=1 \: ;; esac
\set +euvxf
\unset -f builtin
\builtin shopt -u expand_aliases
__leave() {
  # It would show the mark among the arguments of functions.
  builtin shopt -u extdebug
  \builtin enable [ printf shopt umask dirs alias declare read :
  __dexec_code=${__dexec_was%%:*}
  __dexec_linger="\\unset -v BASH_ENV ENV;\\exec /proc/$$/exe -p -s $__dexec_code $$ <<'__dexec_end'
mark=$__dexec_mark
$__dexec_lingering
__dexec_end
"
  # No variable holds the mark while the variables are printed.
  __dexec_p="${__dexec_mark%:};"
  \set -- "$__dexec_mark" "$__dexec_linger" "$__dexec_p" ${@+"${@/#/${__dexec_p}argument }"}
  # Without its marks all this would be the cell's output.
  case ${1-} in "$__dexec_mark") ;; *) builtin exit 1 ;; esac
  \unset -v __dexec_mark __dexec_lingering __dexec_linger __dexec_p
  # The pipe holds the traps. The last line's end keeps them whole, whatever IFS is.
  builtin read -r -d '' __dexec_traps </proc/self/fd/9
  __dexec_traps=${__dexec_traps%$'\n'}$'\n'
  __dexec_dump() { # MARK LINGER SEPARATOR ARGUMENT …
    builtin printf '%sshell %s' "$3" "$__dexec_was"
    builtin printf '%straps %s' "$3" "$__dexec_traps"
    builtin printf '%swithin %s' "$3" "$__dexec_within"
    builtin printf '%sfolder %s' "$3" "$PWD"
    builtin printf '%sumask ' "$3"
    builtin umask
    builtin printf '%sfolders ' "$3"
    builtin dirs -l -p
    builtin printf %s "${@:4}"
    builtin printf '%sfunctions ' "$3"
    # They go on without their names.
    \unset -f __leave __dexec_dump
    builtin declare -F
    builtin declare -f
    builtin printf '%saliases ' "$3"
    builtin alias -p
    builtin printf '%svariables ' "$3"
    builtin : # Else $_ would hold the mark, in the midst of the variables.
    builtin declare -p
    builtin printf '%send ' "$3"
  }
  __dexec_others=0
  if builtin [ -p "$__dexec_out" ] && builtin [ -p /proc/self/fd/8 ]; then
    for __dexec_p in /proc/[0-9]*; do
      case $__dexec_p in "/proc/$$" | "/proc/$BASHPID") \continue ;; esac
      if builtin [ "$__dexec_p/fd/1" -ef "$__dexec_out" -o "$__dexec_p/fd/2" -ef /proc/self/fd/8 \
        -o "$__dexec_p/fd/2" -ef "$__dexec_out" -o "$__dexec_p/fd/1" -ef /proc/self/fd/8 \
        -o "$__dexec_p/fd/11" -ef "$__dexec_out" -o "$__dexec_p/fd/14" -ef /proc/self/fd/8 ]; then
        __dexec_others=$((__dexec_others + 1))
      fi
    done
  fi
  if builtin [ "$__dexec_keep$__dexec_others" = yes0 ]; then
    builtin printf '%sstate ' "$1" >&8
    __dexec_dump "$@" >&8
    builtin printf %s "$1" >&8
  elif builtin [ "$__dexec_keep" = yes ]; then
    __dexec_text=$(__dexec_dump "$@")
    # Bash would write line by line: the mark's beginning stands for a line's end.
    __dexec_text=${__dexec_text//$'\n'/${1:0:14}}
    LC_ALL=C
    __dexec_p=0
    while ((__dexec_p < ${#__dexec_text} && ${#__dexec_text} < 4000000)); do
      builtin printf %s "${1}part$((__dexec_p / 3900)) ${__dexec_text:__dexec_p:3900}$1" >&8
      __dexec_p=$((__dexec_p + 3900))
    done
    builtin printf %s "${1}parts $((__dexec_p / 3900)) ${#__dexec_text} $3$1" >&8
  else
    builtin printf '%send %s%s' "$1" "$__dexec_code" "$1" >&8
  fi
  # The pipe takes the shell's own next command: it ends, or waits. It does nothing where the user
  # could see it: in a DEBUG trap, or in a function called as a word of ours. POSIX mode would not
  # look for functions of such names.
  \set +o posix
  case $__dexec_traps in *"-- - DEBUG"*) __dexec_p='' ;; *" DEBUG"*) __dexec_p=seen ;; *) __dexec_p='' ;; esac
  if builtin [ -n "$__dexec_p" ] || builtin [ "$__dexec_out" = "/proc/$$/fd/11" ] ||
    builtin declare -F . || builtin declare -F trap || builtin declare -F exit ||
    builtin declare -F exec || builtin declare -F unset; then
    if builtin [ "$__dexec_others" -ne 0 ]; then
      (
        builtin exec >"$__dexec_out"
        builtin eval "$2"
      )
    fi
    builtin exit 1
  fi
  __dexec_p=${__dexec_traps%%" EXIT"$'\n'*}
  case $__dexec_traps in
    "trap -- '(. /proc/self/fd/9;"*" EXIT"$'\n'* | "trap -- - EXIT"*) __dexec_p='' ;;
    "trap -- "*" EXIT"$'\n'*) __dexec_p=${__dexec_p#trap -- } ;;
    *) __dexec_p='' ;;
  esac
  # An EXIT trap of the user's runs first: it may end the processes that the shell would wait for.
  case $__dexec_others:$__dexec_p in
    0:?*) builtin printf '\\exit %s' "$__dexec_code" >/proc/self/fd/9 ;;
    0:) builtin printf '\\trap - EXIT;\\exit %s' "$__dexec_code" >/proc/self/fd/9 ;;
    *:?*) builtin printf '\\trap -- %s%q EXIT;\\exit %s' "$__dexec_p" $'\n'"$2" "$__dexec_code" >/proc/self/fd/9 ;;
    *) builtin printf %s "$2" >/proc/self/fd/9 ;;
  esac
  builtin exit 0
}
__dexec_within=${FUNCNAME[1]-}
__dexec_out=/proc/$$/fd/1
case ${BASH_SOURCE[0]-} in
  */15)
    # The shell has ended in a function, and the cell's changes of its descriptors are not undone.
    \exec 8>&14 9<&15 >&11
    __dexec_out=/proc/$$/fd/11
    ;;
esac
