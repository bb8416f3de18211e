#!/bin/sh
# Runs as root in the student's container: see `where` in lab.toml.
runs() {
  for process in /proc/[0-9]*; do
    case $(tr '\0' ' ' 2>/dev/null <"$process/cmdline") in
      *"bin/worker $1 "*) return 0 ;;
    esac
  done
  return 1
}
for name in red blue; do
  runs "$name" || {
    echo "The worker $name does not run. The notebook has the cell that starts all three."
    exit 1
  }
done
if runs green; then
  echo "The worker green still runs."
  exit 1
fi
echo "Red and blue run, and green has ended."
