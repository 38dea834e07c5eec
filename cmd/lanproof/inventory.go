package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/qualify/inventory"
	"github.com/lanproof/lanproof/qualify/record"
)

// inventoryFlags say which pairs are qualified.
type inventoryFlags struct {
	file, label string
}

// find returns the pairs of this machine that are asked for.
func (f *inventoryFlags) find(named []string) ([]inventory.Pair, error) {
	inv, err := inventory.LoadFile(f.file)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	var match func([]string) bool
	if f.label != "" {
		if match, err = parseFilter(f.label); err != nil {
			return nil, err
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("ask for this machine's name: %w", err)
	}
	all, err := inv.Find(host, match, named...)
	if err != nil {
		return nil, usage("%s: %w", f.file, err)
	}
	return all, nil
}

// pairs qualifies the pairs of an inventory, one after the other. One that cannot be
// qualified keeps no other from it.
func (f *qualifyFlags) pairs(ctx context.Context, out io.Writer, waivers []record.Waiver, named []string) error {
	all, err := f.inventory.find(named)
	if err != nil {
		return err
	}
	worst := exitGood
	for i, pair := range all {
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("%d of %d pairs are qualified: %w", i, len(all), err)
		}
		fmt.Fprintf(out, "\n%s (%s and %s)\n", pair.Name, pair.DUT.Where(), pair.Peer.Where())
		status, text := judge(f.pair(ctx, out, waivers, pair))
		if text != "" {
			fmt.Fprintln(out, text)
		}
		worst = worse(worst, status)
	}
	return ended(worst)
}

// pair qualifies one pair.
func (f *qualifyFlags) pair(ctx context.Context, out io.Writer, waivers []record.Waiver, pair inventory.Pair) error {
	dut, err1 := port.Resolve(pair.DUT.Where())
	peer, err2 := port.Resolve(pair.Peer.Where())
	if err := errors.Join(err1, err2); err != nil {
		return &exit{exitUsage, err}
	}
	one := *f
	one.options.DUT, one.options.Peer = dut, peer
	one.out = filepath.Join(f.out, strings.ReplaceAll(pair.Name, "/", "-"))
	return one.one(ctx, out, waivers)
}

// worse returns the exit status that says more: that something has failed, then that
// something could not be found out, then that something was asked for wrongly.
func worse(a, b int) int {
	for _, status := range []int{exitFail, exitHarness, exitUsage} {
		if a == status || b == status {
			return status
		}
	}
	return exitGood
}
