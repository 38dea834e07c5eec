package probe

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/reports"
)

// Finding is what was found out about an expectation, whatever its kind.
type Finding struct {
	// Trouble is why it could not be found out; nil when it could.
	Trouble error
	// Moot is why there is nothing to find out here; empty when there is.
	Moot string
	// Held is whether what was expected is what is.
	Held bool
	// Proof is how that is known.
	Proof reports.Proof
	// Observed is what is, in one sentence.
	Observed string
}

// Judge decides the verdict. It is the only place where one is decided.
func Judge(f Finding) reports.Verdict {
	switch {
	case f.Moot != "":
		return reports.Skip
	case f.Trouble != nil, f.Proof == "":
		return reports.Error
	case f.Held:
		return reports.Pass
	default:
		return reports.Fail
	}
}

// Find turns an observation into a finding. want is whether the flow was to
// happen; errno, when not 0, is the one that sending had to meet.
func (o *Observation) Find(want bool, errno unix.Errno) Finding {
	switch {
	case o.Trouble != nil:
		return Finding{Trouble: o.Trouble, Observed: o.Trouble.Error()}
	case o.Dropped > 0:
		return inconclusive("the taps lost %d frames", o.Dropped)
	case errno != 0:
		return o.findErrno(errno)
	case o.Happened():
		return Finding{Held: want, Proof: o.positiveProof(), Observed: o.happenedText()}
	default:
		return o.findAbsence(want)
	}
}

func inconclusive(format string, args ...any) Finding {
	err := fmt.Errorf(format, args...)
	return Finding{Trouble: err, Observed: err.Error()}
}

func (o *Observation) findErrno(errno unix.Errno) Finding {
	if o.SendErr == nil {
		return Finding{Proof: reports.ProofErrno, Observed: "sending was not refused"}
	}
	return Finding{Held: errors.Is(o.SendErr, errno) && !o.Happened(), Proof: reports.ProofErrno, Observed: "sending was refused: " + ErrnoText(o.SendErr)}
}

// findAbsence says that a flow did not happen only when that is proven.
func (o *Observation) findAbsence(want bool) Finding {
	f := Finding{Held: !want}
	switch {
	case o.SendErr != nil:
		f.Proof, f.Observed = reports.ProofErrno, "sending was refused: "+ErrnoText(o.SendErr)
	case o.NoCarrier:
		f.Proof, f.Observed = reports.ProofState, "nothing left: the sender's device has no carrier"
	case !o.Left:
		return inconclusive("nothing was seen to leave the sender, though its link is up")
	case o.Fence == FenceLost && !want:
		return inconclusive("the fence was lost: a frame that had to arrive did not, so that the probe did not says nothing")
	case o.Fence == FenceLost:
		f.Proof, f.Observed = reports.ProofQuiet, o.absentText()+", and neither did the fence behind it"
	case o.Fence == FenceHeld && !o.Canary && !want:
		return inconclusive("no canary: the target did not get a frame that it had to get, so that it got no probe says nothing")
	case o.Fence == FenceHeld:
		f.Proof, f.Observed = reports.ProofFence, o.absentText()+fmt.Sprintf("; fences sent afterwards arrived (round %d)", o.Rounds)
	default:
		f.Proof, f.Observed = reports.ProofQuiet, o.absentText()+fmt.Sprintf(" within %v, where no fence can exist", o.Quiet)
	}
	return f
}

func (o *Observation) positiveProof() reports.Proof {
	if o.reply {
		return reports.ProofReply
	}
	return reports.ProofReceived
}

func (o *Observation) happenedText() string {
	switch {
	case o.reply:
		return "the answer came back"
	case o.Arrived == 1:
		return "arrived"
	default:
		return fmt.Sprintf("arrived %d times", o.Arrived)
	}
}

func (o *Observation) absentText() string {
	switch {
	case o.reply && o.Arrived > 0:
		return "the request arrived, but no answer came back"
	case o.Arrived > 0:
		return fmt.Sprintf("only %d of the frames arrived", o.Arrived)
	case o.reply:
		return "no answer came back"
	default:
		return "did not arrive"
	}
}

// ErrnoText names an error's errno, as in "ENOBUFS (no buffer space available)".
func ErrnoText(err error) string {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	return fmt.Sprintf("%s (%s)", ErrnoName(errno), errno.Error())
}

// ErrnoName is an errno's name, the kernel's where it has two. ENOTSUPP has none
// in user space: some kernel paths let it out all the same
// (include/linux/errno.h).
func ErrnoName(errno unix.Errno) string {
	const enotsupp = 524
	switch errno {
	case enotsupp:
		return "ENOTSUPP"
	case unix.EOPNOTSUPP:
		return "EOPNOTSUPP"
	}
	if name := unix.ErrnoName(errno); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", int(errno))
}
