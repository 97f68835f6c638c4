#!/bin/bash
# Starts one node in the background; runs in the namespaces that init.sh set up.
# usage: start-node.sh DIR NODE
exec </dev/null >>"$1/log/$2.log" 2>&1
unshare --fork --pid --mount --net --uts --ipc bash "$(dirname "$0")/node.sh" "$@" &
