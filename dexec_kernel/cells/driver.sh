# dexec-kernel: one notebook cell. Nothing of this stays in the container.
#
# Run as: SHELL -c 'eval "$1";eval "shift;$1"' cell THIS MARK [PART …]
# Tells the kernel on stderr, between two MARKs, its PID and working directory; takes the cell from
# the PARTs or, when there are none, from stdin up to a line that is MARK; leaves it in $1 for the
# second eval, which stands on line 1 so that errors count the cell's lines.
# Everything here is POSIX and a builtin, for images that have nothing but a shell.
__dexec_mark=$2
shift 2
printf '%s%s %s%s' "$__dexec_mark" "$$" "$PWD" "$__dexec_mark" >&2
if [ "$#" -eq 0 ]; then
  # Lines are gathered by the hundred: to append each to the whole takes minutes at a megabyte.
  __dexec_part=''
  __dexec_lines=0
  while :; do
    # End of file before the mark: the kernel is gone, and half a cell is never run.
    IFS= read -r __dexec_line || exit 125
    [ "$__dexec_line" = "$__dexec_mark" ] && break
    __dexec_part="$__dexec_part$__dexec_line
"
    __dexec_lines=$((__dexec_lines + 1))
    if [ "$__dexec_lines" -eq 100 ]; then
      set -- "$@" "$__dexec_part"
      __dexec_part=''
      __dexec_lines=0
    fi
  done
  set -- "$@" "$__dexec_part"
fi
__dexec_ifs=$IFS
IFS=
__dexec_part="$*"
IFS=$__dexec_ifs
set -- "$__dexec_part"
# The cell sees none of our names.
unset -v __dexec_mark __dexec_part __dexec_line __dexec_lines __dexec_ifs
