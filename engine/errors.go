package engine

// Refusal is an engine's no, word for word.
type Refusal struct {
	// Text is what the engine says to its user, without what a client puts before it.
	Text string
}

// Error returns the engine's words.
func (r *Refusal) Error() string { return r.Text }

// Cannot says that an engine has no way to be asked for something: not that it refuses.
// What needs it is skipped.
type Cannot struct {
	// Text is a sentence without its full stop: docker 20.10.24 has no macvlan mode source.
	Text string
}

// Error returns the sentence.
func (c *Cannot) Error() string { return c.Text }

// Unavailable says that an engine is not installed, or that this machine does not let it
// run. What asks for it is skipped.
type Unavailable struct {
	// Text names what is missing and how that was found out.
	Text string
	// Err is the cause where there is one.
	Err error
}

// Error returns the reason.
func (u *Unavailable) Error() string {
	if u.Err == nil {
		return u.Text
	}
	return u.Text + ": " + u.Err.Error()
}

// Unwrap returns the cause.
func (u *Unavailable) Unwrap() error { return u.Err }

// Failure says that an engine did not start, or broke down.
type Failure struct {
	// Err is what was noticed.
	Err error
	// Log is the end of what the engine has written down.
	Log string
}

// Error returns what was noticed and the log's tail.
func (f *Failure) Error() string {
	if f.Log == "" {
		return f.Err.Error()
	}
	return f.Err.Error() + "; its log ends with:\n" + f.Log
}

// Unwrap returns what was noticed.
func (f *Failure) Unwrap() error { return f.Err }
