#!/bin/sh
cd /home/student/keys 2>/dev/null || {
  echo "The folder keys is gone."
  exit 1
}
for file in first second; do
  [ -f "$file" ] || {
    echo "keys/$file is gone."
    exit 1
  }
  [ "$(stat -c %a "$file")" = 600 ] || {
    echo "You should read and write keys/$file, and nobody else should do either."
    exit 1
  }
done
[ "$(stat -c %a .)" = 700 ] || {
  echo "The files are yours alone. Others still see their names: that is the folder's permission."
  exit 1
}
echo "Nobody else sees them."
