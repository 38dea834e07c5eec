podman network create -d macvlan -o parent=eth0 --subnet 10.20.0.0/24 --ip-range 10.20.0.128/25 pnet
podman run -d --network pnet --name a nginx
podman run -d --network pnet:ip=10.20.0.9 --name b nginx
podman run -d --name c nginx
