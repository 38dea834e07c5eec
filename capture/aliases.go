package capture

import (
	"io"

	"github.com/lanproof/lanproof/capture/frames"
)

// What taps see is told in the words of package frames, which knows no kernel.
type (
	// Frame is [frames.Frame].
	Frame = frames.Frame
	// PacketType is [frames.PacketType].
	PacketType = frames.PacketType
	// Direction is [frames.Direction].
	Direction = frames.Direction
	// Tag is [frames.Tag].
	Tag = frames.Tag
	// Trace is [frames.Trace].
	Trace = frames.Trace
	// Section is [frames.Section].
	Section = frames.Section
	// Interface is [frames.Interface].
	Interface = frames.Interface
	// Packet is [frames.Packet].
	Packet = frames.Packet
	// Stats is [frames.Stats].
	Stats = frames.Stats
	// Recorder is [frames.Recorder].
	Recorder = frames.Recorder
)

// The packet types, directions and tag protocol identifiers of package frames.
const (
	Host      = frames.Host
	Broadcast = frames.Broadcast
	Multicast = frames.Multicast
	OtherHost = frames.OtherHost
	Outgoing  = frames.Outgoing

	In  = frames.In
	Out = frames.Out

	TPID8021Q  = frames.TPID8021Q
	TPID8021AD = frames.TPID8021AD
	TPID9100   = frames.TPID9100
)

// ErrFormat is [frames.ErrFormat].
var ErrFormat = frames.ErrFormat

// ReadNG is [frames.ReadNG].
func ReadNG(r io.Reader) (*Trace, error) { return frames.ReadNG(r) }

// Tags is [frames.Tags].
func Tags(data []byte) []Tag { return frames.Tags(data) }

// EtherType is [frames.EtherType].
func EtherType(data []byte) uint16 { return frames.EtherType(data) }

// Payload is [frames.Payload].
func Payload(data []byte) []byte { return frames.Payload(data) }
