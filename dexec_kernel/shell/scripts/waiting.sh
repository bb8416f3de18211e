# dexec-kernel: tells whether a process of one cell waits for the cell's input.
#
# Run as: SHELL -c 'eval "$DEXEC_SCRIPT"' dexec-waiting MARK LEADER
# guardian.sh follows this text, too: run as dexec-guardian, it answers there.
# LEADER is the PID of the cell's process, which leads its session and has the cell's stdin. Prints
# between two MARKs the PID of a process that waits, and "noecho" if the terminal does not show
# typed text; nothing if no process waits, or none may be looked at.
# All but `stty`, which is wanted for terminals alone, is a builtin.
# shellcheck disable=SC3013 # -ef, which all have
# In a pod the guardian's stdin would end with its stderr: containerd closes one with the other, when
# nobody has it open any more.
exec 9>&2 2>/dev/null

# The system call in which a thread waits. The numbers are those of x86-64 and arm64; each is taken
# only with the place in the kernel where it would wait, which is 0 if the kernel does not tell.
waited_descriptor() { # WCHAN NAME NUMBER ARG ARG …
  case $1:$3 in
    # read, of a pipe or of a terminal
    *pipe_read:0 | *pipe_read:63 | pipe_wait:0 | pipe_wait:63) descriptor=$(($4)) ;;
    n_tty_read:0 | n_tty_read:63 | wait_woken:0 | wait_woken:63 | 0:0) descriptor=$(($4)) ;;
    # select and pselect of descriptors below 1, of which there is one
    poll_schedule_timeout*:23 | poll_schedule_timeout*:270 | poll_schedule_timeout*:72 | \
      *do_select:23 | *do_select:270 | *do_select:72 | 0:23 | 0:270)
      [ "$4" = 0x1 ] && [ "$5" != 0x0 ] && descriptor=0
      ;;
    # poll and ppoll: which descriptors cannot be seen, but busybox ash does this to `read`
    poll_schedule_timeout*:7 | poll_schedule_timeout*:271 | poll_schedule_timeout*:73 | \
      *do*_poll:7 | *do*_poll:271 | *do*_poll:73 | 0:7 | 0:271)
      case $2 in sh | ash | busybox) [ "$5" = 0x1 ] && descriptor=0 ;; esac
      ;;
  esac
}

# It may be the very pipe or terminal, or the terminal by its other name.
waits() { # PROCESS NAME
  for thread in "$1"/task/*; do
    IFS= read -r call <"$thread/syscall" || continue
    IFS= read -r wchan <"$thread/wchan" || [ -n "$wchan" ] || continue
    descriptor=''
    # shellcheck disable=SC2086 # the arguments are wanted one by one
    waited_descriptor "$wchan" "$2" $call
    [ -n "$descriptor" ] || continue
    [ "$1/fd/$descriptor" -ef "$stdin" ] && return 0
    [ -t 3 ] && [ "$1/fd/$descriptor" -ef /dev/tty ] && return 0
  done
  return 1
}

session_of() { # STATE PARENT GROUP SESSION …
  session=''
  [ "$1" = Z ] || session=$4
}

look() {
  for process in /proc/[0-9]*; do
    wchan=''
    IFS= read -r line <"$process/stat" || continue
    # "PID (NAME) STATE …": the name may hold anything, even a parenthesis.
    # shellcheck disable=SC2086 # the fields are wanted one by one
    session_of ${line##*) }
    [ "$session" = "$leader" ] || continue
    name=${line#*\(}
    if waits "$process" "${name%)*}"; then
      printf '%s' "${process#/proc/}"
      if [ -t 3 ]; then
        # A program that reads characters shows them itself; it does not want a password.
        case " $(stty -a <&3) " in
          *" -icanon"*) ;;
          *" -echo "* | *" -echo;"*) printf ' noecho' ;;
        esac
      fi
      return
    fi
  done
}

tell_waiting() { # MARK LEADER
  leader=$2
  stdin=/proc/$leader/fd/0
  printf '%s' "$1"
  # Opened for a terminal alone: a pipe's writing end would keep it from ending.
  if [ -c "$stdin" ]; then
    look 3<"$stdin"
  else
    look 3</dev/null
  fi
  printf '%s' "$1"
}

# The guardian's name in this text would make a look pass for a guardian in the process list.
[ "$0" != dexec-waiting ] || tell_waiting "$@"
