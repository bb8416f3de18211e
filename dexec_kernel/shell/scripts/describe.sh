# dexec-kernel: describes a word. Typed text is never evaluated, and no program is run.
#
# Run as: SHELL -c 'eval "$DEXEC_SCRIPT"' dexec-describe MARK KIND CWD HOME NAME
# KIND is command, file or variable; NAME is plain text, for variable an identifier; with a HOME of
# "~" the NAME is below the home. Prints between two MARKs.
# shellcheck disable=SC3044,SC3045 # bash has compgen, and all have ulimit -t
# shellcheck disable=SC3037 # only bash comes to its declare and type -t
exec 2>/dev/null
ulimit -t 2
mark=$1 kind=$2 name=$5
printf '%s' "$mark"
[ -z "$3" ] || cd "$3" || exit 0
[ -z "$4" ] || name=${HOME%/}/$name

describe_file() {
  [ -e "$1" ] || [ -L "$1" ] || return
  printf '%s: ' "$1"
  [ -L "$1" ] && printf 'symbolic link to a '
  if [ -d "$1" ]; then
    printf 'folder'
  elif [ -f "$1" ]; then
    [ -s "$1" ] || printf 'empty '
    printf 'file'
  elif [ -p "$1" ]; then
    printf 'pipe'
  elif [ -b "$1" ] || [ -c "$1" ]; then
    printf 'device'
  elif [ -e "$1" ]; then
    printf 'special file'
  else
    printf 'name that does not exist'
  fi
  [ -r "$1" ] && printf ', readable'
  [ -w "$1" ] && printf ', writable'
  [ -x "$1" ] && printf ', executable'
  [ -u "$1" ] && printf ', setuid'
  [ -g "$1" ] && printf ', setgid'
  printf '\n'
}

describe_command() {
  found=$(type "$name") || return  # busybox says on stdout that there is none
  printf '%s\n' "$found"
  path=$(command -v "$name")
  case $path in
    /*) describe_file "$path" ;;
    *)
      # A pattern would list other names; `type` knows it, so that it is a name.
      if command -v compgen >/dev/null; then
        printf '\n'
        help -m "$name"
      fi
      ;;
  esac
}

case $kind in
  command) describe_command ;;
  file) describe_file "$name" ;;
  variable)
    if command -v compgen >/dev/null; then
      printf 'declare\n'
      declare -p "$name"
    else
      printf 'set\n'
      set
    fi
    ;;
esac
printf '%s' "$mark"
