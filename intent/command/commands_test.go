package command

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// place is where something stands, as String writes it.
var place = regexp.MustCompile(`@(?:t\.sh:)?\d+:\d+`)

// TestCommands holds what single commands and short scripts come to. Places are the
// corpus' affair; here they are cut away.
func TestCommands(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{
			"gateways, ranges and reserved addresses go to the subnet that has them",
			"docker network create --gateway 10.2.0.1 --gateway=10.1.0.1 --ip-range 10.2.0.128/25 --subnet=10.1.0.0/24,10.2.0.0/24 --aux-address a=10.1.0.9 --aux-address b=10.2.0.9 n",
			"docker network n\n  subnet 10.1.0.0/24 gateway=10.1.0.1\n    aux a value=10.1.0.9\n  subnet 10.2.0.0/24 gateway=10.2.0.1 range=10.2.0.128/25\n    aux b value=10.2.0.9\n",
		},
		{
			"more gateways than subnets",
			"docker network create --subnet 10.0.0.0/24 --gateway 10.0.0.1 --gateway 10.0.0.2 n",
			"docker network n\n  subnet 10.0.0.0/24 gateway=10.0.0.1\nrefused \"docker network create --subnet 10.0.0.0/24 --gateway 10.0.0.1 --gateway 10.0.0.2 n\" of n: every ip-range or gateway must have a corresponding subnet\n",
		},
		{
			"two gateways for one subnet",
			"docker network create --subnet 10.0.0.0/24 --subnet 10.9.0.0/24 --gateway 10.0.0.1 --gateway 10.0.0.2 n",
			"docker network n\n  subnet 10.0.0.0/24 gateway=10.0.0.1\n  subnet 10.9.0.0/24\nrefused \"docker network create --subnet 10.0.0.0/24 --subnet 10.9.0.0/24 --gateway 10.0.0.1 --gateway 10.0.0…\" of n: cannot configure multiple gateways (10.0.0.2, 10.0.0.1) for the same subnet (10.0.0.0/24)\n",
		},
		{
			"no subnet for a range",
			"docker network create --subnet 10.0.0.0/24 --ip-range 10.1.0.0/25 n",
			"docker network n\n  subnet 10.0.0.0/24 range=10.1.0.0/25\nrefused \"docker network create --subnet 10.0.0.0/24 --ip-range 10.1.0.0/25 n\" of n: no matching subnet for range 10.1.0.0/25\n",
		},
		{
			"a gateway that is none",
			"docker network create --subnet 10.0.0.0/24 --gateway 10.0.0 n",
			"docker network n\n  subnet 10.0.0.0/24 gateway=10.0.0\nrefused \"docker network create --subnet 10.0.0.0/24 --gateway 10.0.0 n\" of n: invalid argument \"10.0.0\" for \"--gateway\" flag: invalid string being converted to IP address: 10.0.0\n",
		},
		{
			"podman puts them together by their order",
			"podman network create --subnet 10.1.0.0/24 --subnet 10.2.0.0/24 --gateway 10.1.0.1 --ip-range 10.1.0.128/25 n",
			"podman network n\n  subnet 10.1.0.0/24 gateway=10.1.0.1 range=10.1.0.128/25\n  subnet 10.2.0.0/24\n",
		},
		{
			"podman's networks without a name, and two at once",
			"podman network create\npodman network create -d macvlan\npodman run --network podman1,podman2 -d x/y@sha256:0",
			"podman network podman1\npodman network podman2 driver=macvlan\npodman endpoint y-1\n  attach podman1\n  attach podman2\n",
		},
		{
			"short flags in one word, and words behind the image",
			"docker run -itdp80:80 -eA=b --net=a --init=false -P x --net b --name c",
			"docker endpoint x-1\n  attach a\n  port 80:80\n  port all\n",
		},
		{
			"flags before the command, wrappers before the program",
			"sudo -u root -E env A=b /usr/bin/docker -H tcp://h:2375 --log-level debug container create --name a --network=none x",
			"docker endpoint a mode=none\n",
		},
		{
			"removed and made again is one",
			"docker run -d --name a x\ndocker rm -f a\ndocker run -d --name a --network n x\ndocker rm a",
			"docker endpoint a\n  attach n\nearlier\n  docker endpoint a\n    attach bridge\n",
		},
		{
			"what is only taken down stays",
			"docker network create n\ndocker run -d --name a --network n x\ndocker rm -f $(docker ps -aq)\ndocker network prune -f",
			"docker network n\ndocker endpoint a\n  attach n\n",
		},
		{
			"a failure that the script goes on from",
			"docker network create n || true\ndocker network create n || true",
			"docker network n\n",
		},
		{
			"the container of another one, and one on the host",
			"docker run --net container:vpn --name a x\ndocker run --network=host --name b x\ndocker run --network default --name c x",
			"docker endpoint a mode=container:vpn\ndocker endpoint b mode=host\ndocker endpoint c\n  attach bridge\n",
		},
		{
			"defaults and pieces of variables",
			"IF=${1:-eth0.50}; docker network create -d macvlan -o parent=${IF%.*}.$((40 + 2)) -o x=${#IF}${IF:0:3} $'n\\x31'",
			"docker network n1 driver=macvlan\n  option parent value=eth0.42\n  option x value=7eth\n",
		},
		{
			"a variable that depends on something",
			"IF=eth0; [ -n \"$X\" ] && IF=eth1; Y=a; false || Y=a; docker network create -o parent=$IF -o y=$Y n",
			"docker network n\n  option parent value=IF\n  option y value=a\nunread $IF of n parent: the value of $IF is not known here\n",
		},
		{
			"loops, in all their forms",
			"for i in {1..2} c; do docker run --name a$i x; done; for ((i=0;i<2;i++)); do docker run --name b$i x; done; for i in `seq 8 9`; do docker run --name c$i x; done; for f in *.env; do docker run --name \"$f\" x; done",
			"docker endpoint a1\n  attach bridge\ndocker endpoint a2\n  attach bridge\ndocker endpoint ac\n  attach bridge\ndocker endpoint b0\n  attach bridge\ndocker endpoint b1\n  attach bridge\ndocker endpoint c8\n  attach bridge\ndocker endpoint c9\n  attach bridge\ndocker endpoint f\n  attach bridge\nunread \"\\\"$f\\\"\" of f: the value of $f is not known here\n",
		},
		{
			"quotes that are not closed",
			"$ docker run --name 'a x\n$ docker run --name b x\n",
			"docker endpoint b\n  attach bridge\nunread \"$ docker run --name 'a x\": a shell stops here (reached EOF without closing quote `'`), and what there is is read line by line\nunread \"docker run --name 'a x\": a shell cannot read it: reached EOF without closing quote `'`\n",
		},
		{
			"lists that the script reads out of itself",
			"for x in a:eth0 b:eth1; do IFS=: read -r n p <<< \"$x\"; docker network create -o parent=$p $n; done\nwhile read -r n ip rest; do docker run --name $n --network a --ip $ip x; done <<END\nc  10.0.0.1 and more\nd\t10.0.0.2\nEND\n",
			"docker network a\n  option parent value=eth0\ndocker network b\n  option parent value=eth1\ndocker endpoint c\n  attach a ip=10.0.0.1\ndocker endpoint d\n  attach a ip=10.0.0.2\n",
		},
		{
			"lists that come from elsewhere",
			"while read n; do docker network create $n; docker network create $n; docker run --name $n x; docker run --name $n x; done < list",
			"docker network n\ndocker endpoint n\n  attach bridge\nunread $n of n: the value of $n is not known here\nunread $n of n: the value of $n is not known here\nunread $n of n: the value of $n is not known here\nunread $n of n: the value of $n is not known here\n",
		},
		{
			"a collection of functions",
			"up() { docker run --name \"$1\" --network $2 x; }\nno() { echo; }\n",
			"docker endpoint arg1\n  attach arg2\nunread \"\\\"$1\\\"\" of arg1: the value of $1 is not known here\nunread $2 of arg1 network: the value of $2 is not known here\n",
		},
		{
			"other programs, and no command at all",
			"nerdctl run x\ndocker compose up\ndocker-compose run x\ndocker network ls\nip link add link eth0 type macvlan\ndocker service create --network n x\ndocker run --help\ndocker run --name a x",
			"docker endpoint a\n  attach bridge\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, err := Read("t.sh", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for line := range strings.Lines(in.String()) {
				got.WriteString(place.ReplaceAllString(line, ""))
			}
			if diff := cmp.Diff(test.want, got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLooks(t *testing.T) {
	for text, want := range map[string]bool{
		"docker network create x":              true,
		"sudo docker --context far run x":      true,
		"$DOCKER run x":                        true,
		"'docker' container create x":          true,
		"podman pod create":                    true,
		"docker.exe run x":                     true,
		"docker compose run x":                 false,
		"docker network ls":                    false,
		"mydocker run x":                       false,
		"services:\n  web:\n    image: docker": false,
	} {
		if got := Looks([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
