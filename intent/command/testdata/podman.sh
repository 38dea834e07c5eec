#!/bin/sh -e
# rootful podman, netavark
sudo podman network create -d macvlan -o parent=enp6s0 -o mode=bridge \
    --subnet 192.168.50.0/24 --gateway 192.168.50.1 --ip-range 192.168.50.100-192.168.50.120 \
    --route 10.0.0.0/8,192.168.50.2 --disable-dns servers
sudo podman network create --driver ipvlan --interface-name enp7s0 --opt mode=l3 --subnet 10.5.0.0/24 --subnet fd00:5::/64 routed
sudo podman network create --driver macvlan dhcp-net
podman run -d --name dns --network servers:ip=192.168.50.101,mac=92:d0:c6:0a:29:33 --network routed:ip6=fd00:5::10,interface_name=r0 docker.io/adguard/adguardhome
podman run -d --replace --name web --network=servers --ip 192.168.50.102 --userns=auto --tz local nginx
podman pod create --name stack --network dhcp-net -p 8080:80
podman run -d --pod stack --name app quay.io/me/app:1
podman run -d --network pasta:-T,5201 alpine top
podman run -dt alpine top
