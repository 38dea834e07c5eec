#!/usr/bin/env bash
# Creates the macvlan network and all containers of the media box.
#   usage: PARENT=enp2s0 ./setup-macvlan.sh
# docker network create -d macvlan --subnet=10.9.9.0/24 -o parent=eth9 old_net
set -euo pipefail

PARENT="${PARENT:-eth0}"
NET=192.168.178
readonly SUBNET="$NET.0/24" GATEWAY=${NET}.1
export NETNAME='lan'

if ! docker network inspect "$NETNAME" >/dev/null 2>&1; then
  docker network create \
    --driver macvlan \
    --subnet "$SUBNET" \
    --gateway="${GATEWAY}" \
    --ip-range "${NET}.192/27" \
    --aux-address 'host=192.168.178.223' \
    --opt parent="$PARENT" \
    "$NETNAME"
fi

docker rm -f pihole 2>/dev/null || true
docker run -d --name pihole --hostname pihole \
  --network "$NETNAME" --ip ${NET}.200 --mac-address 02:42:c0:a8:b2:c8 \
  -e TZ=Europe/Berlin -e WEBPASSWORD="geheim \"!\"" \
  -v "$(pwd)/etc-pihole:/etc/pihole" \
  -p 53:53/tcp -p 53:53/udp -p 80:80 \
  --cap-add=NET_ADMIN --restart=unless-stopped \
  pihole/pihole:latest

for i in 1 2 3; do
  docker run -d --name "web$i" --net=$NETNAME --ip="$NET.20$i" nginx:alpine
done

docker run --rm --network "$NETNAME" alpine ping -c1 "$GATEWAY"
docker run -d --network host --name=ha -v /opt/ha:/config homeassistant/home-assistant
docker run -d --name lonely busybox sleep inf
