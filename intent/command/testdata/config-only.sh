docker network create --config-only --subnet 192.168.9.0/24 --gateway 192.168.9.1 --ip-range 192.168.9.64/26 -o parent=ens3 mv-config
docker network create -d macvlan --scope swarm --config-from mv-config --attachable mv-net
docker network create --scope swarm --config-from mv-config forgot-the-driver
docker service create --name s --network mv-net nginx
docker run -d --name w --network mv-net --sysctl net.ipv6.conf.all.disable_ipv6=1 --sysctl=net.ipv4.ip_forward=1 -P --expose 8080 --link-local-ip 169.254.9.9 --network-alias www nginx
docker create --name later --net mv-net --net-alias l8r -p127.0.0.1:8080:80 -itv /a:/b nginx:1 --net not-a-flag-of-docker
docker network disconnect mv-net w
docker network connect --gw-priority 1 --driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.arp_notify=1 mv-net w
