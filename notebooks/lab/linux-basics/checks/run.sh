#!/bin/sh
cd /home/student || exit 2
[ -f bin/hello.sh ] || {
  echo "bin/hello.sh is gone."
  exit 1
}
case $(ls -l bin/hello.sh) in
  -rwx*) ;;
  *)
    echo "Its owner cannot execute bin/hello.sh yet."
    exit 1
    ;;
esac
if grep -qs '^Hello, hello.sh runs.$' hello.txt; then
  echo "It runs."
else
  echo "hello.txt should have the output of the script."
  exit 1
fi
