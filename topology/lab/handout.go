package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
)

// HandOut has the engine run up to most more containers on a network, all at a time, and
// returns the addresses that they get, in that order. They are gone when it returns.
// refusal is what the engine says when it has none left, and nil where it gave as many
// as it was asked for.
func (l *Lab) HandOut(network string, most int) (given []netip.Addr, refusal *engine.Refusal, err error) {
	e, ctx := l.built.engine, l.built.ctx
	var made []string
	defer func() {
		for _, name := range slices.Backward(made) {
			err = errors.Join(err, e.RemoveEndpoint(ctx, name))
		}
	}()
	for i := range most {
		name := fmt.Sprintf("lanproof-next-%d", i)
		ns, err := e.Endpoint(ctx, name, &topology.Attachment{Network: network})
		if errors.As(err, &refusal) {
			return given, refusal, nil
		}
		if err != nil {
			return nil, nil, err
		}
		made = append(made, name)
		err = ns.Do(func() error {
			c, err := rtnl.OpenHere()
			if err != nil {
				return err
			}
			defer c.Close()
			all, err := c.Addresses()
			for _, a := range all {
				if a.Index != loopback && !a.LinkLocal() {
					given = append(given, a.Prefix.Addr())
				}
			}
			return err
		})
		if err := errors.Join(err, ns.Close()); err != nil {
			return nil, nil, fmt.Errorf("ask for the addresses of %s: %w", name, err)
		}
	}
	return given, nil, nil
}
