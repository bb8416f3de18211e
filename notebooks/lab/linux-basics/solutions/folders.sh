#!/bin/sh
mkdir -p ~/work/2024/notes ~/work/2024/drafts
