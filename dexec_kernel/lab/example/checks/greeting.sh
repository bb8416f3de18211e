#!/bin/sh
# Exit code 0: passed. 1: not yet, and what is printed is for the student.
if grep -qx hello /root/greeting.txt; then
  echo "There it is."
else
  echo "greeting.txt should have the line hello."
  exit 1
fi
