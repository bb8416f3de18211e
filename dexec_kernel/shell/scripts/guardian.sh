# dexec-kernel: ends the long cells of a kernel that was killed, and looks for a cell's readers.
# Follows reach.sh and waiting.sh.
#
# Run as: SHELL -c 'eval "$DEXEC_SCRIPT"' dexec-guardian
# Prints its PID. Is told on stdin, a line each: "add LEADER", "del LEADER", "end", and
# "waiting LEADER MARK", which it answers as waiting.sh does, so that no exec need start. End of file
# before "end" means that the kernel is gone, or the connection alone: then the kernel ends this one
# and starts another, and has two seconds for it. After those the processes of the cells get
# SIGTERM, a second later SIGKILL.
exec 2>/dev/null
printf '%s\n' "$$"
leaders=' '
while read -r verb number mark; do
  case $verb in
    add) leaders="$leaders$number " ;;
    del)
      case $leaders in
        *" $number "*) leaders="${leaders%%" $number "*} ${leaders#*" $number "}" ;;
      esac
      ;;
    waiting) tell_waiting "$mark" "$number" ;;
    end) exit 0 ;;
  esac
done
[ "$leaders" = ' ' ] || sleep 2
# shellcheck disable=SC2154 # reach.sh sets it
for number in $leaders; do
  find_cell "$number"
  eval "found_$number=\$found"
  signal_found TERM
done
[ "$leaders" = ' ' ] || sleep 1
for number in $leaders; do
  eval "found=\$found_$number"
  # shellcheck disable=SC2086,SC2154 # one by one; set above
  find_cell "$number" $found
  kill_found
done
