package qemu

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrSnapshot is wrapped by errors that say that a snapshot is of no use and has
// to be made anew.
var ErrSnapshot = errors.New("snapshot is of no use")

// A snapshot file holds, in this order: the magic, the length of the head (4
// bytes, little endian), the head as JSON, the state of the devices, the extents
// of the RAM that are not all zero, the CRC-32C of everything before (4 bytes).
const snapshotMagic = "LANPSNP1"

const (
	maxHead  = 16 << 20
	maxState = 64 << 20
	pageSize = 4096
)

// snapshotHead describes a snapshot.
type snapshotHead struct {
	TSC     int      `json:"tsc_khz"`
	RAM     int64    `json:"ram"`   // bytes
	State   int64    `json:"state"` // bytes
	Extents []extent `json:"extents"`
}

// extent is a part of the RAM, in bytes. Both ends are multiples of the page size.
type extent struct{ Off, Len int64 }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save writes the machine, whose guest must be ready and idle, as a snapshot. The
// machine stands still meanwhile and goes on afterwards. An error that is not
// about w leaves the machine unusable.
func (vm *VM) Save(ctx context.Context, w io.Writer) error {
	state, err := memfd("state", 0)
	if err != nil {
		return err
	}
	defer state.Close()
	q, err := greet(ctx, vm.monitor)
	if err != nil {
		return err
	}
	if err := q.save(ctx, state); err != nil {
		return err
	}
	return errors.Join(vm.writeSnapshot(w, state), q.resume(ctx))
}

func (vm *VM) writeSnapshot(w io.Writer, state *os.File) error {
	ram, unmap, err := mapFile(vm.ram, unix.PROT_READ)
	if err != nil {
		return err
	}
	defer unmap()
	head := snapshotHead{TSC: vm.tscKHz, RAM: int64(len(ram))}
	if head.State, err = state.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("save the machine: %w", err)
	}
	if head.Extents, err = usedExtents(vm.ram, ram); err != nil {
		return err
	}
	if err := encodeSnapshot(w, head, io.NewSectionReader(state, 0, head.State), ram); err != nil {
		return fmt.Errorf("save the machine: %w", err)
	}
	return nil
}

// encodeSnapshot writes the format that is described at [snapshotMagic].
func encodeSnapshot(w io.Writer, head snapshotHead, state io.Reader, ram []byte) error {
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	out := io.MultiWriter(w, sum)
	start := binary.LittleEndian.AppendUint32([]byte(snapshotMagic), uint32(len(text)))
	if _, err := out.Write(append(start, text...)); err != nil {
		return err
	}
	if _, err := io.Copy(out, state); err != nil {
		return err
	}
	for _, e := range head.Extents {
		if _, err := out.Write(ram[e.Off : e.Off+e.Len]); err != nil {
			return err
		}
	}
	_, err = w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

// usedExtents finds the pages that have been touched and are not all zero.
func usedExtents(f *os.File, ram []byte) ([]extent, error) {
	var used []extent
	zero := make([]byte, pageSize)
	for at := int64(0); ; {
		start, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return used, nil
		}
		if err != nil {
			return nil, fmt.Errorf("look for the RAM in use: %w", err)
		}
		if at, err = unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE); err != nil {
			return nil, fmt.Errorf("look for the RAM in use: %w", err)
		}
		for p := start; p < at; p += pageSize {
			n := len(used)
			switch {
			case bytes.Equal(ram[p:p+pageSize], zero):
			case n > 0 && used[n-1].Off+used[n-1].Len == p:
				used[n-1].Len += pageSize
			default:
				used = append(used, extent{p, pageSize})
			}
		}
	}
}

// mapFile maps a whole file, shared.
func mapFile(f *os.File, prot int) (data []byte, unmap func(), err error) {
	st, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("map %s: %w", f.Name(), err)
	}
	data, err = unix.Mmap(int(f.Fd()), 0, int(st.Size()), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("map %s: %w", f.Name(), err)
	}
	return data, func() { _ = unix.Munmap(data) }, nil
}

