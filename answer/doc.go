// Package answer says what would come of the networks that somebody has written
// down: who gets which address, who reaches whom, and what to mind. It drafts a LAN
// for an intent (package intent), has package run build it and send frames through
// it, and joins what package advice knows to what the frames showed.
package answer
