# dexec-kernel: signals what one cell started, and lists what of it is alive.
#
# Run as: SHELL -c THIS dexec-signal SIGNAL LEADER
# LEADER is the PID of the cell's process, which leads its process group and its session. SIGNAL is
# a name without SIG, or 0 for none. Prints the PIDs of the group and session that are not zombies,
# and a full stop. Whoever reads it need not wait for the end of the stream: an engine may hold that
# back for seconds while another exec's background process has its output open.
# Only builtins are used: a minimal image has no kill and no ps.
exec 2>/dev/null
signal=$1
leader=$2

look_at() { # PID STATE PARENT GROUP SESSION …
  case $2 in Z | X) return ;; esac
  if [ "$4" = "$leader" ] || [ "$5" = "$leader" ]; then
    # Whoever left the group and kept the session was not reached by the kill below.
    if [ "$signal" != 0 ] && [ "$4" != "$leader" ]; then
      kill -"$signal" "$1"
    fi
    printf '%s\n' "$1"
  fi
}

if [ "$signal" != 0 ]; then
  kill -"$signal" -"$leader"
fi
for stat in /proc/[0-9]*/stat; do
  IFS= read -r line <"$stat" || continue
  # "PID (NAME) STATE …": the name may hold anything, even a parenthesis.
  # shellcheck disable=SC2086 # the fields are wanted one by one
  look_at "${line%% *}" ${line##*) }
done
printf '.\n'
