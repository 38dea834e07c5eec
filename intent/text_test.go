package intent

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestString(t *testing.T) {
	at := func(line, column int) Place { return Place{File: "c.yaml", Line: line, Column: column} }
	i := &Intent{
		Networks: []Network{{
			Name: "lan", Known: "home_lan", Engine: Docker, Place: at(2, 3),
			Driver:   Value{Text: "macvlan", Place: at(3, 13)},
			IPv6:     Flag{Known: true, Place: Place{File: "o.yaml", Line: 1}},
			Internal: Flag{Is: true},
			Options:  []Option{{Key: "parent", Value: Value{Text: "", Place: at(5, 15)}, Place: at(5, 7)}},
			Subnets: []Subnet{{
				Subnet:   Value{Text: "10.0.0.1/24", Place: at(8, 19)},
				Gateway:  Value{Text: "10.0.0.1", Place: at(9, 20)},
				RangeEnd: Value{Text: "10.0.0.9"},
				Aux:      []Option{{Key: "a b", Value: Value{Text: "10.0.0.2", Place: at(11, 13)}, Place: at(11, 11)}},
			}},
			Routes: []Route{{To: Value{Text: "10.1.0.0/16"}, Via: Value{Text: "10.0.0.1"}, Place: at(12, 1)}},
		}},
		Endpoints: []Endpoint{{
			Name: "web", Known: "web", Engine: Docker, Place: at(20, 3),
			Attach: []Attachment{{
				Network: "lan", MAC: Value{Text: "02:42:ac:10:56:02"}, Place: at(22, 7),
				LinkLocal: []Value{{Text: "169.254.1.1", Place: at(23, 9)}},
			}},
			Ports: []Value{{Text: "53:53/udp", Place: at(24, 9)}},
		}},
		Unread: []Unread{
			{Place: at(30, 1), Text: "$PARENT", Why: "its value is not known here"},
			{Place: at(31, 1), Text: "$GW", Why: "its value is not known here", Of: "lan", Part: "gateway"},
		},
		Refused: []Refused{{Place: at(32, 1), Text: "docker run", Why: "no image", Of: "web"}},
		Earlier: []Intent{{Networks: []Network{{Name: "old", Engine: Podman}}}},
	}
	want := `docker network lan@c.yaml:2:3 known=home_lan driver=macvlan@3:13 ipv6=false@o.yaml:1
  option parent@5:7 value=""@5:15
  subnet 10.0.0.1/24@8:19 gateway=10.0.0.1@9:20 to=10.0.0.9
    aux "a b"@11:11 value=10.0.0.2@11:13
  route 10.1.0.0/16@12:1 via=10.0.0.1
docker endpoint web@c.yaml:20:3
  attach lan@22:7 mac=02:42:ac:10:56:02
    link-local 169.254.1.1@23:9
  port 53:53/udp@24:9
unread $PARENT@c.yaml:30:1: its value is not known here
unread $GW@c.yaml:31:1 of lan gateway: its value is not known here
refused "docker run"@c.yaml:32:1 of web: no image
earlier
  podman network old
`
	if diff := cmp.Diff(want, i.String()); diff != "" {
		t.Error(diff)
	}
}
