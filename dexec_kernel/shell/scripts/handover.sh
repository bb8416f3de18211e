# dexec-kernel: the state that a cell leaves, told when its shell ends. For any POSIX shell but bash.
# handover_bash.sh is for bash, and explains the parts that are common to both.
#
# Special builtins are found before functions here, and no trap runs for commands of ours. A subshell
# does not know the traps of its parent, and no shell but bash can print its functions: neither is
# handed over.
\set +euvxf
__after_leave() {
  \unset -f printf alias umask pwd test '['
  # Mksh has no printf of its own, and yash has builtins in the folders of PATH alone.
  # In an eval: here an alias of that name would be expanded.
  \printf '' || eval 'printf() { \command -p printf "$@"; }'
  \[ 1 ] || eval '[() { \command -p [ "$@"; }'
  __after_code=${__after_was%%:*}
  # Half of the parameters that zsh prints are its own, and they cannot be set.
  \[ -z "${ZSH_VERSION-}" ] || __after_keep=no
  \[ -x /bin/sh ] && __after_p=/bin/sh || __after_p=/proc/$$/exe
  __after_linger="\\unset -v BASH_ENV ENV;\\exec $__after_p -s $__after_code $$ <<'__after_end'
mark=$__after_mark
$__after_lingering
__after_end
"
  # No variable holds the mark while the variables are printed.
  \set -- "$__after_mark" "$__after_linger" "$@"
  case ${__after_mark:+${1-}} in "${__after_mark:-no}") ;; *) \exit 1 ;; esac
  \unset -v __after_mark __after_lingering __after_linger
  # It is in no parameter either, but in a function's text, which nothing prints. Each write wakes
  # those who pass it on: the text of one part and the name of the next are one.
  \eval "__after_say() { # TEXT NAME …
    \\printf '%s${1%:};%s ' \"\$@\"
  }"
  __after_dump() { # MARK LINGER ARGUMENT …
    \__after_say '' shell "$__after_was" options
    \set +o
    \__after_say '' folder
    \pwd || \printf '%s\n' "$PWD"
    \__after_say '' umask
    \umask
    \shift 2
    for __after_text; do
      \__after_say '' argument
      \printf %s "$__after_text"
    done
    # Mksh remembers the match of a pattern.
    __after_text=x
    __after_text=${__after_text%x}
    \unset -v __after_text __after_p
    \__after_say '' aliases
    \alias
    \__after_say '' variables
    \set --
    \set
    \export -p
    \readonly -p
    \__after_say '' end
  }
  __after_others=0
  if \[ -p /proc/$$/fd/1 ] && \[ -p /proc/$$/fd/8 ]; then
    for __after_p in /proc/[0-9]*; do
      case $__after_p in "/proc/$$") \continue ;; esac
      if \[ "$__after_p/fd/1" -ef /proc/$$/fd/1 -o "$__after_p/fd/2" -ef /proc/$$/fd/8 \
        -o "$__after_p/fd/2" -ef /proc/$$/fd/1 -o "$__after_p/fd/1" -ef /proc/$$/fd/8 \
        -o "$__after_p/fd/11" -ef /proc/$$/fd/1 -o "$__after_p/fd/14" -ef /proc/$$/fd/8 ]; then
        # This subshell has it open, too. It does not know its PID.
        \[ "$__after_p" -ef /proc/self ] || __after_others=$((__after_others + 1))
      fi
    done
  fi
  if \[ "$__after_keep" = yes ] && \[ "$__after_others" -eq 0 ]; then
    \printf '%sstate ' "$1" >&8
    __after_dump "$@" >&8
    \printf %s "$1" >&8
  elif \[ "$__after_keep" = yes ]; then
    __after_text=$(__after_dump "$@")
    LC_ALL=C
    __after_size=${#__after_text}
    __after_cuts=$(eval ': "${1:0:1}"' && \printf yes)
    __after_number=0
    while \[ -n "$__after_text" ] && \[ "$__after_size" -lt 4000000 ]; do
      if \[ -n "$__after_cuts" ]; then
        eval '__after_p=${__after_text:0:3900} __after_text=${__after_text:3900}'
      else # dash
        __after_p=$(\printf '%.3900s.' "$__after_text")
        __after_p=${__after_p%.}
        __after_text=${__after_text#"$__after_p"}
      fi
      \printf %s "${1}part$__after_number $__after_p$1" >&8
      __after_number=$((__after_number + 1))
    done
    \printf %s "${1}parts $__after_number $__after_size ${1%:};$1" >&8
  else
    \printf '%send %s%s' "$1" "$__after_code" "$1" >&8
  fi
  if \[ "$__after_others" -ne 0 ]; then
    \printf '(%s)\n' "$2" >/proc/self/fd/9
  fi
  # Without the pipe the trap knows that all is told.
  \printf '\\exec 9<&-;\\exit %s' "$__after_code" >>/proc/self/fd/9
  \exit 0
}
