package capture_test

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/netns"
)

// A case's frames become a file; evidence names a frame by its number there.
func ExampleRecorder() {
	r := capture.Recorder{Section: capture.Section{Application: "example"}}
	host := r.Interface("host/eth0", "veth parent")
	child := r.Interface("c1/eth0", "macvlan bridge")

	data := []byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x81\x00\xa0\x0a\x08\x06")
	arrived := r.Add(child, capture.Frame{Time: time.Unix(2, 0), Type: capture.Broadcast, Data: data})
	r.Add(host, capture.Frame{Time: time.Unix(1, 0), Type: capture.Outgoing, Data: data})
	r.Comment(arrived, "check reach-1: pass")

	var file bytes.Buffer
	if _, err := r.WriteTo(&file); err != nil {
		fmt.Println(err)
	}
	trace, err := capture.ReadNG(&file)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println("evidence: packet", r.Number(arrived))
	for i, p := range trace.Packets {
		fmt.Println(i+1, trace.Interfaces[p.Interface].Name, p.Frame.Direction(), p.Frame.Type, capture.Tags(p.Frame.Data), p.Comments)
	}
	// Output:
	// evidence: packet 2
	// 1 host/eth0 out outgoing [0x8100 VID 10 PCP 5] []
	// 2 c1/eth0 in broadcast [0x8100 VID 10 PCP 5] [check reach-1: pass]
}

// The loop around a tap: read until it is empty, then wait.
func ExampleWaiter() {
	watch := func(ctx context.Context, ns *netns.NS, deadline time.Time) error {
		tap, err := capture.Open(ns, capture.Config{})
		if err != nil {
			return err
		}
		defer tap.Close()
		w, err := capture.NewWaiter(tap)
		if err != nil {
			return err
		}
		defer w.Close()
		for {
			for {
				frame, ok, err := tap.Read()
				if err != nil {
					return err
				}
				if !ok {
					break
				}
				fmt.Println(frame.Time, frame.Direction(), capture.Tags(frame.Data))
			}
			if ready, err := w.Wait(ctx, deadline); !ready || err != nil {
				return err
			}
		}
	}
	_ = watch
}
