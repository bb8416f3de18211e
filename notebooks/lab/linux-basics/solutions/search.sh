#!/bin/sh
grep -rl lighthouse ~/archive >~/found.txt
