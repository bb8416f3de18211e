#!/bin/sh
cd /home/student || exit 2
[ -f found.txt ] || {
  echo "There is no file found.txt yet."
  exit 1
}
case $(tr -d ' \n' <found.txt) in
  archive/1987/07/log.txt | ./archive/1987/07/log.txt | \~/archive/1987/07/log.txt | \
    /home/student/archive/1987/07/log.txt) echo "That is the file." ;;
  *:*)
    echo "found.txt should have the path alone, without the line that was found."
    exit 1
    ;;
  *)
    echo "found.txt does not have the path of the file with the word lighthouse."
    exit 1
    ;;
esac
