#!/usr/bin/env bash
# Run pytest with another system's root, as process 1 of PID and mount namespaces that slurms.sh has made.
#
# usage: slurms-inside.sh LAYERS WORD-OF-PYTEST...
# LAYERS are directories that lie upon each other, the first on top. Nothing is written to them: what the tests leave
# is on a tmpfs and goes with the namespace. The project is there too, read-only, as /dynplan.
set -euo pipefail
layers=$1
shift
project=$PWD new=/mnt/root

mount -t tmpfs slurms /mnt
mkdir /mnt/{upper,work,root}
mount -t overlay -o "lowerdir=$layers,upperdir=/mnt/upper,workdir=/mnt/work" slurms "$new"
mount --bind "$project" "$new/dynplan"
mount -o remount,bind,ro "$new/dynplan"
mount -t proc proc "$new/proc"
mount --rbind /sys "$new/sys"
mount --rbind /dev "$new/dev"
# Not chroot: in one nobody can make a mount namespace, and nsenter leaves it.
mkdir "$new/old"
cd "$new"
pivot_root . old
umount --lazy /old

cd /dynplan
variables=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8)
# The project is read-only; and what needs a Slurm must not be skipped.
variables+=(PYTHONPYCACHEPREFIX=/tmp/pycache DYNPLAN_REQUIRE_SLURM=1)
echo "$(bash --version | head -n 1), $(python3 --version), $(slurmd -V)"
env -i "${variables[@]}" python3 -m pytest "$@"
exit # stay until then: process 1 takes care of orphans
