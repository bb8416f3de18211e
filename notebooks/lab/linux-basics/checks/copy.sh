#!/bin/sh
cd /home/student || exit 2
[ -d letters ] || {
  echo "There is no folder letters yet."
  exit 1
}
for name in ada grace linus; do
  [ -f "inbox/$name.txt" ] || {
    echo "inbox/$name.txt is gone: copy it, do not move it."
    exit 1
  }
  [ ! -L "letters/$name.txt" ] && [ -f "letters/$name.txt" ] &&
    [ "$(cat "inbox/$name.txt")" = "$(cat "letters/$name.txt")" ] || {
    echo "letters/$name.txt should be a copy of inbox/$name.txt."
    exit 1
  }
done
for file in letters/*.tmp; do
  [ ! -e "$file" ] || {
    echo "$file is no letter."
    exit 1
  }
done
echo "Three letters, and nothing else."
