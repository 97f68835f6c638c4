#!/bin/bash
# First process of a node, in PID, mount, network, host name and IPC namespaces of its own: its end is
# the end of the node.
# usage: node.sh DIR NODE
set -euo pipefail
dir=$1 node=$2
address_of() { awk -v name="$1" '$2 == name { print $1 }' "$dir/etc/addresses"; }
address=$(address_of "$node")

# /proc is still the cluster's here: it has our process id there, and the cluster's network as
# that of process 1.
read -r pid _ </proc/self/stat
nsenter --net=/proc/1/ns/net \
	ip link add "$node" master br0 up type veth peer name eth0 netns "/proc/$pid/ns/net"
# The default route leads nowhere, but programs find their own address by it, as Dynamo does.
ip -batch - <<END
link set lo up
address add $address/16 dev eth0
link set eth0 up
route add default via $(address_of ctl)
END

mount -t proc proc /proc
mount -t tmpfs shm /dev/shm
# Outgoing connections, srun's among them, stay away from the ports that jobs plan.
echo 61000 65535 >/proc/sys/net/ipv4/ip_local_port_range
# The spool, with the copies of the batch scripts, is on a node's own disk in a real cluster.
mount -t tmpfs node "$dir/node"
hostname "$node"
# We are a shell's background process, which ignores these; an init system's daemon does not. Slurm 26.05 hands that on
# to its tasks, and they would not hear the SIGINT that stops them.
env --default-signal=INT,QUIT slurmd
echo "$pid" >"$dir/run/$node.pid"
# Wait for ever; see init.sh. Jobs leave orphans behind, so this matters here.
read -r <> <(:)
