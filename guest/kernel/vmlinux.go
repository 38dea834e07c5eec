package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// Offsets in a bzImage (kernel: Documentation/arch/x86/boot.rst).
const (
	offSetupSects = 0x1f1
	offMagic      = 0x202
	offVersion    = 0x20e
	offPayload    = 0x248
	offPayloadLen = 0x24c
	minBzImage    = 0x250
)

// isBzImage tells whether data starts like a bzImage with boot protocol 2.08 or
// later, which is the first to say where the payload is.
func isBzImage(data []byte) bool {
	return len(data) >= minBzImage && string(data[offMagic:offMagic+4]) == "HdrS" &&
		binary.LittleEndian.Uint16(data[offMagic+4:]) >= 0x208
}

// bzImageRelease returns the kernel's release as the image tells it, or "".
func bzImageRelease(data []byte) string {
	at := int(binary.LittleEndian.Uint16(data[offVersion:])) + 0x200
	if at >= len(data) {
		return ""
	}
	text := data[at:min(len(data), at+256)]
	end := bytes.IndexAny(text, " \x00")
	if end < 0 {
		return ""
	}
	return string(text[:end])
}

// vmlinux takes the kernel proper out of a bzImage. QEMU starts that 0.7 s faster
// than the bzImage, because the guest needs not decompress it.
func vmlinux(data []byte) ([]byte, error) {
	if !isBzImage(data) {
		return nil, fmt.Errorf("%w: not a bzImage", ErrBadPackage)
	}
	setup := int64(data[offSetupSects])
	if setup == 0 {
		setup = 4
	}
	start := (setup+1)*512 + int64(binary.LittleEndian.Uint32(data[offPayload:]))
	size := int64(binary.LittleEndian.Uint32(data[offPayloadLen:]))
	if start+size > int64(len(data)) || size < 8 {
		return nil, fmt.Errorf("%w: bzImage is cut short", ErrBadPackage)
	}
	payload := data[start : start+size]
	limit := int64(binary.LittleEndian.Uint32(payload[size-4:]))
	if bytes.HasPrefix(payload, []byte("\x7fELF")) { // CONFIG_KERNEL_UNCOMPRESSED
		return payload, nil
	}
	if limit > maxKernel {
		return nil, fmt.Errorf("%w: bzImage of %d bytes unpacked", ErrBadPackage, limit)
	}
	// All but gzip, which ends with its size anyway, have four bytes with the size
	// after the compressed data (kernel: scripts/Makefile.lib:size_append).
	if !bytes.HasPrefix(payload, []byte("\x1f\x8b")) {
		payload = payload[:size-4]
	}
	return decompress(payload, limit)
}

// pvhNote is the type of the note that says where QEMU may enter the kernel
// (xen/include/public/elfnote.h: XEN_ELFNOTE_PHYS32_ENTRY).
const pvhNote = 18

// hasPVH tells whether data is an x86-64 kernel with a PVH entry (CONFIG_PVH).
func hasPVH(data []byte) (bool, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return false, fmt.Errorf("%w: kernel: %w", ErrBadPackage, err)
	}
	if f.Machine != elf.EM_X86_64 {
		return false, fmt.Errorf("%w: kernel is for %s, not for x86-64", ErrBadPackage, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > 1<<20 {
			continue
		}
		notes := make([]byte, p.Filesz)
		if _, err := p.ReadAt(notes, 0); err == nil && findNote(notes, "Xen\x00", pvhNote) {
			return true, nil
		}
	}
	return false, nil
}

// findNote looks for a note of an owner and type (elf(5), Nhdr).
func findNote(notes []byte, owner string, kind uint32) bool {
	for len(notes) >= 12 {
		nameLen := int64(binary.LittleEndian.Uint32(notes))
		descLen := int64(binary.LittleEndian.Uint32(notes[4:]))
		is := binary.LittleEndian.Uint32(notes[8:])
		notes = notes[12:]
		if nameLen > int64(len(notes)) {
			return false
		}
		if is == kind && string(notes[:nameLen]) == owner {
			return true
		}
		next := (nameLen+3)&^3 + (descLen+3)&^3
		if next > int64(len(notes)) {
			return false
		}
		notes = notes[next:]
	}
	return false
}
