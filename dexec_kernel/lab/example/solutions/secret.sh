#!/bin/sh
chmod 600 /root/secret.txt
