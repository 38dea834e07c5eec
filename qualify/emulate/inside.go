package emulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
	"github.com/lanproof/lanproof/reports"
)

// Kind marks the orders of this package among those that a guest gets.
const Kind = "qualify"

// Ask is what is to be measured.
type Ask struct {
	// DUT and Peer are the names of the ports, which only the guest knows.
	DUT  string `json:"dut,omitempty"`
	Peer string `json:"peer,omitempty"`

	Profile record.Profile `json:"profile"`
	Seed    uint64         `json:"seed"`
	// Only are the requirements to be measured; all of the profile if empty.
	Only []string `json:"only,omitempty"`
	// Cases names the profile whose cases of the catalogue are run as well; none if empty.
	Cases string `json:"cases,omitempty"`
}

// Measure qualifies the port DUT with the help of Peer, both in the namespace of the
// calling thread, and hands over every result as soon as it has one.
type Measure func(ctx context.Context, a Ask, each func(record.Result)) (*record.Qualification, record.Contents, error)

// order is what a guest is asked to do.
type order struct {
	Kind string    `json:"kind"`
	Ask  Ask       `json:"ask"`
	MACs [2]string `json:"macs"` // of the card under test and of its peer
}

// line is one line of a guest's answer. At most one field is set; a line without any
// is a sign of life.
type line struct {
	Begun  *begun                `json:"begun,omitempty"`
	Result *record.Result        `json:"result,omitempty"`
	Whole  *record.Qualification `json:"whole,omitempty"`
}

// begun is the first line.
type begun struct {
	Kernel string `json:"kernel"`
	Arch   string `json:"arch"`
	DUT    string `json:"dut"`
	Peer   string `json:"peer"`
}

// IsOrder tells whether an order is for [InGuest].
func IsOrder(text []byte) bool {
	var o struct {
		Kind string `json:"kind"`
	}
	return json.Unmarshal(text, &o) == nil && o.Kind == Kind
}

// InGuest does an order inside a guest.
func InGuest(text []byte, out guest.Emitter, measure Measure) error {
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	for i, name := range []*string{&o.Ask.DUT, &o.Ask.Peer} {
		var err error
		if *name, err = awaitCard(o.MACs[i]); err != nil {
			return err
		}
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return fmt.Errorf("ask for the kernel's release: %w", err)
	}
	release := unix.ByteSliceToString(uts.Release[:])
	if err := say(out, line{Begun: &begun{release, runtime.GOARCH, o.Ask.DUT, o.Ask.Peer}}); err != nil {
		return err
	}
	defer showLife(out)()
	q, files, err := measure(context.Background(), o.Ask, func(r record.Result) {
		_ = say(out, line{Result: &r}) // what goes wrong with that shows when the whole is sent
	})
	if q != nil {
		err = errors.Join(err, send(out, q, files))
	}
	return err
}

func say(out guest.Emitter, l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write a line: %w", err)
	}
	return out.Line(text)
}

// lifeEvery is how often a guest at work shows that it lives: much less than what the
// host bears of silence.
const lifeEvery = 10 * time.Second

// showLife sends signs of life until it is stopped.
func showLife(out guest.Emitter) (stop func()) {
	ticker, done := time.NewTicker(lifeEvery), make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				_ = say(out, line{})
			case <-done:
				return
			}
		}
	}()
	return func() { ticker.Stop(); close(done) }
}

// send hands over the whole with its files.
func send(out guest.Emitter, q *record.Qualification, files record.Contents) error {
	var buf bytes.Buffer
	blob := func(name string, write func(io.Writer) error) error {
		buf.Reset()
		if err := write(&buf); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		return out.Blob(name, buf.Bytes())
	}
	for _, name := range slices.Sorted(maps.Keys(files.Captures)) {
		if err := blob(name, func(w io.Writer) error { _, err := files.Captures[name].WriteTo(w); return err }); err != nil {
			return err
		}
	}
	if files.Results != nil {
		if err := blob(record.FileResults, func(w io.Writer) error { return reports.WriteJSON(w, files.Results) }); err != nil {
			return err
		}
	}
	return say(out, line{Whole: q})
}

// cardLimit is how long a driver may take to find its card.
const cardLimit = 10 * time.Second

// awaitCard returns the name of the device with a MAC address.
func awaitCard(mac string) (string, error) {
	events, err := rtnl.WatchLinksHere()
	if err != nil {
		return "", err
	}
	defer events.Close()
	for deadline := time.Now().Add(cardLimit); ; {
		all, err := net.Interfaces()
		if err != nil {
			return "", fmt.Errorf("look for the cards: %w", err)
		}
		for _, i := range all {
			if i.HardwareAddr.String() == mac {
				return i.Name, nil
			}
		}
		if err := events.Wait(time.Until(deadline)); err != nil {
			return "", fmt.Errorf("look for the card with %s: the driver has not found it: %w", mac, err)
		}
	}
}
