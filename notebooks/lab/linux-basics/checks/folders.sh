#!/bin/sh
# Exit code 0: passed. 1: not yet, and the output is for the student. Anything else: the check is broken.
cd /home/student/work 2>/dev/null || {
  echo "There is no folder work in your home folder."
  exit 1
}
for folder in 2024/notes 2024/drafts; do
  [ -d "$folder" ] || {
    echo "The folder work/$folder is missing."
    exit 1
  }
done
echo "Both folders are there."
