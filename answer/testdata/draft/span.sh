podman network create -d macvlan -o parent=eth0 --subnet 10.20.0.0/24 --ip-range 10.20.0.100-10.20.0.101 p
podman run --network p --name a x
podman run --network p:ip=10.20.0.100 --name b x
