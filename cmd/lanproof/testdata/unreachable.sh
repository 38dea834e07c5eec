#!/bin/sh
# The benchmark's peer: how long ping takes to say that a host does not reach a
# macvlan on its own parent. Prints microseconds.
set -eu
run=lanproof-bench-$$
host=$run-host c1=$run-c1
cleanup() { for ns in $c1 $host; do ip netns delete "$ns" 2>/dev/null || true; done; }
trap cleanup EXIT
for ns in $host $c1; do ip netns add "$ns"; done
ip -n $host link add name eth0 type veth peer name far
ip -n $host link set dev far up
ip -n $host link set dev eth0 up
ip -n $host address add 192.168.100.1/24 dev eth0
ip -n $host link add link eth0 name c1 netns $c1 type macvlan mode bridge
ip -n $c1 address add 192.168.100.11/24 dev c1
ip -n $c1 link set dev c1 up
start=$(date +%s%N)
if ip netns exec $host ping -q -c1 -W1 192.168.100.11 >/dev/null; then
	echo "the host reaches c1" >&2
	exit 1
fi
echo $((($(date +%s%N) - start) / 1000))
