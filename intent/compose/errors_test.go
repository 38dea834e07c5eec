package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/intent"
)

// write makes a folder with files: what stands after "-- name --" up to the next one.
func write(t *testing.T, all string) string {
	t.Helper()
	dir := t.TempDir()
	for part := range strings.SplitSeq(all, "-- ") {
		name, content, ok := strings.Cut(part, " --\n")
		if !ok {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// lines repeats a line with its number, and the next one.
func lines(n int, line string) string {
	var all strings.Builder
	for i := range n {
		if strings.Contains(line, "%[2]d") {
			fmt.Fprintf(&all, line, i, i+1)
			continue
		}
		fmt.Fprintf(&all, line, i)
	}
	return all.String()
}

// broken are files that are not read, and what is said of them.
var broken = []struct{ name, files, want string }{
	{"unknown keys, all of them", `-- c.yaml --
services:
  web:
    image: x
    netwroks: [lan]
    networks:
      lan:
        ipv4: 10.0.0.1
networks:
  lan:
    gateway: 10.0.0.1
    ipam:
      config:
        - subnet: 10.0.0.0/24
          gatewaye: 10.0.0.1
  bad: [x]
serivces: {}
`, `c.yaml:4:5: unknown key "netwroks" in services.web (did you mean "networks"?)
c.yaml:7:9: unknown key "ipv4" in services.web.networks.lan
c.yaml:10:5: unknown key "gateway" in networks.lan
c.yaml:14:11: unknown key "gatewaye" in networks.lan.ipam.config.0 (did you mean "gateway"?)
c.yaml:15:8: networks.bad must be a mapping
c.yaml:16:1: unknown key "serivces" at the top (did you mean "services"?)`},
	{"an unknown key beside what is reset", "-- c.yaml --\nservices:\n  web: {image: x, ports: !reset null, prots: []}\n", `c.yaml:2:39: unknown key "prots" in services.web (did you mean "ports"?)`},
	{"a driver option that is neither word nor number", "-- c.yaml --\nnetworks:\n  lan:\n    driver_opts: {parent: [eth0]}\n", `c.yaml:3:27: networks.lan.driver_opts.parent must be a number or a string`},
	{"a port", "-- c.yaml --\nservices:\n  web:\n    image: x\n    ports: [\"80\", \"abc:80\"]\n", `c.yaml:4:19: invalid hostPort: abc`},
	{"networks that are not defined", "-- c.yaml --\nservices:\n  web: {image: x, networks: [foo, bar]}\n", `c.yaml:2:30: the service web is on the network foo, which is defined nowhere
c.yaml:2:35: the service web is on the network bar, which is defined nowhere`},
	{"no image", "-- c.yaml --\nservices:\n  web: {hostname: x}\n", `c.yaml:2:3: service "web" has neither an image nor a build context specified`},
	{"a service that is not there", "-- c.yaml --\nservices:\n  web: {image: a, network_mode: \"service:vpn\"}\n", `c.yaml:2:3: service "web" depends on undefined service "vpn"`},
	{"both mode and networks", "-- c.yaml --\nservices:\n  web: {image: a, network_mode: host, networks: [x]}\nnetworks: {x: }\n", "c.yaml:2:3: service web declares mutually exclusive `network_mode` and `networks`"},
	{"a number that is none", "-- c.yaml --\nservices:\n  web:\n    image: a\n    scale: ${N}\n", `c.yaml:4:12: services.web.scale: "" is not a number`},
	{"too many", "-- c.yaml --\nservices:\n  web:\n    image: a\n    scale: 1000000000\n", `c.yaml:4:12: 1000000000 containers of one service, more than 4096`},
	{"variables that must be there", "-- c.yaml --\nservices:\n  web:\n    image: ${IMAGE:?say which}\n    networks: {default: {ipv4_address: \"${IP?}\"}}\n    ports: [\"${:x\"]\n", `c.yaml:3:12: required variable IMAGE is missing a value: say which
c.yaml:4:40: required variable IP is missing a value
c.yaml:5:13: ${:x holds a variable that is written wrongly; a dollar sign itself is written $$`},
	{"tab", "-- c.yaml --\nservices:\n\tweb:\n", `c.yaml:2:1: not YAML: a tab cannot indent YAML; use spaces`},
	{"open bracket", "-- c.yaml --\nservices:\n  web: {image: x\n", `c.yaml:2:8: not YAML: did not find expected ',' or '}' while parsing a flow mapping`},
	{"bare variable in brackets", "-- c.yaml --\nservices:\n  web: {image: ${X:-a}}\n", `c.yaml:2:17: not YAML: did not find expected ',' or '}' while parsing a flow mapping (inside [] and {}, put "${VARIABLE}" in quotes)`},
	{"twice", "-- c.yaml --\nservices:\n  web: {image: a, image: b}\n", `c.yaml:2:19: the key "image" stands in line 2 already`},
	{"no mapping", "-- c.yaml --\nhello\n", `c.yaml:1:1: not a Compose file: a mapping with services and networks is expected at the top`},
	{"a list of services", "-- c.yaml --\nservices: [web]\n", `c.yaml:1:1: services must be a mapping`},
	{"nothing", "-- c.yaml --\n# nothing\n", `c.yaml: empty compose file`},
	{"missing", "", `c.yaml: cannot be read: no such file or directory`},
	{"alias bomb", `-- c.yaml --
a: &a [x,x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]
e: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]
`, `c.yaml:1:16: the file has more than 100000 values, with aliases replaced by what they stand for`},
	{"alias in itself", "-- c.yaml --\nx-a: &a [*a]\n", `c.yaml:1:10: the alias *a stands inside of what it stands for`},
	{"too large", "-- c.yaml --\n# " + strings.Repeat("x", intent.MaxBytes), `c.yaml: cannot be read: larger than 1048576 bytes, the most that a file may have`},
	{"lists and mappings mixed up", `-- c.yaml --
services:
  web:
    image: x
    ports: "80:80"
    ipv4_address: 10.0.0.9
    networks:
      - lan:
          ipv4_address: 10.0.0.9
  other:
    image: x
    networks:
      lan: 10.0.0.9
networks:
  lan:
    driver: [macvlan]
    driver_opts:
      - parent=eth0
    ipam:
      config:
        subnet: 10.0.0.0/24
  more:
    ipam:
      config: [10.0.0.0/24]
    driver_opts: {parent: }
`, `c.yaml:4:12: services.web.ports must be a list
c.yaml:5:5: unknown key "ipv4_address" in services.web
c.yaml:7:9: services.web.networks.0 must be a string
c.yaml:12:12: services.other.networks.lan must be a mapping
c.yaml:15:13: networks.lan.driver must be a string
c.yaml:17:7: networks.lan.driver_opts must be a mapping
c.yaml:20:9: networks.lan.ipam.config must be a list
c.yaml:23:16: networks.more.ipam.config.0 must be a mapping
c.yaml:24:27: networks.more.driver_opts.parent must be a number or a string`},
	{"a boolean that is none", "-- c.yaml --\nnetworks:\n  lan:\n    enable_ipv6: maybe\n", "c.yaml:3:18: networks.lan.enable_ipv6: invalid boolean: maybe"},
	{"one name for two", "-- c.yaml --\nservices:\n  web: {image: x, scale: 2, container_name: foo}\n", "c.yaml:2:3: services.scale: can't set container_name and web as container name must be unique"},
	{"an old file", "-- c.yaml --\nweb:\n  image: x\n  net: host\n", `c.yaml:1:1: unknown key "web" at the top`},
	{"too many keys", "-- c.yaml --\nservices:\n" + lines(1001, "  s%d: {image: x}\n"), "c.yaml:2:3: a mapping with more than 1000 keys"},
	{"too many documents", "-- c.yaml --\n" + lines(21, "services: {s%d: {image: x}}\n---\n"), "c.yaml:41:1: more than 20 documents"},
	{"too many variables", "-- c.yaml --\nservices: {a: {image: \"" + strings.Repeat("x$$", 2000) + "\"}}\n", "c.yaml:1:23: more than 2000 dollar signs in one word"},
	{"variables in variables", "-- c.yaml --\nservices: {a: {image: \"" + strings.Repeat("${A:-", 1000) + strings.Repeat("}", 1000) + "\"}}\n", "c.yaml:1:23: too many variables in one line"},
	{"too many ports", "-- c.yaml --\nservices:\n" + lines(30, "  s%d: {image: x, ports: [\"1-65000:1-65000\"]}\n"), "c.yaml:3:26: more than 65536 ports published in all"},
	{"extends without end", "-- c.yaml --\nservices:\n  s0: {image: x}\n" + lines(52, "  t%[1]d: {extends: t%[2]d}\n") + "  t52: {image: x}\n", "c.yaml:1:1: more than 50 services extend one another in a row"},
	{"too deep", "-- c.yaml --\nx-a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n", "c.yaml:1:106: nested too deep"},
	{"extends in a circle", "-- c.yaml --\nservices:\n  a: {extends: b}\n  b: {extends: {service: a}}\n", `c.yaml:2:16: the service a extends itself in the end
c.yaml:3:16: the service b extends itself in the end`},
	{"extends in a circle of files", "-- c.yaml --\nservices:\n  a: {extends: {file: d.yaml, service: b}}\n-- d.yaml --\nservices:\n  b: {extends: {file: c.yaml, service: a}}\n", `c.yaml:2:16: the service a extends itself in the end`},
	{"extends what is not there", "-- c.yaml --\nservices:\n  a: {extends: b}\n  c: {extends: {file: d.yaml, service: e}}\n  f: {extends: {file: g.yaml, service: e}}\n-- d.yaml --\nservices: {}\n", `c.yaml:2:16: extends the service b, which is not in c.yaml
c.yaml:3:16: extends the service e, which is not in d.yaml
c.yaml:4:23: g.yaml cannot be read: no such file or directory`},
	{"include in a circle", "-- c.yaml --\ninclude: [d.yaml]\n-- d.yaml --\ninclude: [c.yaml]\n", `c.yaml:1:11: d.yaml includes itself`},
	{"paths that lead out", `-- c.yaml --
include:
  - ../other/compose.yaml
  - /etc/passwd
  - path: sub/in.yaml
    env_file: ../../etc/passwd
  - path: sub/in.yaml
    project_directory: ..
services:
  a: {extends: {file: ../c.yaml, service: a}}
  b: {image: x, env_file: ../../etc/passwd}
-- sub/in.yaml --
services: {}
`, `c.yaml:2:5: ../other/compose.yaml is not in the project's folder, and files outside of it are not read
c.yaml:3:5: /etc/passwd is not in the project's folder, and files outside of it are not read
c.yaml:5:15: ../../etc/passwd is not in the project's folder, and files outside of it are not read
c.yaml:7:24: .. is not in the project's folder, and files outside of it are not read
c.yaml:9:23: ../c.yaml is not in the project's folder, and files outside of it are not read`},
	{"from the net", "-- c.yaml --\ninclude: [\"https://example.com/x.git#main:sub\", \"oci://example.com/app\"]\nservices:\n  a: {extends: {file: \"git@example.com:x.git\", service: a}}\n", `c.yaml:1:11: https://example.com/x.git#main:sub is elsewhere in the net: nothing is fetched
c.yaml:1:49: oci://example.com/app is elsewhere in the net: nothing is fetched
c.yaml:3:23: git@example.com:x.git is elsewhere in the net: nothing is fetched`},
	{"the fault of an included file", "-- c.yaml --\ninclude: [sub/in.yaml]\n-- sub/in.yaml --\nservices:\n  web: {image: a, prots: []}\n", `sub/in.yaml:2:19: unknown key "prots" in services.web (did you mean "ports"?)`},
	{"a variable file", "-- c.yaml --\nservices: {}\n-- .env --\nA=1\nB C=2\n", `.env:2: key cannot contain a space`},
}

func TestErrors(t *testing.T) {
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(write(t, c.files))
			_, err := Load(context.Background(), []string{"c.yaml"}, Options{})
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
			var one *intent.Error
			if !errors.As(err, &one) || one.Place.File == "" {
				t.Errorf("%v has no place", err)
			}
		})
	}
}

// TestStrangeFiles has what no text file can be: a way out by a link, and files that never
// end.
func TestStrangeFiles(t *testing.T) {
	dir := write(t, "-- out/secret.yaml --\nservices: {a: {image: x}}\n-- in/c.yaml --\ninclude: [link.yaml]\n-- in/d.yaml --\ninclude: [fifo]\n-- in/e.yaml --\ninclude: [.]\n")
	t.Chdir(filepath.Join(dir, "in"))
	if err := os.Symlink("../out/secret.yaml", "link.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := mkfifo("fifo"); err != nil {
		t.Skipf("no fifo here: %v", err)
	}
	for file, want := range map[string]string{
		"c.yaml": "c.yaml:1:11: link.yaml is a link that leads out of the project's folder, and files outside of it are not read",
		"d.yaml": "d.yaml:1:11: fifo cannot be read: it is no plain file",
		"e.yaml": "e.yaml:1:11: . is a folder",
	} {
		_, err := Load(context.Background(), []string{file}, Options{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
}
