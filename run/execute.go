package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run/recount"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

// Outcome is what came of a case on this kernel.
type Outcome struct {
	Result reports.Case
	// Capture is the case's pcapng file.
	Capture []byte

	bench      *bench
	namespaces []namespace
	lost       []*lost // in the checks of the stage
	placement  string  // what real ports stand for
}

// Close closes the probes of the case, which takes as long as the kernel
// takes for a grace period, lets go of its namespaces, and makes sure that
// nothing holds them.
func (o *Outcome) Close() error { return errors.Join(o.closeProbes(), o.letGo(), audit(o.namespaces)) }

func (o *Outcome) closeProbes() error {
	if o.bench == nil {
		return nil
	}
	return o.bench.closeProbes()
}

func (o *Outcome) letGo() error {
	if o.bench == nil {
		return nil
	}
	return o.bench.closeLab()
}

// keep gives the case's namespaces names that outlive the process.
func (o *Outcome) keep() ([]string, error) {
	if o.bench == nil {
		return nil, nil
	}
	return o.bench.lab.Keep(o.Result.Case)
}

// Execute runs a case on this kernel, in namespaces of its own.
func Execute(ctx context.Context, p *Prepared, nics map[string]string) *Outcome {
	o := &Outcome{Result: newResult(p)}
	start := time.Now()
	err := probe.Locked(func() error { return o.execute(ctx, p, nics) })
	if err != nil {
		o.Result.Verdict, o.Result.Reason = reports.Error, err.Error()
	}
	o.Result.Settle()
	o.Result.Duration = time.Since(start)
	return o
}

// newResult is a result without checks.
func newResult(p *Prepared) reports.Case {
	s := p.Case.Scenario
	return reports.Case{
		Scenario: s.Name, Title: s.Title, Case: p.Case.Name, Labels: s.Labels,
		Location: p.Case.File + ":1", Checks: []reports.Check{}, Picture: p.Picture(),
	}
}

// runID tells the frames of one case from another's.
func runID(p *Prepared) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d\x00%s\x00%s", p.seed, p.Case.File, p.Case.Name)
	return h.Sum64()
}

// notBuilt begins the reason of a case whose topology could not be built.
const notBuilt = "build the topology"

func (o *Outcome) execute(ctx context.Context, p *Prepared, nics map[string]string) error {
	plan, err := p.planHere()
	if err != nil {
		return err
	}
	options := lab.Options{NICs: nics}
	if p.cable != nil {
		if why := p.cable.fit(plan, o); why != "" {
			o.skipStages(p, p.Stages, why)
			return nil
		}
		options.Cable = &p.cable.ports
	}
	p.byEngine(ctx, &options)
	b, err := openBench(plan, runID(p), options)
	if err != nil {
		return o.notOpened(p, err)
	}
	o.bench, b.cable, b.otherVersion = b, p.cable, p.otherVersion
	b.field.Recorder().Discard = p.uncaptured
	if err := p.sabotage.tamper(b); err != nil {
		return fmt.Errorf("%s: %w", notBuilt, err)
	}
	if o.namespaces, err = namespacesOf(b.lab); err != nil {
		return err
	}
	b.foreign = p.foreign()
	if err := o.compareBuilt(b, p); err != nil {
		return err
	}
	var packets []packet
	for i := range p.Stages {
		if p.sabotage.shown(p, o.Result.Checks) || !o.entered(ctx, b, p, i) {
			break
		}
		seen, err := o.stage(ctx, b, p, &p.Stages[i])
		if err != nil {
			return err
		}
		packets = append(packets, seen...)
	}
	o.cableCheck(b, p)
	if !p.uncaptured {
		o.record(b, packets)
	}
	return nil
}

// planHere is the case's plan, for the kernel that runs here. It changes with the LAN,
// and p may be executed again.
func (p *Prepared) planHere() (*topology.Plan, error) {
	plan, problems := topology.Compile(&p.Case.Scenario.Spec, seedText(p.seed))
	if len(problems) > 0 {
		return nil, fmt.Errorf("plan the topology: %w", problems[0])
	}
	release, err := kernelRelease()
	if err != nil {
		return nil, err
	}
	if plan.LAN.Kernel, err = topology.ParseKernel(release); err != nil {
		return nil, err
	}
	return plan, p.sabotage.spoil(plan)
}

// notOpened makes the result of a case whose topology was not built, or returns why there
// is none.
func (o *Outcome) notOpened(p *Prepared, err error) error {
	if why, ok := unwilling(err); ok {
		o.Result.Verdict, o.Result.Reason = reports.Skip, why
		return nil
	}
	if t, ok := turnedDown(err, true); ok {
		o.refusedToAccept(builtCheck, notBuilt, "", p.Case.File+":1", t)
		return nil
	}
	return fmt.Errorf("%s: %w", notBuilt, err)
}

