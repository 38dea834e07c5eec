package reports

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func htmlOf(t testing.TB, r *Results) []byte {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return WriteHTML(b, r) })
}

func TestHTMLGolden(t *testing.T) { held(t, "report.html", htmlOf(t, rich())) }

func TestHTMLStandsAlone(t *testing.T) {
	for name, r := range map[string]*Results{"rich": rich(), "empty": {}, "many": many(2000)} {
		t.Run(name, func(t *testing.T) {
			page := htmlOf(t, r)
			checkNesting(t, page)
			doc, err := html.Parse(bytes.NewReader(page))
			if err != nil {
				t.Fatal(err)
			}
			c := pageCheck{t: t, ids: map[string]bool{}}
			c.walk(doc)
			for _, link := range c.links {
				if !c.ids[link] {
					t.Errorf("the page links to #%s, which is not there", link)
				}
			}
			if c.scripts != 1 || c.styles != 1 {
				t.Errorf("%d scripts and %d styles, want one of each", c.scripts, c.styles)
			}
		})
	}
}

// A title that its scenario's cases share stands above them; one of their own
// stands at each.
func TestHTMLTitles(t *testing.T) {
	two := func(a, b string) string {
		r := &Results{Cases: []Case{
			{Scenario: "s", Case: "s@v=1", Title: a, Checks: []Check{}},
			{Scenario: "s", Case: "s@v=2", Title: b, Checks: []Check{}},
		}}
		return string(htmlOf(t, r))
	}
	same := two("shared", "shared")
	if !strings.Contains(same, "<h3>shared</h3>") || strings.Contains(same, `class="own"`) {
		t.Error("a shared title does not stand above its cases alone")
	}
	apart := two("first", "second")
	for _, want := range []string{"<h3>s</h3>", `<span class="own">first</span>`, `<span class="own">second</span>`} {
		if !strings.Contains(apart, want) {
			t.Errorf("no %s for cases with titles of their own", want)
		}
	}
}

// pageCheck walks a page and holds every element against what it may do.
type pageCheck struct {
	t               *testing.T
	ids             map[string]bool
	links           []string
	policy          string
	scripts, styles int
}

func (c *pageCheck) walk(n *html.Node) {
	if n.Type == html.ElementNode {
		c.element(n)
	}
	for child := range n.ChildNodes() {
		c.walk(child)
	}
}

func (c *pageCheck) element(n *html.Node) {
	switch n.Data {
	case "script", "style":
		if want := hash(n.FirstChild.Data); !strings.Contains(c.policy, want) {
			c.t.Errorf("the policy %q does not allow the page's own %s, %s", c.policy, n.Data, want)
		}
		c.count(n.Data)
	case "link", "img", "iframe", "object", "embed", "base", "audio", "video", "image", "use", "foreignobject":
		c.t.Errorf("the page has a <%s>", n.Data)
	case "meta":
		if attribute(n, "http-equiv") == "Content-Security-Policy" {
			c.policy = attribute(n, "content")
			if !strings.HasPrefix(c.policy, "default-src 'none';") || strings.Contains(c.policy, "unsafe") {
				c.t.Errorf("the policy is too wide: %s", c.policy)
			}
		}
	}
	for _, a := range n.Attr {
		switch {
		case a.Key == "id":
			if c.ids[a.Val] {
				c.t.Errorf("id %q comes twice", a.Val)
			}
			c.ids[a.Val] = true
		case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
			c.links = append(c.links, a.Val[1:])
		case a.Key == "href":
			// A name that looks like another scheme is held to be a file by its dot.
			if !strings.HasPrefix(a.Val, "captures/") && !strings.HasPrefix(a.Val, "./") {
				c.t.Errorf("the page links to %q", a.Val)
			}
		case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src", a.Key == "srcset", a.Key == "action":
			c.t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
		}
	}
}

