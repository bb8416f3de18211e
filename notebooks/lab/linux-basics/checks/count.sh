#!/bin/sh
cd /home/student || exit 2
[ -f missing.txt ] || {
  echo "There is no file missing.txt yet."
  exit 1
}
case $(tr -d ' \n' <missing.txt) in
  33) echo "33 requests." ;;
  66)
    echo "Some of these lines have 404 as the size of a page, which is the last number."
    exit 1
    ;;
  *)
    echo "missing.txt should have the number of requests that were answered with 404."
    exit 1
    ;;
esac
