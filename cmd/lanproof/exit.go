package main

import (
	"errors"
	"fmt"

	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
)

// The exit statuses.
const (
	exitGood    = 0 // every check passed or was skipped
	exitFail    = 1 // a check failed, or a comparison shows a regression
	exitUsage   = 2 // bad usage or a bad scenario
	exitHarness = 3 // the harness could not do its work

	exitOpen = 125 // a comparison of figures cannot tell; git bisect skips such a commit
)

// exit is an error with the exit status that it leads to.
type exit struct {
	status int
	err    error // nil when all has been said
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// usage is an error for bad usage.
func usage(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

// ended is the error for a command that has said all and ends with a status; nil
// for a good one.
func ended(status int) error {
	if status == exitGood {
		return nil
	}
	return &exit{status: status}
}

// judge returns the exit status that an error of a command leads to, and what is
// to be said about it.
func judge(err error) (status int, text string) {
	var e *exit
	var bad scenarios.Errors
	var refused *port.Refusal
	switch {
	case err == nil:
		return exitGood, ""
	case errors.As(err, &e) && e.err == nil:
		return e.status, ""
	case errors.As(err, &bad):
		return exitUsage, bad.Error()
	case errors.As(err, &e):
		return e.status, "lanproof: " + e.Error()
	case errors.As(err, &refused) && refused.Usage:
		return exitUsage, "lanproof: " + err.Error()
	}
	return exitHarness, "lanproof: " + err.Error()
}

// statusOf is the exit status for the verdict of a run.
func statusOf(v reports.Verdict) int {
	switch v {
	case reports.Pass, reports.Skip:
		return exitGood
	case reports.Fail:
		return exitFail
	case reports.Error:
	}
	return exitHarness
}
