#!/bin/sh
# Runs as root in a new container, before the first cell.
set -eu

grep -q '^student:' /etc/passwd ||
  echo 'student:x:1000:1000:Student:/home/student:/bin/sh' >>/etc/passwd
grep -q '^student:' /etc/group || echo 'student:x:1000:' >>/etc/group

mkdir -p /home/student && cd /home/student
mkdir -p inbox bin keys run

for name in ada grace linus; do
  echo "A letter from $name." >"inbox/$name.txt"
  echo "not finished" >"inbox/$name.tmp"
done

for year in 1985 1986 1987 1988; do
  for month in 01 04 07 10; do
    mkdir -p "archive/$year/$month"
    echo "Calm sea, nothing to report." >"archive/$year/$month/log.txt"
  done
done
echo "Ship near the lighthouse, all safe." >archive/1987/07/log.txt

i=0
while [ "$i" -lt 300 ]; do
  case $((i % 10)) in
    0 | 3 | 6 | 8) address=203.0.113.7 ;;
    1 | 5 | 9) address=198.51.100.23 ;;
    2 | 7) address=192.0.2.44 ;;
    *) address=192.0.2.$((100 + i % 97)) ;;
  esac
  case $((i % 9)) in
    4) answer="404 153" ;;
    7) answer="200 404" ;; # 404 bytes, and no error
    *) answer="200 $((1000 + i))" ;;
  esac
  echo "$address - - \"GET /page/$((i % 23)) HTTP/1.1\" $answer"
  i=$((i + 1))
done >access.log

cat >bin/hello.sh <<'END'
#!/bin/sh
echo "Hello, $(basename "$0") runs."
END

cat >bin/worker <<'END'
#!/bin/sh
# worker NAME: writes its process ID into run/NAME.pid, and works until it is told to end.
echo $$ >"$HOME/run/$1.pid"
while :; do sleep 1; done
END

echo "first key" >keys/first
echo "second key" >keys/second

chown -R 1000:1000 /home/student
chmod 755 /home/student bin keys bin/worker
chmod 644 bin/hello.sh keys/first keys/second
