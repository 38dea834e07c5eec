#!/bin/sh
# The benchmark's peer: macvlan-two-endpoints as one would do it by hand. Two
# endpoints on one parent, one ping that must be answered and one that must not.
set -eu
run=lanproof-bench-$$
host=$run-host c1=$run-c1 c2=$run-c2 far=$run-far
cleanup() { for ns in $c1 $c2 $host $far; do ip netns delete "$ns" 2>/dev/null || true; done; }
trap cleanup EXIT
for ns in $host $c1 $c2 $far; do ip netns add "$ns"; done
ip -n $host link add name eth0 type veth peer name p1 netns $far
ip -n $far link set dev p1 up
ip -n $host link set dev eth0 up
ip -n $host address add 192.168.100.1/24 dev eth0
ip -n $host link add link eth0 name c1 netns $c1 type macvlan mode bridge
ip -n $host link add link eth0 name c2 netns $c2 type macvlan mode bridge
ip -n $c1 address add 192.168.100.11/24 dev c1
ip -n $c2 address add 192.168.100.12/24 dev c2
ip -n $c1 link set dev c1 up
ip -n $c2 link set dev c2 up
ip netns exec $c1 ping -q -c1 -W1 192.168.100.12 >/dev/null || { echo "c1 does not reach c2" >&2; exit 1; }
if ip netns exec $host ping -q -c1 -W1 192.168.100.11 >/dev/null; then
	echo "the host reaches c1" >&2
	exit 1
fi
