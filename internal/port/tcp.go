package port

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// connection is an established TCP connection.
type connection struct {
	local, remote netip.AddrPort
}

// connections returns the calling thread's namespace's established TCP connections.
// The files are there on every kernel, while sock_diag may be a module that is not.
func connections() []connection {
	var all []connection
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open("/proc/thread-self/net/" + name)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if c, ok := parseConnection(lines.Text()); ok {
				all = append(all, c)
			}
		}
		_ = f.Close()
	}
	return all
}

// parseConnection reads a line of /proc/net/tcp: number, local, remote, state
// (net/ipv4/tcp_ipv4.c:get_tcp4_sock).
func parseConnection(line string) (c connection, established bool) {
	const state = "01" // TCP_ESTABLISHED
	f := strings.Fields(line)
	if len(f) < 4 || f[3] != state {
		return c, false
	}
	var ok1, ok2 bool
	c.local, ok1 = parseEnd(f[1])
	c.remote, ok2 = parseEnd(f[2])
	return c, ok1 && ok2
}

// parseEnd reads an address in hexadecimal words of the machine's own order, and a port.
func parseEnd(s string) (netip.AddrPort, bool) {
	ip, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(ip)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	addr, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok
}
