#!/bin/sh
cd /home/student || exit 2
[ -f top.txt ] || {
  echo "There is no file top.txt yet."
  exit 1
}
expected="203.0.113.7
198.51.100.23
192.0.2.44"
found=$(sed 's/[[:space:]]*$//' top.txt)

# Whether a cell that has ended well wrote the file with a pipe; || is none.
used_pipe() {
  for cell in "$DEXEC_HISTORY"/*; do
    [ "$(cat "$cell/exit_code")" = 0 ] || continue
    grep -v '^[[:space:]]*#' "$cell/cell" >/tmp/cell
    if grep -q 'top\.txt' /tmp/cell && grep -Eq '(^|[^|])[|]([^|]|$)' /tmp/cell; then
      return 0
    fi
  done
  return 1
}

if [ "$found" = "$expected" ]; then
  if used_pipe; then
    echo "These are the three."
    exit 0
  fi
  echo "These are the three. Now let a pipe find them, in the cell that writes top.txt."
  exit 1
fi
if [ "$(sort top.txt)" = "$(echo "$expected" | sort)" ]; then
  echo "The addresses are right. The one with the most requests should be first."
elif [ "$(grep -c . top.txt)" != 3 ]; then
  echo "top.txt should have three lines, with an address each."
else
  echo "top.txt does not have the three addresses, and nothing but them."
fi
exit 1
