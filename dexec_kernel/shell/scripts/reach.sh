# dexec-kernel: finds the processes of one cell. signal.sh and guardian.sh follow after this text.
#
# These are the group and the session of the cell's process, the descendants of all found, their
# sessions, and each process that has the cell's own output open; to a fixpoint. A child of a
# parent that has died is no descendant any more. So the processes of earlier calls are arguments,
# each with its start time: another process may have its PID by now.
# Only builtins are used: a minimal image has no kill and no ps.
# shellcheck disable=SC3013 # -ef, which all have

# Sets $found to "PID:START …", those outside of the leader's group once more in $outside.
find_cell() { # LEADER [PID:START …]
  leader=$1
  shift
  known=" $* "
  processes=''
  for stat in /proc/[0-9]*/stat; do
    IFS= read -r line <"$stat" || continue
    # "PID (NAME) STATE …": the name may hold anything, even a parenthesis.
    # shellcheck disable=SC2086 # the fields are wanted one by one
    take_process "${line%% *}" ${line##*) }
  done
  find_output
  found=''
  outside=''
  pids=' '
  sessions=" $leader "
  again=yes
  while [ -n "$again" ]; do
    again=''
    for process in $processes; do
      pid=${process%%:*}
      case $pids in *" $pid "*) continue ;; esac
      rest=${process#*:}
      parent=${rest%%:*}
      rest=${rest#*:}
      group=${rest%%:*}
      rest=${rest#*:}
      session=${rest%%:*}
      start=${rest#*:}
      if [ "$group" != "$leader" ]; then
        case "$pids/$sessions/$known" in
          *" $parent "*/*/* | */*" $session "*/* | */*/*" $pid:$start "*) ;;
          *) has_output "$pid" || continue ;;
        esac
        outside="$outside $pid"
      fi
      pids="$pids$pid "
      sessions="$sessions$session "
      found="$found $pid:$start"
      again=yes
    done
  done
}

take_process() { # PID STATE PARENT GROUP SESSION …, in the order of stat
  case $2 in Z | X) return ;; esac
  processes="$processes $1:$3:$4:$5:${21}"
}

# Sets $output to those files of the leader's that are its output: pipes without a name, since a
# named one may be other people's too. Such pipes are all of one mount, as our own output is.
find_output() {
  output=''
  mount_of "/proc/$$/fdinfo/1"
  ours=$mount
  [ -p "/proc/$$/fd/1" ] && [ -n "$ours" ] || return
  for descriptor in 1 2 3 4; do
    [ -p "/proc/$leader/fd/$descriptor" ] || continue
    mount_of "/proc/$leader/fdinfo/$descriptor"
    [ "$mount" = "$ours" ] && output="$output /proc/$leader/fd/$descriptor"
  done
}

mount_of() { # FDINFO
  mount=''
  [ -r "$1" ] || return
  while read -r key value; do
    [ "$key" = mnt_id: ] && mount=$value
  done <"$1"
}

has_output() { # PID
  for file in $output; do
    if [ "/proc/$1/fd/1" -ef "$file" ] || [ "/proc/$1/fd/2" -ef "$file" ]; then
      return 0
    fi
  done
  return 1
}

signal_found() { # SIGNAL
  kill -"$1" -"$leader"
  for pid in $outside; do
    kill -"$1" "$pid"
  done
}

# A stopped process starts no other that could be missed.
kill_found() {
  rounds=0
  while [ "$rounds" -lt 10 ]; do
    before=$pids
    signal_found STOP
    # shellcheck disable=SC2086 # one by one
    find_cell "$leader" $known $found
    [ "$pids" = "$before" ] && break
    rounds=$((rounds + 1))
  done
  signal_found KILL
}
