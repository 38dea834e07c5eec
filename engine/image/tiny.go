package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// tiny is a program for amd64 that does nothing but wait for signals (pause(2), call 34):
// an ELF header, one segment, and nine bytes of code. Engines copy, sum and unpack an
// image several times, and in a guest without hardware virtualization that shows.
func tiny() ([]byte, error) {
	code := []byte{
		0xb8, 34, 0, 0, 0, // mov eax, 34
		0x0f, 0x05, // syscall
		0xeb, 0xf7, // jmp to the first
	}
	const base, header, segment = 0x400000, 64, 56
	size := uint64(header + segment + len(code))
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Entry: base + header + segment, Phoff: header, Ehsize: header, Phentsize: segment, Phnum: 1,
	}
	copy(h.Ident[:], elf.ELFMAG+string([]byte{byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}))
	p := elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Align: 0x1000}
	var out bytes.Buffer
	for _, part := range []any{h, p, code} {
		if err := binary.Write(&out, binary.LittleEndian, part); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
