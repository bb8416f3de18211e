#!/bin/sh
chmod u+x ~/bin/hello.sh
~/bin/hello.sh >~/hello.txt
