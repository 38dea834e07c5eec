#!/bin/sh
# let the host reach its macvlan containers
docker network create -d macvlan -o parent=eno1 --subnet 192.168.1.0/24 --gateway 192.168.1.1 --ip-range 192.168.1.192/27 --aux-address 'host=192.168.1.223' mynet

ip link add mynet-shim link eno1 type macvlan  mode bridge
ip addr add 192.168.1.223/32 dev mynet-shim
ip link set mynet-shim up
ip route add 192.168.1.192/27 dev mynet-shim

docker run --net=mynet -dit --name alpine1 alpine ash && docker run --net=mynet -dit --name alpine2 alpine ash;
( docker run --net mynet -dit --name alpine3 alpine ash ) &
COMPOSE="docker compose"; $COMPOSE up -d
docker compose run --rm web true
docker-compose run web true
