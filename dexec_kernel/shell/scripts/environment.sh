# dexec-kernel: the variables that the container gives to every process of its own.
#
# Run as: SHELL -c 'eval "$DEXEC_SCRIPT"' dexec-environment MARK
printf '%s' "$1"
export -p
printf '%s' "$1"
