# dexec-kernel: the state that a cell leaves, told when its shell ends. For bash; handover.sh is for
# other shells. lingering.sh follows this text, as the value of __after_linger.
#
# Sourced in a subshell, from a pipe: the first line there has the exit code and the options of the
# cell, the last one sets the mark. A trap for ERR may not be seen in a sourced file: the caller puts
# the traps into the pipe, and then calls the function. A subshell has no DEBUG trap, so that the
# user's counts and shows the user's commands alone. POSIX mode is an assignment away; in it, special
# builtins are found before functions, and `builtin` is to be trusted. $__after_was comes from before
# that mode. No alias is expanded in the text after this line.
#
# A process that has our output open may print while we do. Then the state is gathered first, and
# told in parts that are each one write of at most PIPE_BUF bytes (4096, POSIX), into which nobody
# else's output can get. Numbers and the length show that it is whole.
case :$SHELLOPTS: in *:posix:*) ;; *) \set -o posix ;; esac
case :$SHELLOPTS: in *:posix:*) ;; *) POSIXLY_CORRECT=1 \: ;; esac
\unset -f builtin
\builtin enable builtin [ . : alias continue declare dirs eval exec exit printf pwd read set shift shopt trap umask unset
\set +aeuvxf
# Without them nothing of this works, and an error in an expansion ends a subshell without a builtin.
\builtin printf -v __after_p ok
case ${__after_p-} in ok) ;; *) case ${__after_none?} in *) ;; esac ;; esac
# It may allow no function to call another. It may be readonly: then this must do.
case ${FUNCNEST-} in ?*) (FUNCNEST=) && __after_nest=$FUNCNEST FUNCNEST= ;; esac
\builtin shopt -u expand_aliases
__after_leave() {
  # The pipe holds the traps. With `set -ET` they would run here, too.
  builtin trap - DEBUG ERR RETURN
  # It would show the mark among the arguments of functions.
  builtin shopt -u extdebug
  __after_code=${__after_was%%:*}
  __after_linger="\\unset -v BASH_ENV ENV;\\exec /proc/$$/exe -p -s $__after_code $$ <<'__after_end'
mark=$__after_mark
$__after_lingering
__after_end
"
  # No variable holds the mark while the variables are printed.
  __after_p="${__after_mark%:};"
  \set -- "$__after_mark" "$__after_linger" "$__after_p" ${@+"${@/#/${__after_p}argument }"}
  # Without its marks all this would be the cell's output.
  case ${__after_mark:+${1-}} in "${__after_mark:-no}") ;; *) builtin exit 1 ;; esac
  \unset -v __after_mark __after_lingering __after_linger __after_p
  # The last line's end keeps the traps whole, whatever IFS is.
  builtin read -r -d '' __after_traps </proc/self/fd/9
  __after_traps=${__after_traps%$'\n'}$'\n'
  __after_dump() { # MARK LINGER SEPARATOR ARGUMENT …
    # Each write wakes those who pass it on.
    builtin printf '%sshell %s%straps %s%swithin %s%sfolder ' \
      "$3" "$__after_was" "$3" "$__after_traps" "$3" "$__after_within" "$3"
    builtin pwd || builtin printf '%s\n' "$PWD"
    builtin printf '%sumask ' "$3"
    builtin umask
    builtin printf '%sfolders ' "$3"
    builtin dirs -l -p
    builtin printf %s "${@:4}" "$3" 'functions '
    # They go on without their names.
    \unset -f __after_leave __after_dump
    builtin declare -F
    builtin declare -f
    builtin printf '%saliases ' "$3"
    builtin alias -p
    builtin printf '%svariables ' "$3"
    builtin : # Else $_ would hold the mark, in the midst of the variables.
    case ${__after_nest-} in ?*) FUNCNEST=$__after_nest ;; esac
    builtin declare -p
    builtin printf '%send ' "$3"
  }
  __after_others=0
  if builtin [ -p "$__after_out" ] && builtin [ -p /proc/self/fd/8 ]; then
    for __after_p in /proc/[0-9]*; do
      case $__after_p in "/proc/$$" | "/proc/$BASHPID") \continue ;; esac
      if builtin [ "$__after_p/fd/1" -ef "$__after_out" -o "$__after_p/fd/2" -ef /proc/self/fd/8 \
        -o "$__after_p/fd/2" -ef "$__after_out" -o "$__after_p/fd/1" -ef /proc/self/fd/8 \
        -o "$__after_p/fd/11" -ef "$__after_out" -o "$__after_p/fd/14" -ef /proc/self/fd/8 ]; then
        __after_others=$((__after_others + 1))
      fi
    done
  fi
  if builtin [ "$__after_keep$__after_others" = yes0 ]; then
    builtin printf '%sstate ' "$1" >&8
    __after_dump "$@" >&8
    builtin printf %s "$1" >&8
  elif builtin [ "$__after_keep" = yes ]; then
    __after_text=$(__after_dump "$@")
    # Bash would write line by line: the mark's beginning stands for a line's end.
    __after_text=${__after_text//$'\n'/${1:0:14}}
    LC_ALL=C
    __after_p=0
    while ((__after_p < ${#__after_text} && ${#__after_text} < 4000000)); do
      builtin printf %s "${1}part$((__after_p / 3900)) ${__after_text:__after_p:3900}$1" >&8
      __after_p=$((__after_p + 3900))
    done
    builtin printf %s "${1}parts $((__after_p / 3900)) ${#__after_text} $3$1" >&8
  else
    builtin printf '%send %s%s' "$1" "$__after_code" "$1" >&8
  fi
  # The pipe takes the shell's own next command: it ends, or waits. It does nothing where the user
  # could see it: in a DEBUG trap, or in a function called as a word of ours. POSIX mode would not
  # look for functions of such names.
  \set +o posix
  case $__after_traps in *"-- - DEBUG"*) __after_p='' ;; *" DEBUG"*) __after_p=seen ;; *) __after_p='' ;; esac
  if builtin [ -n "$__after_p" ] || builtin [ "$__after_out" = "/proc/$$/fd/11" ] ||
    builtin declare -F . || builtin declare -F trap || builtin declare -F exit ||
    builtin declare -F exec || builtin declare -F unset; then
    if builtin [ "$__after_others" -ne 0 ]; then
      # A copy of a descriptor that bash has saved would be closed by `exec`.
      (
        builtin set -o posix
        builtin eval "$2"
      ) >"$__after_out" 8>"$__after_err"
    fi
    builtin exit 1
  fi
  __after_p=${__after_traps%%" EXIT"$'\n'*}
  case $__after_traps in
    "trap -- '{ (. /proc/self/fd/9;"*" EXIT"$'\n'* | "trap -- - EXIT"*) __after_p='' ;;
    "trap -- "*" EXIT"$'\n'*) __after_p=${__after_p#trap -- } ;;
    *) __after_p='' ;;
  esac
  # An EXIT trap of the user's runs first: it may end the processes that the shell would wait for.
  case $__after_others:$__after_p in
    0:?*) builtin printf '\\exit %s' "$__after_code" >/proc/self/fd/9 ;;
    0:) builtin printf '\\trap - EXIT;\\exit %s' "$__after_code" >/proc/self/fd/9 ;;
    *:?*) builtin printf '\\trap -- %s%q EXIT;\\exit %s' "$__after_p" $'\n'"$2" "$__after_code" >/proc/self/fd/9 ;;
    *) builtin printf %s "$2" >/proc/self/fd/9 ;;
  esac
  builtin exit 0
}
__after_within=${FUNCNAME[1]-}
__after_out=/proc/$$/fd/1 __after_err=/proc/self/fd/8
case ${BASH_SOURCE[0]-} in
  */15)
    # The shell has ended in a function, and the cell's changes of its descriptors are not undone.
    # This subshell has copies, which would look like those of another process.
    \exec 8>&14 9<&15 10>&- 11>&- 12>&- 13>&- 14>&- 15<&-
    __after_out=/proc/$$/fd/11 __after_err=/proc/$$/fd/14
    ;;
esac
