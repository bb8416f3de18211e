#!/bin/sh
if [ "$(tr -d ' \n' </root/count.txt)" = 42 ]; then
  echo "42 lines."
else
  echo "count.txt should have the number of lines of numbers.txt, and nothing else."
  exit 1
fi
