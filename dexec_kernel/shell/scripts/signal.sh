# dexec-kernel: signals the processes of one cell, and lists those alive. Follows reach.sh.
#
# Run as: SHELL -c 'eval "$DEXEC_SCRIPT"' dexec-signal SIGNAL LEADER [PID:START …]
# LEADER is the PID of the cell's process, which leads its process group and its session. SIGNAL is
# a name without SIG, or 0 for none. The rest is the output of an earlier call. Prints PID:START
# of the processes that were alive before the signal, and a full stop. The reader need not wait for
# the end of the stream: an engine may hold that back for seconds while another exec's background
# process has its output open.
exec 2>/dev/null
signal=$1
shift
find_cell "$@"
case $signal in
  0) ;;
  KILL) kill_found ;;
  *) signal_found "$signal" ;;
esac
# shellcheck disable=SC2154 # reach.sh sets it
for process in $found; do
  printf '%s\n' "$process"
done
printf '.\n'
