package generator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Goal is what a search looks for.
type Goal struct {
	// Resolution is how near the rate is to be found, as a share of it; 0.01 if zero.
	Resolution float64
	// Trial is how long one lasts; 1 s if zero. RFC 2544 24 says 60 s at least, and a figure
	// of shorter ones has to say so: a queue that is longer than what one overflows it by
	// hides the loss.
	Trial time.Duration
}

// Trial is one rate that was tried.
type Trial struct {
	// Wanted is the rate asked for, 0 for as many as possible; Offered the one that was sent.
	Wanted, Offered float64
	// Sent counts those that the sender's own queue refused, too.
	Sent, Arrived uint64
}

// Found is what a search came to.
type Found struct {
	// Best is the trial of the highest rate at which nothing was lost; without frames if
	// even one frame a trial was too many.
	Best Trial
	// Above is the lowest rate asked for at which frames were lost; what lies between was not
	// tried or, if it is more than the resolution, could not be offered evenly. It is 0
	// where nothing was lost of all that can be sent: then the path may carry more than Best.
	Above float64
	// Trials are all that were made, in their order.
	Trials []Trial
}

// Search looks for the highest rate at which no frame is lost, by halving, from as many as
// can be sent (RFC 2544 26.1). Frames are offered in bursts, see [Load.Rate], which is
// harder on short queues than the evenly spaced ones of a tester in hardware. An error
// beside trials leaves those as they are.
func Search(ctx context.Context, g *Generator, c *Counter, goal Goal) (Found, error) {
	return search(goal, func(rate float64, limit time.Duration) (Trial, error) { return g.try(ctx, c, rate, limit) })
}

// try sends for some time and counts what arrives.
func (g *Generator) try(ctx context.Context, c *Counter, rate float64, limit time.Duration) (Trial, error) {
	before, err := c.Counted()
	if err != nil {
		return Trial{}, err
	}
	sent, err := g.Send(ctx, Load{For: limit, Rate: rate})
	if err != nil {
		return Trial{}, err
	}
	if err := g.Settle(ctx, c); err != nil {
		return Trial{}, err
	}
	after, err := c.Counted()
	if err != nil {
		return Trial{}, err
	}
	t := Trial{Wanted: rate, Sent: sent.Frames + sent.Refused, Arrived: after.Frames - before.Frames}
	if sent.Took > 0 {
		t.Offered = float64(t.Sent) / sent.Took.Seconds()
	}
	return t, nil
}

// search halves until it is near enough. Low is a rate that passed, high one that did not.
func search(goal Goal, try func(rate float64, limit time.Duration) (Trial, error)) (f Found, err error) {
	goal.Resolution, goal.Trial = cmp.Or(goal.Resolution, 0.01), cmp.Or(goal.Trial, time.Second)
	if goal.Resolution < 0 || goal.Trial < 0 {
		return f, fmt.Errorf("search a rate: %+v: %w", goal, unix.EINVAL)
	}
	fewest := 1 / goal.Trial.Seconds() // below it not one frame is sent
	for rate := 0.0; ; rate = (f.Best.Offered + f.Above) / 2 {
		t, err := try(rate, goal.Trial)
		if err != nil {
			return f, fmt.Errorf("search a rate: %.0f frames a second: %w", rate, err)
		}
		if t.Sent == 0 || t.Offered <= 0 {
			return f, errors.New("search a rate: the sender sent nothing")
		}
		f.Trials = append(f.Trials, t)
		if !f.learn(t) || f.Above == 0 || f.Above-f.Best.Offered <= goal.Resolution*f.Above || f.Above < fewest {
			return f, nil
		}
	}
}

// learn takes a trial in. It is false where the trial says nothing new: a sender that
// offers no more than in the best one has no more.
func (f *Found) learn(t Trial) bool {
	if t.Arrived >= t.Sent {
		more := t.Offered > f.Best.Offered
		if more {
			f.Best = t
		}
		return more
	}
	// What was asked for goes down from trial to trial; what is offered need not.
	f.Above = cmp.Or(t.Wanted, t.Offered)
	return true
}
