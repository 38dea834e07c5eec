#!/usr/bin/env bash
declare -a OPTS=(--restart=always -e "TZ=Europe/Zurich")
HOSTS=(alpha beta)
OPTS+=(--cap-add NET_ADMIN)
LANFLAGS="-d macvlan -o parent=eno1 --subnet=10.8.0.0/16"

create_net() {
  local name=$1 vlan="$2"
  docker network create ${LANFLAGS%.*}.0/24 "$name" || return 1
  docker network create -d macvlan -o parent=eno1."$vlan" --subnet "10.8.$vlan.0/24" "$name-v$vlan"
}

run() {
  local name=$1; shift
  docker run -d --name "$name" "${OPTS[@]}" "$@"
}

create_net lan 40
n=10
for h in "${HOSTS[@]}" gamma{1,2}; do
  run "$h" --network lan-v40 --ip 10.8.40.$((n++)) debian:stable sleep infinity
done
CID=$(docker run -d --network lan --name probe nicolaka/netshoot)
docker network connect --alias p lan-v40 "$CID"
case "$1" in
  up) docker run -d --name up1 --network lan busybox ;;
  down) docker rm -f up1 ;;
esac
if [ "$WIFI" = yes ]; then
  MODE=l2
  docker network create -d ipvlan -o parent=wlan0 wl
else
  MODE=bridge
  docker network create -d macvlan -o parent=eno2 wl
fi
docker run -d --name last --network wl --label "mode=$MODE" $EXTRA_OPTS busybox