// Restore starts the machine from a snapshot. The guest is ready and idle, as it
// was when [VM.Save] ran. An error that wraps [ErrSnapshot] is the snapshot's.
func (m Machine) Restore(ctx context.Context, r io.Reader) (*VM, error) {
	ram, err := m.newRAM()
	if err != nil {
		return nil, err
	}
	head, state, err := m.load(r, ram)
	if err != nil {
		return nil, errors.Join(err, ram.Close())
	}
	defer state.Close()
	vm, err := m.start(ram, nil, "-incoming", "defer")
	if err != nil {
		return nil, err
	}
	vm.tscKHz = head.TSC
	q, err := greet(ctx, vm.monitor)
	if err == nil {
		err = q.load(ctx, state)
	}
	if err != nil {
		how, _ := vm.Autopsy()
		return nil, errors.Join(fmt.Errorf("%w: %w (%s)", ErrSnapshot, err, how), vm.Close())
	}
	return vm, nil
}

// load fills the RAM and returns a file with the devices' state.
func (m Machine) load(r io.Reader, file *os.File) (snapshotHead, *os.File, error) {
	ram, unmap, err := mapFile(file, unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		return snapshotHead{}, nil, err
	}
	defer unmap()
	head, state, err := decodeSnapshot(r, ram)
	if err != nil {
		return head, nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	// A snapshot that was brought from another machine counts time wrongly.
	if khz := m.tscKHz(); max(khz, head.TSC)-min(khz, head.TSC) > khz/200 {
		return head, nil, fmt.Errorf("%w: made at %d kHz, this machine has %d", ErrSnapshot, head.TSC, khz)
	}
	f, err := memfd("state", 0)
	if err != nil {
		return head, nil, err
	}
	if _, err = f.Write(state); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return head, nil, errors.Join(fmt.Errorf("restore the machine: %w", err), f.Close())
	}
	return head, f, nil
}

// decodeSnapshot reads a snapshot whose RAM must have the size of ram, straight
// into it.
func decodeSnapshot(r io.Reader, ram []byte) (snapshotHead, []byte, error) {
	var head snapshotHead
	in := &summingReader{r: bufio.NewReaderSize(r, 1<<16), sum: crc32.New(castagnoli)}
	start := make([]byte, len(snapshotMagic)+4)
	if err := in.fill(start); err != nil {
		return head, nil, err
	}
	size := binary.LittleEndian.Uint32(start[len(snapshotMagic):])
	if string(start[:len(snapshotMagic)]) != snapshotMagic || size > maxHead {
		return head, nil, errors.New("not a snapshot")
	}
	text := make([]byte, size)
	if err := in.fill(text); err != nil {
		return head, nil, err
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return head, nil, fmt.Errorf("head: %w", err)
	}
	if head.RAM != int64(len(ram)) || head.State < 0 || head.State > maxState || head.TSC <= 0 {
		return head, nil, errors.New("head makes no sense")
	}
	state := make([]byte, head.State)
	if err := in.fill(state); err != nil {
		return head, nil, err
	}
	for _, e := range head.Extents {
		if e.Off < 0 || e.Len < 0 || e.Off > head.RAM || e.Len > head.RAM-e.Off {
			return head, nil, errors.New("head makes no sense")
		}
		if err := in.fill(ram[e.Off : e.Off+e.Len]); err != nil {
			return head, nil, err
		}
	}
	want := in.sum.Sum32()
	end := make([]byte, 4)
	if err := in.fill(end); err != nil {
		return head, nil, err
	}
	if binary.LittleEndian.Uint32(end) != want {
		return head, nil, errors.New("checksum is wrong")
	}
	return head, state, nil
}

// summingReader reads exactly what is asked for and sums it up.
type summingReader struct {
	r   io.Reader
	sum hash.Hash32
}

func (s *summingReader) fill(p []byte) error {
	if _, err := io.ReadFull(s.r, p); err != nil {
		return fmt.Errorf("cut short: %w", err)
	}
	_, _ = s.sum.Write(p) // a hash returns no error
	return nil
}
