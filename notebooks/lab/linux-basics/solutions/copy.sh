#!/bin/sh
mkdir ~/letters
cp ~/inbox/*.txt ~/letters
