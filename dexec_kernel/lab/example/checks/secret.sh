#!/bin/sh
if [ "$(stat -c %a /root/secret.txt)" = 600 ]; then
  echo "Only its owner can read it."
else
  echo "Others can still read secret.txt, or its owner cannot write it."
  exit 1
fi
