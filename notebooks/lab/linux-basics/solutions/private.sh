#!/bin/sh
chmod 600 ~/keys/first ~/keys/second
chmod 700 ~/keys
