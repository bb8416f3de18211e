#!/bin/sh
grep -c '" 404 ' ~/access.log >~/missing.txt
