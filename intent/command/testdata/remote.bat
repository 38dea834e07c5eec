@echo off
rem docker run -d --name old --network lan nginx
set PARENT=eth0
set "NET=winlan"
docker network create -d macvlan ^
  --subnet=192.168.5.0/24 ^
  -o parent=%PARENT% %NET%
docker run -d --name web --network %NET% nginx
