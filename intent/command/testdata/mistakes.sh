#!/bin/bash
# What people get wrong about continuation lines.
docker network create -d macvlan \ 
  --subnet=192.168.7.0/24 \
  # the router
  --gateway=192.168.7.1 \
  -o parent=eth0 lan7

docker run -d --name one \
  --network lan7
  --ip 192.168.7.10 \
  nginx

docker network create -d macvlan --gateway=10.1.1.1 --subnet=10.1.0.0/24 -o parent=eth1 lan8
docker network create -d macvlan --subnet 10.2.0.0/24 --ip-range 10.2.0.0/25 --ip-range=10.2.0.128/25 -o parent=eth2 lan9
docker network create -d macvlan --subnets=10.3.0.0/24 -o parent=eth3 --aux-addresses "r=10.3.0.9" lan10
docker network create -d macvlan --subnet 10.4.0.0/24 -o parent=eth4
docker network create -d macvlan --subnet 10.5.0.0/24 --subnet 10.5.0.128/25 --aux-address x=10.6.0.1 -o parent=eth5 lan11
docker network create lan7
docker run -d --name one --network lan8 nginx
docker run -z --network name=lan8,ipp=1.2.3.4 nginx
docker run --name
