#!/bin/bash
# First process of a testbed, in PID, mount, network, host name and IPC namespaces of its own. When it
# ends, the kernel kills everything inside and drops the network and the mounts with it.
#
# usage: init.sh DIR ADDRESS NODES < OWNER > READY
# OWNER is a pipe whose other end the owner holds open: when that closes, the cluster ends; the line
# "keep" makes the cluster outlive its owner. READY gets one line when every node is idle.
set -euo pipefail
dir=$1 address=$2 nodes=$3
here=$(dirname "$0")

# /proc is still the outer one here, so this is our process id as the outside sees it; the start
# time (field 22) tells us from a later process with the same id.
read -ra stat </proc/self/stat
echo "${stat[0]} ${stat[21]}" >"$dir/run/init.pid"

mount -t proc proc /proc
mount -t tmpfs shm /dev/shm
mount --bind "$dir/etc/hosts" /etc/hosts
# Without a name server a name that is not in `hosts` is unknown at once, and not after 5 s.
[[ ! -e /etc/resolv.conf ]] || mount --bind "$dir/etc/resolv.conf" /etc/resolv.conf
hostname ctl
ip -batch - <<END
link set lo up
link add br0 type bridge
address add $address/16 dev br0
link set br0 up
END
# A router without a route: a connection to the world outside fails at once.
echo 1 >/proc/sys/net/ipv4/ip_forward

export SLURM_CONF=$dir/etc/slurm.conf
# --force: munged doubts a directory below one that others may write to, such as /tmp.
munged --force --key-file="$dir/etc/munge.key" --socket="$dir/run/munge" \
	--pid-file="$dir/run/munged.pid" --seed-file="$dir/run/munged.seed" --log-file="$dir/log/munged.log"
slurmctld -c </dev/null >>"$dir/log/slurmctld.log" 2>&1

# A slurmd that finds no controller tries again only seconds later, so wait for port 6817. The one that was started
# has gone into the background by now, or has ended there.
until grep -q ':1AA1 ' /proc/net/tcp; do
	pgrep -x slurmctld >/dev/null || { echo "slurmctld has ended" >&2 && exit 1; }
	((SECONDS < 30)) || { echo "slurmctld does not answer after 30 s" >&2 && exit 1; }
	sleep 0.01
done
while read -r node; do bash "$here/start-node.sh" "$dir" "$node"; done <"$dir/etc/nodes"
until [[ $(sinfo --noheader --states=idle --format=%D) == "$nodes" ]]; do
	((SECONDS < 30)) || { echo "not all of $nodes nodes are idle after 30 s" >&2 && exit 1; }
	sleep 0.02
done
echo ready

read -r word || exit 0
[[ $word == keep ]] || exit 1
# A pipe that has us as its writer never ends. Not `exec sleep`: while bash waits in `read` it also
# reaps the orphans that become its children.
read -r <> <(:)
