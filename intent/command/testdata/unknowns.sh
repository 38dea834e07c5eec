#!/bin/sh
# Everything from outside.
PARENT=$(ip route show default | awk '{print $5; exit}')
SUBNET=$(ip -o -f inet addr show "$PARENT" | awk '{print $4}')
docker network create -d macvlan --subnet="$SUBNET" --gateway=$GATEWAY -o parent=$PARENT lan
docker network create -d macvlan --subnet=10.40.0.0/24 -o parent=${PARENT}.40 -o macvlan_mode=$MODE "$VLAN_NET"
docker run -d --name "$NAME" --network "$VLAN_NET" --ip "$IP" nginx
docker run -d --name two --network lan $(cat flags.txt) --mac-address ${MAC:-02:00:00:00:00:02} nginx
while read -r name ip; do
  docker run -d --name "$name" --network lan --ip "$ip" nginx
done < hosts.txt
xargs -n1 docker run -d --network lan --name < names.txt
ssh nas "docker run -d --name remote --network lan nginx"
sh -c 'docker run -d --name inner --network lan nginx'
echo docker run -d --name no --network lan nginx
cat <<'USAGE'
Usage: docker run -d --name never --network lan nginx
USAGE
ssh nas <<'REMOTE'
docker run -d --name far --network lan --ip 10.40.0.7 nginx
REMOTE
