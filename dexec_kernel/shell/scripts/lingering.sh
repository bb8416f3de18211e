# dexec-kernel: keeps a cell's shell until its background processes have ended.
#
# Run with a cell's mark as mark, its exit code and the PID of its shell as $1 and $2, with its
# stdout as 1 and its stderr as 8, by a shell that knows nothing of the user's. If the cell's shell
# ended, the engine would cut their output off after two seconds, and hold back the end of every
# other exec in the container meanwhile. The kernel is told, and does not wait.
\set +euvxf
\unset -f '[' printf sleep
exec 3>&- 4>&- 5>&- 6>&- 7>&- 9>&- 2>/dev/null
looks=0 told=0 filters=''
while :; do
  count=0
  for p in /proc/[0-9]*; do
    case " $filters " in *" $p "*) continue ;; esac
    if [ "$p" != "/proc/$$" ] && [ "$p" != "/proc/$2" ] && {
      [ "$p/fd/1" -ef "/proc/$$/fd/1" ] || [ "$p/fd/2" -ef "/proc/$$/fd/8" ] ||
        [ "$p/fd/2" -ef "/proc/$$/fd/1" ] || [ "$p/fd/1" -ef "/proc/$$/fd/8" ] ||
        [ "$p/fd/11" -ef "/proc/$$/fd/1" ] || [ "$p/fd/14" -ef "/proc/$$/fd/8" ]
    }; then
      count=$((count + 1))
    fi
  done
  [ "$count" -gt 0 ] || break
  # A command that was only just started may not have redirected its output yet, and a filter that
  # the cell's output went through ends at the end of its input.
  looks=$((looks + 1))
  if [ "$looks" -le 4 ]; then
    sleep 0.02 >/dev/null 8>&- || break
    continue
  fi
  if [ "$looks" -eq 5 ] && [ -n "${BASH_VERSION-}" ]; then
    find_filters "$2"
    continue
  fi
  [ "$count" = "$told" ] || printf '%sbackground %s %s%s' "$mark" "$1" "$count" "$mark" >&8
  told=$count
  sleep 1 >/dev/null 8>&- || break
done
[ "$told" -eq 0 ] || printf '%sbackground %s 0%s' "$mark" "$1" "$mark" >&8
exit "$1"
