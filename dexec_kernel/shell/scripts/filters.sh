# dexec-kernel: in front of lingering.sh in bash: the filters that wait for the cell's shell to end.
#
# The end of the user's shell closes its descriptors. Where this is that shell, it does so at once.
for p in /proc/$$/fd/*; do
  case ${p##*/} in [0128] | 255) ;; *) eval "exec ${p##*/}>&-" ;; esac
done
# A shell that has ended in a function waits for this one, and keeps what the cell has redirected:
# after `exec > >(tee log)` a filter waits for its end, and so do the filters behind that one.
waits_for_shell() { # PROCESS SHELL
  for d in "/proc/$2"/fd/[1-9] $filters; do
    case $d in */fd/*) ;; *) d=$d/fd/1 ;; esac
    if [ -p "$d" ] && [ "$1/fd/0" -ef "$d" ]; then return 0; fi
  done
  return 1
}
find_filters() { # SHELL
  if [ "$1" = "$$" ]; then return; fi
  while :; do
    known=$filters
    for p in /proc/[0-9]*; do
      case " $filters " in *" $p "*) continue ;; esac
      if waits_for_shell "$p" "$1"; then filters="$filters $p"; fi
    done
    if [ "$filters" = "$known" ]; then return; fi
  done
}
