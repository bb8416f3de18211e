#!/bin/sh
# Runs as root in a new container, before the first cell.
seq 1 42 >/root/numbers.txt
echo swordfish >/root/secret.txt
chmod 644 /root/secret.txt
