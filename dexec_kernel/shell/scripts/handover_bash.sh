# dexec-kernel: what a cell leaves behind, told when its shell ends. For bash; handover.sh is for
# other shells, and lingering.sh follows after this text, as the value of __dexec_linger.
#
# Sourced in a subshell, from a pipe: the first line there says what was (exit code, options) and
# sets the mark. A subshell has no DEBUG trap, so that the user's counts and shows the user's
# commands alone; in POSIX mode, which is an assignment away, special builtins are found before
# functions, and then `builtin` is to be trusted. $__dexec_was comes from before that mode.
#
# A process that has our output open may print while we do. Then the state is gathered first, and
# told in parts that are each one write of at most PIPE_BUF bytes (4096, POSIX), into which nobody
# else's output can get. Numbers and the length show that it is whole.
__dexec_leave() {
  \unset -f builtin
  # It would show the mark among the arguments of functions.
  builtin shopt -u extdebug
  __dexec_code=${__dexec_was%%:*}
  __dexec_linger="unset -v BASH_ENV ENV;exec /proc/$$/exe -p -s $__dexec_code $$ <<'__dexec_end'
mark=$__dexec_mark
$__dexec_lingering
__dexec_end
"
  # No variable holds the mark while the variables are printed.
  __dexec_p="${__dexec_mark%:};"
  \set -- "$__dexec_mark" "$__dexec_linger" "$__dexec_p" ${@+"${@/#/${__dexec_p}argument }"}
  \unset -v __dexec_mark __dexec_lingering __dexec_linger __dexec_p
  \builtin enable printf shopt umask dirs alias declare read :
  # Into REPLY nothing is split, whatever IFS is, which may be read-only.
  __dexec_p=${REPLY-} __dexec_text=${REPLY+x}
  builtin read -r -d '' </proc/self/fd/9 || \builtin :
  __dexec_traps=$REPLY REPLY=$__dexec_p
  [[ $__dexec_text ]] || \unset -v REPLY
  __dexec_dump() { # MARK LINGER SEPARATOR ARGUMENT …
    builtin printf '%sshell %s' "$3" "$__dexec_was"
    builtin printf '%straps %s' "$3" "$__dexec_traps"
    builtin printf '%soptions ' "$3"
    \set +o
    builtin shopt -p
    builtin printf '%sfolder %s' "$3" "$PWD"
    builtin printf '%sumask ' "$3"
    builtin umask
    builtin printf '%sfolders ' "$3"
    builtin dirs -l -p
    builtin printf %s "${@:4}"
    builtin printf '%sfunctions ' "$3"
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
  if [[ -p $__dexec_out && -p /proc/self/fd/8 ]]; then
    for __dexec_p in /proc/[0-9]*; do
      if [[ $__dexec_p != "/proc/$$" && $__dexec_p != "/proc/$BASHPID" ]] &&
        [[ $__dexec_p/fd/1 -ef $__dexec_out || $__dexec_p/fd/2 -ef /proc/self/fd/8 ||
          $__dexec_p/fd/2 -ef $__dexec_out || $__dexec_p/fd/1 -ef /proc/self/fd/8 ||
          $__dexec_p/fd/10 -ef $__dexec_out || $__dexec_p/fd/13 -ef /proc/self/fd/8 ]]; then
        __dexec_others=$((__dexec_others + 1))
      fi
    done
  fi
  if [[ $__dexec_keep == yes && $__dexec_others == 0 ]]; then
    builtin printf '%sstate ' "$1" >&8
    __dexec_dump "$@" >&8
    builtin printf %s "$1" >&8
  elif [[ $__dexec_keep == yes ]]; then
    __dexec_text=$(__dexec_dump "$@")
    # Bash would write line by line: the mark's beginning stands for a line's end.
    __dexec_text=${__dexec_text//$'\n'/${1:0:14}}
    LC_ALL=C
    __dexec_p=0
    while [[ $__dexec_p -lt ${#__dexec_text} && ${#__dexec_text} -lt 4000000 ]]; do
      builtin printf %s "${1}part$((__dexec_p / 3900)) ${__dexec_text:__dexec_p:3900}$1" >&8
      __dexec_p=$((__dexec_p + 3900))
    done
    builtin printf %s "${1}parts $((__dexec_p / 3900)) ${#__dexec_text} $3$1" >&8
  else
    builtin printf '%send%s' "$1" "$1" >&8
  fi
  # The pipe takes what the shell itself is to do: it ends, or waits. It does nothing where the user
  # could see it: in a DEBUG trap, or in a function called as a word of ours. POSIX mode would not
  # look for functions of such names.
  \set +o posix
  if [[ $__dexec_out == */10 || $__dexec_traps == *" DEBUG"* && $__dexec_traps != *"-- - DEBUG"* ]] ||
    builtin declare -F . || builtin declare -F trap || builtin declare -F exit ||
    builtin declare -F exec || builtin declare -F unset; then
    if [[ $__dexec_others != 0 ]]; then
      (
        builtin exec >"$__dexec_out"
        builtin eval "$2"
      )
    fi
    builtin printf 'unset -f builtin;builtin printf "exit 1" >/proc/self/fd/9;exit %s' "$__dexec_code" \
      >/proc/self/fd/9
    builtin exit 1
  fi
  __dexec_p=${__dexec_traps%%" EXIT"$'\n'*}
  case $__dexec_traps in
    "trap -- '(. /proc/self/fd/9)"*" EXIT"$'\n'* | "trap -- - EXIT"*) __dexec_p='' ;;
    "trap -- "*" EXIT"$'\n'*) __dexec_p=${__dexec_p#trap -- } ;;
    *) __dexec_p='' ;;
  esac
  # An EXIT trap of the user's runs first: it may end what the shell would wait for.
  if [[ $__dexec_others == 0 && -n $__dexec_p ]]; then
    builtin printf '\\exit %s' "$__dexec_code" >/proc/self/fd/9
  elif [[ $__dexec_others == 0 ]]; then
    builtin printf '\\trap - EXIT;\\exit %s' "$__dexec_code" >/proc/self/fd/9
  elif [[ -n $__dexec_p ]]; then
    builtin printf '\\trap -- %s%q EXIT;\\exit %s' "$__dexec_p" $'\n'"$2" "$__dexec_code" >/proc/self/fd/9
  else
    builtin printf %s "$2" >/proc/self/fd/9
  fi
  builtin exit 0
}
case ${POSIXLY_CORRECT-} in
  *:*:*) __dexec_was=$POSIXLY_CORRECT ;;
  *) POSIXLY_CORRECT=1 ;;
esac
\set +euvxf
__dexec_out=/proc/$$/fd/1
if [[ ${BASH_SOURCE[0]-} == */14 ]]; then
  # The shell has ended in a function, and what the cell did to its descriptors is not undone.
  \exec 8>&13 9<&14 >&10
  __dexec_out=/proc/$$/fd/10
fi
# The pipe is empty by now. In a function there would be fewer traps.
\trap -p >/proc/self/fd/9
