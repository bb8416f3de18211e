#!/bin/sh
wc -l </root/numbers.txt >/root/count.txt
