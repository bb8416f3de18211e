# dexec-kernel: the state that a cell leaves, told when its shell ends. For any POSIX shell but bash.
# handover_bash.sh is for bash, and explains the parts that are common to both.
#
# Special builtins are found before functions here, and no trap runs for commands of ours. A subshell
# does not know the traps of its parent, and no shell but bash can print its functions: neither is
# handed over.
\set +euvxf
__leave() {
  \unset -f printf alias umask read test '['
  __dexec_code=${__dexec_was%%:*}
  # Half of the parameters that zsh prints are its own, and they cannot be set.
  \[ -z "${ZSH_VERSION-}" ] || __dexec_keep=no
  \[ -x /bin/sh ] && __dexec_p=/bin/sh || __dexec_p=/proc/$$/exe
  __dexec_linger="\\unset -v BASH_ENV ENV;\\exec $__dexec_p -s $__dexec_code $$ <<'__dexec_end'
mark=$__dexec_mark
$__dexec_lingering
__dexec_end
"
  # No variable holds the mark while the variables are printed.
  \set -- "$__dexec_mark" "$__dexec_linger" "$@"
  case ${1-} in "$__dexec_mark") ;; *) \exit 1 ;; esac
  \unset -v __dexec_mark __dexec_lingering __dexec_linger
  # It is in no parameter either, but in a function's text, which nothing prints.
  \eval "__dexec_say() {
    \\printf '%s%s ' '${1%:};' \"\$1\"
  }"
  __dexec_dump() { # MARK LINGER ARGUMENT …
    \__dexec_say shell
    \printf %s "$__dexec_was"
    \__dexec_say options
    \set +o
    \__dexec_say folder
    \printf %s "$PWD"
    \__dexec_say umask
    \umask
    \shift 2
    for __dexec_text; do
      \__dexec_say argument
      \printf %s "$__dexec_text"
    done
    # Mksh remembers the match of a pattern.
    __dexec_text=x
    __dexec_text=${__dexec_text%x}
    \unset -v __dexec_text __dexec_p
    \__dexec_say aliases
    \alias
    \__dexec_say variables
    \set --
    \set
    \export -p
    \readonly -p
    \__dexec_say end
  }
  \read -r __dexec_self __dexec_p </proc/self/stat
  __dexec_others=0
  if \[ -p /proc/$$/fd/1 ] && \[ -p /proc/$$/fd/8 ]; then
    for __dexec_p in /proc/[0-9]*; do
      case $__dexec_p in "/proc/$$" | "/proc/$__dexec_self") \continue ;; esac
      if \[ "$__dexec_p/fd/1" -ef /proc/$$/fd/1 -o "$__dexec_p/fd/2" -ef /proc/$$/fd/8 \
        -o "$__dexec_p/fd/2" -ef /proc/$$/fd/1 -o "$__dexec_p/fd/1" -ef /proc/$$/fd/8 \
        -o "$__dexec_p/fd/11" -ef /proc/$$/fd/1 -o "$__dexec_p/fd/14" -ef /proc/$$/fd/8 ]; then
        __dexec_others=$((__dexec_others + 1))
      fi
    done
  fi
  if \[ "$__dexec_keep" = yes ] && \[ "$__dexec_others" -eq 0 ]; then
    \printf '%sstate ' "$1" >&8
    __dexec_dump "$@" >&8
    \printf %s "$1" >&8
  elif \[ "$__dexec_keep" = yes ]; then
    __dexec_text=$(__dexec_dump "$@")
    LC_ALL=C
    __dexec_size=${#__dexec_text}
    __dexec_cuts=$(eval ': "${1:0:1}"' && \printf yes)
    __dexec_number=0
    while \[ -n "$__dexec_text" ] && \[ "$__dexec_size" -lt 4000000 ]; do
      if \[ -n "$__dexec_cuts" ]; then
        eval '__dexec_p=${__dexec_text:0:3900} __dexec_text=${__dexec_text:3900}'
      else # dash
        __dexec_p=$(\printf '%.3900s.' "$__dexec_text")
        __dexec_p=${__dexec_p%.}
        __dexec_text=${__dexec_text#"$__dexec_p"}
      fi
      \printf %s "${1}part$__dexec_number $__dexec_p$1" >&8
      __dexec_number=$((__dexec_number + 1))
    done
    \printf %s "${1}parts $__dexec_number $__dexec_size ${1%:};$1" >&8
  else
    \printf '%send %s%s' "$1" "$__dexec_code" "$1" >&8
  fi
  if \[ "$__dexec_others" -ne 0 ]; then
    \printf '(%s)\n' "$2" >/proc/self/fd/9
  fi
  \printf '\\exit %s' "$__dexec_code" >>/proc/self/fd/9
  \exit 0
}
