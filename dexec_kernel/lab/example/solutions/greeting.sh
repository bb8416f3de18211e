#!/bin/sh
echo hello >/root/greeting.txt
