package command

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/intent"
)

// hostile are texts that cost a careless reader much time or memory.
func hostile() map[string]string {
	rep := strings.Repeat
	run := "docker run -d --name x --network lan nginx\n"
	doubling := "A=aaaaaaaa\n" + rep("A=$A$A\n", 60) + "docker run --name $A --network lan nginx\n"
	nested := rep("for i in {1..9}; do ", 12) + run + rep("; done", 12)
	return map[string]string{
		"open.sh":       rep("(", 120<<10),
		"open.md":       rep("docker run $(", 1<<20/13),
		"arith.sh":      "docker run --name $((" + rep("~", 60<<10) + "1)) --network lan nginx",
		"braces.sh":     "docker run " + rep("{a,b}", 40) + " nginx",
		"sequence.sh":   "for i in {1..2000000000}; do docker run nginx; done",
		"seq.sh":        "for i in $(seq 1 2000000000); do docker run nginx; done",
		"doubling.sh":   doubling,
		"nested.sh":     nested,
		"recursion.sh":  "f() { docker run nginx; f; f; }\nf\n",
		"pipes.sh":      rep("docker run nginx | ", 6000) + "cat",
		"ands.sh":       rep("docker run nginx && ", 6000) + "true",
		"ifs.sh":        rep("if true; then\n", 4000) + run + rep("fi\n", 4000),
		"many.txt":      rep(run, 2<<20/len(run)),
		"create.txt":    rep("docker network create -d macvlan n\ndocker network rm n\n", 12000),
		"fences.md":     rep("```\n"+run+"```\n", 20000),
		"goes.md":       rep("docker run \\\n", 100000),
		"quotes.md":     rep("docker run 'a\n", 100000),
		"prompts.txt":   rep("[[[[[[", 1<<17),
		"blanks.txt":    "docker" + rep(" ", 2<<20) + "run",
		"flags.txt":     "docker run " + rep("-a ", 1<<18) + "nginx",
		"aliases.yml":   "a: &a [docker run nginx]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n",
		"deep.yml":      rep("[", 5000) + "docker run nginx" + rep("]", 5000),
		"assign.sh":     rep("A=1; if x; then A=2; fi; ", 5000) + run,
		"vars.md":       "```\n" + rep("V=1\n", 50000) + "```",
		"holes.txt":     "docker run --name " + rep("<a>", 1000) + " --network lan nginx",
		"makefile":      rep("A := $(A)$(A)\n", 10000) + "x:\n\tdocker run --name $(A) nginx",
		"eval.sh":       "E='eval \"$E\"'\neval \"$E; docker run nginx\"\n",
		"heredoc.sh":    rep("sh <<A\nssh x <<B\n", 3000) + run,
		"trim.sh":       "A=" + rep("ab", 4000) + "\ndocker run --name ${A##*b*a*b*a*b*c} nginx",
		"bytes.txt":     "docker run --name \xff\xfe\ue000x\ue001 --network \ue100 nginx",
		"shift.sh":      "docker run --name $((1 << -1))$((1/0))$((9**9)) nginx",
		"letters.sh":    "docker run -$X --$Y=1 -é x",
		"case.sh":       "case x in " + rep("x) docker run nginx;; ", 4000) + " esac",
		"networks.sh":   "docker network create -d macvlan " + rep("--subnet 10.0.0.0/8 ", 1000) + rep("--aux-address a=10.0.0.1 ", 1000) + "lan",
		"longline.yaml": "run: docker run " + rep("--network a ", 10000) + "nginx",
	}
}

// TestHostile holds that no text takes the reader down: every one is read or refused with
// its place, with a small stack.
func TestHostile(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(256 << 20))
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			in, err := Read(name, []byte(text[:min(len(text), intent.MaxBytes)]))
			if e := (*intent.Error)(nil); err != nil && !errors.As(err, &e) {
				t.Errorf("%T: %v", err, err)
			}
			if err == nil && len(in.Networks)+len(in.Endpoints) > maxThings {
				t.Errorf("%d networks and %d endpoints", len(in.Networks), len(in.Endpoints))
			}
		})
	}
}

// FuzzRead holds that no text makes the reader fail otherwise than with a place.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, ".want") {
			f.Add(filepath.Base(file), text)
		}
	}
	for name, text := range hostile() {
		if len(text) < 1000 {
			f.Add(name, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		in, err := Read(name, text)
		if e := (*intent.Error)(nil); err != nil && !errors.As(err, &e) {
			t.Errorf("%T: %v", err, err)
		}
		if err != nil {
			return
		}
		if s := in.String(); strings.Contains(s, holeOpen) {
			t.Errorf("there are marks of ours in what is told:\n%s", s)
		}
		for _, u := range in.Unread {
			if u.Why == "" || u.Place.Line == 0 {
				t.Errorf("nobody can find %+v", u)
			}
		}
	})
}
