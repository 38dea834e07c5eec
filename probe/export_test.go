package probe

// Want sets what an observation takes to have happened, as Probe does.
func Want(o *Observation, frames int, reply bool) { o.Needed, o.reply = frames, reply }
