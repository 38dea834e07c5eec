// Package probe sends frames and judges what became of them.
//
// A Field watches all namespaces of a lab. A probe is sent into it, and then
// the Field is settled: fences are sent on every CPU down every wire until a
// whole round of them has arrived and no other frame was seen meanwhile. What
// has not arrived by then never will, for each queue that it could wait in is
// first in, first out and has been passed by a fence. So the absence of a
// frame is proven by what did arrive and not by waiting.
//
// Package probe does not know what a scenario is. Every verdict is decided in
// one function, Judge.
package probe