// entered does what a stage begins with. Where that cannot be done, the result says why,
// and no stage follows.
func (o *Outcome) entered(ctx context.Context, b *bench, p *Prepared, i int) bool {
	stage := &p.Stages[i]
	err := b.step(ctx, stage.Do)
	if err == nil {
		return true
	}
	if why, ok := unfit(err); ok {
		o.skipStages(p, p.Stages[i:], why)
	} else if t, ok := turnedDown(err, false); ok {
		o.refusedToAccept(fmt.Sprintf("s%d.accepted", i), stage.Name, stage.Name, p.Location(stage.At), t)
	} else {
		o.Result.Verdict = reports.Error
		o.Result.Reason = fmt.Sprintf("%s (%s): %v", stage.Name, p.Location(stage.At), err)
	}
	return false
}

// stage makes the checks of a stage that is entered, and returns their packets.
func (o *Outcome) stage(ctx context.Context, b *bench, p *Prepared, stage *Stage) (packets []packet, err error) {
	if b.together = (together{}); p.together {
		b.together = newTogether(stage.Checks)
	}
	for j := range stage.Checks {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("interrupted: %w", context.Cause(ctx))
		}
		if p.sabotage.shown(p, o.Result.Checks) {
			break
		}
		packets = append(packets, o.check(ctx, b, p, stage, &stage.Checks[j])...)
	}
	if err := o.examine(ctx, b, p.coroner); err != nil {
		return nil, fmt.Errorf("find out where frames ended: %w", err)
	}
	return packets, nil
}

// packet is a piece of evidence whose number in the capture is known only when
// the capture is complete.
type packet struct {
	check, evidence int
	sighting        probe.Sighting
}

// check makes one check.
func (o *Outcome) check(ctx context.Context, b *bench, p *Prepared, stage *Stage, c *Check) []packet {
	start := time.Now()
	if _, ok := c.question.(*oracleQuestion); !ok {
		b.world = nil // it may teach bridges what the oracle does not hear of
	}
	a := c.question.ask(ctx, b)
	if !a.Held {
		a.Finding = doubted(a.Finding, b.turnedAway, neighboursTurnedAway())
	}
	r := reports.Check{
		ID: c.ID, Title: c.Title, Step: stage.Name, Verdict: probe.Judge(a.Finding), Expected: c.Expected,
		Observed: a.Observed, Proof: a.Proof, Claims: append([]string{}, c.Claims...), Refutes: c.Refutes,
		Location: p.Location(c.At), Duration: time.Since(start), Evidence: append([]reports.Evidence{}, a.evidence...),
		Matrices: a.matrices, Flow: a.flow,
	}
	if p.coroner != nil {
		o.lost = append(o.lost, b.lostBy(c.question, &a, len(o.Result.Checks))...)
	}
	var packets []packet
	observations := a.more
	if a.observation != nil {
		observations = append(observations, a.observation)
	}
	for _, obs := range observations {
		some := shown(obs.Sightings, r.Verdict, p.coroner != nil)
		r.FramesLeft += len(obs.Sightings) - len(some)
		for _, s := range some {
			if !p.uncaptured {
				packets = append(packets, packet{len(o.Result.Checks), len(r.Evidence), s})
			}
			r.Evidence = append(r.Evidence, sightingEvidence(&s))
		}
		b.field.Annotate(obs, recount.Comment(c.ID, r.Verdict))
	}
	o.Result.Checks = append(o.Result.Checks, r)
	if p.each != nil {
		p.each(&r)
	}
	return packets
}

// examine finds out where the frames ended that the stage's checks have lost.
func (o *Outcome) examine(ctx context.Context, b *bench, c *coroner) error {
	all, err := c.examine(ctx, b, o.lost)
	for check, d := range all {
		o.Result.Checks[check].Drops = d
	}
	o.lost = nil
	return err
}

// record writes the capture and puts the packets' numbers into the evidence.
func (o *Outcome) record(b *bench, packets []packet) {
	for _, p := range packets {
		o.Result.Checks[p.check].Evidence[p.evidence].Packet = b.field.Packet(p.sighting)
	}
	rec := b.field.Recorder()
	rec.Application = "lanproof"
	rec.Comments = []string{o.Result.Case + ": " + strings.TrimSpace(o.Result.Title)}
	var buf bytes.Buffer
	if _, err := rec.WriteTo(&buf); err != nil {
		o.Result.Verdict, o.Result.Reason = reports.Error, fmt.Sprintf("write the capture: %v", err)
		return
	}
	o.Capture = buf.Bytes()
	o.markUnseen(recount.New(rec.Trace()))
}

// markUnseen marks the checks whose outcome the capture alone does not show: a tap sees
// what comes to a device, and not always what the stack above it gets.
func (o *Outcome) markUnseen(c *recount.Capture) {
	for i := range o.Result.Checks {
		check := &o.Result.Checks[i]
		if f := check.Flow; f != nil && c.Happened(check) != ((check.Verdict == reports.Pass) == f.Want) {
			f.Unseen = true
		}
	}
}
