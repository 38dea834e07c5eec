package reports

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestSVGGolden(t *testing.T) {
	for _, c := range rich().Cases {
		if c.Picture == nil {
			continue
		}
		name := c.Case + " on " + c.Ground
		t.Run(name, func(t *testing.T) {
			got := render(t, func(b *bytes.Buffer) error { return WriteSVG(b, c.Picture) })
			held(t, "picture-"+strings.ReplaceAll(strings.ReplaceAll(name, "/", "-"), " ", "-")+".svg", got)
			checkXML(t, got)
		})
	}
}

// checkXML reads a document to its end with a parser that is not ours.
func checkXML(t testing.TB, doc []byte) {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(doc))
	for {
		if _, err := dec.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
	}
}

func TestPicturesAreReadable(t *testing.T) {
	for _, p := range []*Picture{nil, {}, bridgePicture(), trunkPicture(), hostileCase().Picture} {
		checkDrawing(t, p)
	}
	for seed := range uint64(400) {
		checkDrawing(t, randomPicture(seed))
	}
}

// randomPicture makes pictures of every shape, right and wrong ones.
func randomPicture(seed uint64) *Picture {
	rnd := rand.New(rand.NewPCG(seed, 0))
	roles := []string{"host", "endpoint", "station", "router", ""}
	kinds := []string{"veth", "dummy", "bridge", "vlan", "macvlan", "ipvlan", "nic", "odd"}
	p := &Picture{}
	for range rnd.IntN(4) {
		p.Switch = append(p.Switch, strings.Repeat("setting ", 1+rnd.IntN(20)))
	}
	nodes := 1 + rnd.IntN(9)
	for n := range nodes {
		node := PictureNode{Name: fmt.Sprintf("n%d", n), Role: roles[rnd.IntN(len(roles))]}
		for l := range rnd.IntN(5) {
			link := PictureLink{Name: fmt.Sprintf("e%d", l), Kind: kinds[rnd.IntN(len(kinds))], Detail: "mode"}
			for a := range rnd.IntN(4) {
				link.Addresses = append(link.Addresses, fmt.Sprintf("2001:db8:%d::%d/64", n, a))
			}
			switch rnd.IntN(4) {
			case 0:
				link.Parent = "switch"
			case 1:
			default:
				link.Parent = fmt.Sprintf("n%d/e%d", rnd.IntN(nodes+1), rnd.IntN(5))
			}
			node.Links = append(node.Links, link)
		}
		p.Nodes = append(p.Nodes, node)
	}
	return p
}

// checkDrawing holds a picture against what makes one readable: everything is
// inside the image, no text lies on other text, and no cable runs through text.
func checkDrawing(t *testing.T, p *Picture) {
	t.Helper()
	if p == nil {
		p = &Picture{}
	}
	d := layout(p)
	texts := allText(d)
	for i, a := range texts {
		if a.x < 0 || a.y-a.size < 0 || a.x+a.width() > d.w || a.y > d.h {
			t.Errorf("text %q lies outside the image", a.text)
		}
		for _, b := range texts[:i] {
			if a.text != "" && b.text != "" && a.x < b.x+b.width() && b.x < a.x+a.width() && math.Abs(a.y-b.y) < math.Min(a.size, b.size) {
				t.Errorf("text %q lies on %q", a.text, b.text)
			}
		}
		for _, c := range d.cables {
			if crosses(c, a) {
				t.Errorf("a cable runs through %q", a.text)
			}
		}
	}
	var chips []*device
	for i, a := range d.boxes {
		for _, v := range a.devs {
			for _, u := range chips {
				if u.x < v.x+v.w && v.x < u.x+u.w && u.y < v.y+v.h && v.y < u.y+u.h {
					t.Errorf("device %s lies on device %s", v.link.Name, u.link.Name)
				}
			}
			chips = append(chips, v)
		}
		for _, v := range a.devs {
			if want := min(len(v.link.Addresses), maxLines) + 2; len(v.lines) < want || len(v.lines) > want+3 {
				t.Errorf("device %s has %d lines of text for %d addresses", v.link.Name, len(v.lines), len(v.link.Addresses))
			}
			if v.x < a.x || v.x+v.w > a.x+a.w || v.y < a.y || v.y+v.h > a.y+a.h {
				t.Errorf("device %s lies outside its box", v.link.Name)
			}
		}
		for _, b := range d.boxes[:i] {
			if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
				t.Errorf("box %s lies on box %s", a.node.Name, b.node.Name)
			}
		}
	}
	if t.Failed() {
		t.Fatalf("in this picture: %+v", p)
	}
}

func allText(d *drawing) []label {
	texts := d.notes
	for _, b := range d.boxes {
		texts = append(texts, b.caption...)
		for _, v := range b.devs {
			texts = append(texts, v.lines...)
		}
	}
	if d.bar != nil {
		texts = append(texts, d.bar.lines...)
	}
	return texts
}

// crosses reports whether a piece of the cable lies on the text.
func crosses(c cable, t label) bool {
	for i := 1; i < len(c.points); i++ {
		a, b := c.points[i-1], c.points[i]
		left, right := math.Min(a[0], b[0]), math.Max(a[0], b[0])
		top, bottom := math.Min(a[1], b[1]), math.Max(a[1], b[1])
		if t.text != "" && left < t.x+t.width() && right > t.x && top < t.y && bottom > t.y-t.size*0.8 {
			return true
		}
	}
	return false
}

func TestPictureOfTooMuchIsBounded(t *testing.T) {
	p := &Picture{}
	for i := range 5000 {
		p.Nodes = append(p.Nodes, PictureNode{Name: fmt.Sprint(i), Links: make([]PictureLink, 50)})
	}
	got := render(t, func(b *bytes.Buffer) error { return WriteSVG(b, p) })
	if len(got) > 4<<20 {
		t.Errorf("the image has %d bytes", len(got))
	}
	if want := "and 4,880 nodes more"; !bytes.Contains(got, []byte(want)) {
		t.Errorf("the image does not say %q", want)
	}
}
