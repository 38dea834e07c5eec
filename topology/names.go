package topology

// names finds a LAN's nodes and devices by their names, so that a plan of thousands is
// not searched from its start for each of them. It is only changed where the LAN is:
// whoever looks something up changes nothing.
type names struct {
	nodes   map[string]int // places in Nodes
	devices map[string][]*Device
	count   int // devices
}

// named reports whether all of the LAN can be found by its names.
func (l *LAN) named() bool {
	return l.names.count == len(l.Devices) && len(l.names.nodes) == len(l.Nodes)
}

// nameAll begins anew.
func (l *LAN) nameAll() {
	nodes, devices := l.Nodes, l.Devices
	l.Nodes, l.Devices, l.names = nil, nil, names{nodes: map[string]int{}, devices: map[string][]*Device{}}
	for _, n := range nodes {
		l.addNode(n)
	}
	for _, d := range devices {
		l.addDevice(d)
	}
}

func (l *LAN) addNode(n Node) {
	if l.names.nodes == nil {
		l.names.nodes = map[string]int{}
	}
	l.names.nodes[n.Name] = len(l.Nodes)
	l.Nodes = append(l.Nodes, n)
}

func (l *LAN) addDevice(d *Device) {
	if l.names.devices == nil {
		l.names.devices = map[string][]*Device{}
	}
	l.names.devices[d.Node] = append(l.names.devices[d.Node], d)
	l.names.count++
	l.Devices = append(l.Devices, d)
}
