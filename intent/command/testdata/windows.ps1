# PowerShell against a remote Linux engine
$env:DOCKER_HOST = "ssh://root@10.0.0.5"
$parent = "eth1"
$subnet = '10.0.0.0/24'

docker network create -d macvlan `
    --subnet=$subnet `
    --gateway=10.0.0.1 `
    -o parent=$parent `
    remote_lan

docker run -d `
    --name mqtt `
    --network remote_lan `
    --ip 10.0.0.40 `
    eclipse-mosquitto:2