func (c *pageCheck) count(element string) {
	if element == "script" {
		c.scripts++
	} else {
		c.styles++
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// checkNesting reads the page's tags one by one: every element is closed by its
// own end tag, which a forgiving parser would not tell.
func checkNesting(t *testing.T, page []byte) {
	t.Helper()
	void := map[string]bool{"meta": true, "br": true, "input": true}
	var open []string
	for z := html.NewTokenizer(bytes.NewReader(page)); ; {
		kind := z.Next()
		tag, _ := z.TagName()
		switch kind {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("never closed: %v", open)
			}
			return
		case html.StartTagToken:
			if !void[string(tag)] {
				open = append(open, string(tag))
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != string(tag) {
				t.Fatalf("</%s> closes %v", tag, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func TestHTMLShowsWhatIsKnown(t *testing.T) {
	page := string(htmlOf(t, rich()))
	for _, want := range []string{
		"2 of 14 checks failed, and 2 could not be judged",
		"the host does not reach c1</a>: expected: the frame does not arrive at c1; observed: it arrived at c1/eth0 after 63 µs.",
		`href="captures/docker-macvlan-bridge.pcapng"`, `href="captures/vlan-isolation%20family=ipv6.pcapng"`,
		"Kernel panic - not syncing", "packet 14", "≠ refuted", "IEEE 802.1Q-2022, 8.8", "2001:db8:10::2/64", "qemu",
		"no check of this run speaks about it", "after the parent went down and up", "seed 42", `<svg class="lp fit"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(page, `href="javascript`) || strings.Contains(page, "<script>alert") {
		t.Error("markup of a scenario became markup of the page")
	}
}

func TestHTMLTellsOfManyFailures(t *testing.T) {
	r := many(1000)
	for i := range r.Cases {
		r.Cases[i].Checks[0].Verdict = Fail
	}
	if page := htmlOf(t, r); !bytes.Contains(page, []byte("153 more are told with their scenarios below.")) {
		t.Error("the page does not say how many findings its head leaves out")
	}
}

// large is a run of n checks with eight frames each, and a matrix of a million cells.
func large(n int) *Results {
	r := many(n)
	for i := range r.Cases {
		for j := range r.Cases[i].Checks {
			k := &r.Cases[i].Checks[j]
			k.Evidence = append(k.Evidence, wayCheck().Evidence...)
		}
	}
	r.Cases[0].Checks[0].Matrices = []Matrix{square(1000)}
	return r
}

func BenchmarkHTML10000(b *testing.B) {
	r := large(10_000)
	b.ResetTimer()
	size := 0
	for b.Loop() {
		size = len(htmlOf(b, r))
	}
	b.ReportMetric(float64(size)/1e6, "MB")
}

// A page of much that passed packs it and says so to who has no script; one of little
// shows everything.
func TestHTMLPacksWhatPassed(t *testing.T) {
	small, large := browsed(), browsed()
	crowd(large)
	for want, r := range map[bool]*Results{false: small, true: large} {
		page := string(htmlOf(t, r))
		if got := strings.Contains(page, "data-z="); got != want {
			t.Errorf("%d cases: packed is %v, want %v", len(r.Cases), got, want)
		}
		if got := strings.Contains(page, "<noscript>"); got != want {
			t.Errorf("%d cases: told of it is %v, want %v", len(r.Cases), got, want)
		}
	}
}

// A sight that the diagram shows is not listed again; one that shares a lane with
// another is told by its place.
func TestHTMLListsWhatIsNotDrawn(t *testing.T) {
	k := wayCheck()
	got := string(listed(&k, newSequence(trunkPicture(), &k)))
	if strings.Contains(got, "<b>frame</b>") || !strings.Contains(got, "<b>also at</b> <code>switch/sw</code>") || !strings.Contains(got, "no frame") {
		t.Errorf("listed: %s", got)
	}
	if all := string(listed(&k, nil)); strings.Count(all, "<b>frame</b>") != maxFrames || !strings.Contains(all, "3 more frames in the capture") {
		t.Errorf("listed without a diagram: %s", all)
	}
}
