# dexec-kernel: lists the completions of a word. Typed text is never evaluated.
#
# Run as: SHELL -c 'eval "$DEXEC_SCRIPT"' dexec-complete MARK KIND CWD HOME FOLDER BASE
# KIND is command, program, file, folder or variable. FOLDER and BASE are the two parts of the word
# as plain text: BASE is compared, never expanded; with a HOME of "~" the FOLDER is below the home.
# Prints between two MARKs: a letter for the type and a name, each ended by a slash, which no name
# has; for variables the type of the listing and the listing, which the kernel reads.
# shellcheck disable=SC3044,SC3045 # bash has compgen, and all have ulimit -t
# Only builtins are used. It ends by itself: after 500 matches, or two seconds of processor time.
exec 2>/dev/null
ulimit -t 2
mark=$1 kind=$2 folder=$5 base=$6
printf '%s' "$mark"
[ -z "$3" ] || cd "$3" || exit 0
[ -z "$4" ] || folder=${HOME%/}/$folder
found=''
count=0

finish() {
  printf '%s%s' "$found" "$mark"
  exit 0
}

say() { # TYPE NAME
  found="$found$1$2/"
  count=$((count + 1))
  [ "$count" -lt 500 ] || finish
}

is_program() {
  [ -f "$1" ] && [ -x "$1" ]
}

list_files() {
  for file in "$folder$base"*; do
    if [ -d "$file" ]; then
      say d "${file##*/}"
    elif [ "$kind" = folder ]; then
      continue
    elif [ "$kind" = program ]; then
      is_program "$file" && say c "${file##*/}"
    elif [ -e "$file" ] || [ -L "$file" ]; then
      say f "${file##*/}"
    fi
  done
}

say_each() { # TYPE NAME…
  type=$1
  shift
  for name; do
    case $name in "$base"*) say "$type" "$name" ;; esac
  done
}

list_commands() {
  set -f
  # shellcheck disable=SC2046 # the names are wanted one by one
  if command -v compgen >/dev/null; then
    # Some evaluate their argument as code. So all names are listed, and compared here.
    say_each c $(compgen -b) $(compgen -k)
    say_each F $(compgen -A function)
  else
    for name in . : '[' alias bg break cd chdir command continue echo eval exec exit export false \
      fg getopts hash help jobs kill let local printf pwd read readonly return set shift source \
      test times trap true type ulimit umask unalias unset wait; do
      case $name in "$base"*) command -v "$name" >/dev/null && say c "$name" ;; esac
    done
    say_each c 'if' 'then' 'else' 'elif' 'fi' 'for' 'while' 'until' 'do' 'done' 'case' 'esac'
  fi
  IFS=:
  # shellcheck disable=SC2086 # it is split at the colons
  set -- $PATH
  set +f
  for folder; do
    for file in "${folder:-.}/$base"*; do
      is_program "$file" && say c "${file##*/}"
    done
  done
}

case $kind in
  command) list_commands ;;
  variable)
    if command -v compgen >/dev/null; then
      printf 'names\n'
      compgen -v
    else
      printf 'set\n'
      set
    fi
    ;;
  *) list_files ;;
esac
finish
