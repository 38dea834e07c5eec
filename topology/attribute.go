package topology

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Attribute is an attribute of netlink that is sent as it was written, whatever
// the device's fields say.
type Attribute struct {
	Name string
	// Type is its number (include/uapi/linux/if_link.h).
	Type int
	// Kind whose IFLA_INFO_DATA it stands in; empty for one of the device itself.
	Kind string
	// Value in the kernel's byte order; nil leaves the attribute out.
	Value []byte
	text  string
}

// InfoData is the attribute that all attributes of a kind stand in. It can only be
// left out.
const InfoData = "IFLA_INFO_DATA"

// attributes are all that can be written.
func attributes() []Attribute {
	return []Attribute{
		{Name: "IFLA_ADDRESS", Type: 1},
		{Name: "IFLA_MTU", Type: 4},
		{Name: "IFLA_LINK", Type: 5},
		{Name: InfoData},
		{Name: "IFLA_MACVLAN_MODE", Type: 1, Kind: KindMacvlan},
		{Name: "IFLA_MACVLAN_FLAGS", Type: 2, Kind: KindMacvlan},
		{Name: "IFLA_MACVLAN_MACADDR_MODE", Type: 3, Kind: KindMacvlan},
		{Name: "IFLA_MACVLAN_MACADDR", Type: 4, Kind: KindMacvlan},
		{Name: "IFLA_MACVLAN_MACADDR_DATA", Type: 5, Kind: KindMacvlan},
		{Name: "IFLA_MACVLAN_MACADDR_COUNT", Type: 6, Kind: KindMacvlan},
		{Name: "IFLA_MACVLAN_BC_QUEUE_LEN", Type: 7, Kind: KindMacvlan},
		{Name: "IFLA_MACVLAN_BC_QUEUE_LEN_USED", Type: 8, Kind: KindMacvlan},
		{Name: "IFLA_MACVLAN_BC_CUTOFF", Type: 9, Kind: KindMacvlan},
		{Name: "IFLA_IPVLAN_MODE", Type: 1, Kind: KindIpvlan},
		{Name: "IFLA_IPVLAN_FLAGS", Type: 2, Kind: KindIpvlan},
		{Name: "IFLA_VLAN_ID", Type: 1, Kind: KindVLAN},
		{Name: "IFLA_VLAN_FLAGS", Type: 2, Kind: KindVLAN},
		{Name: "IFLA_VLAN_EGRESS_QOS", Type: 3, Kind: KindVLAN},
		{Name: "IFLA_VLAN_INGRESS_QOS", Type: 4, Kind: KindVLAN},
		{Name: "IFLA_VLAN_PROTOCOL", Type: 5, Kind: KindVLAN},
	}
}

// parseAttribute reads one attribute of a device of a kind.
func parseAttribute(kind, name, text string) (a Attribute, problem string) {
	var known []string
	for _, c := range attributes() {
		if c.Kind != "" && c.Kind != kind {
			continue
		}
		known = append(known, c.Name)
		if c.Name == name {
			a = c
		}
	}
	if a.Name == "" {
		return a, fmt.Sprintf("a %s has no attribute %q: it is one of %s", kind, name, strings.Join(known, ", "))
	}
	a.text = text
	var err error
	a.Value, err = attributeValue(text)
	switch {
	case err != nil:
		return a, fmt.Sprintf("%q is no value of an attribute: it is none, hex and bytes, or one of u16, u32 and be16 and a number, as in u32 3", text)
	case name == InfoData && a.Value != nil:
		return a, InfoData + " can only be left out: none"
	}
	return a, ""
}

func attributeValue(text string) ([]byte, error) {
	if text == "none" {
		return nil, nil
	}
	form, rest, _ := strings.Cut(text, " ")
	if form == "hex" {
		b, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
		return append([]byte{}, b...), err
	}
	bits := map[string]int{"u16": 16, "be16": 16, "u32": 32}[form]
	if bits == 0 {
		return nil, fmt.Errorf("%q is no form of a value", form)
	}
	n, err := strconv.ParseUint(rest, 0, bits)
	switch {
	case err != nil:
		return nil, err
	case form == "be16":
		return binary.BigEndian.AppendUint16(nil, uint16(n)), nil
	case form == "u16":
		return binary.NativeEndian.AppendUint16(nil, uint16(n)), nil
	}
	return binary.NativeEndian.AppendUint32(nil, uint32(n)), nil
}

// attributes reads the attributes of a device, in the order of their names.
func (b *builder) attributes(kind string, written map[string]string) []Attribute {
	defer b.enter("attributes")()
	var all []Attribute
	for _, name := range sortedKeys(written) {
		b.in(name, func() {
			a, problem := parseAttribute(kind, name, written[name])
			b.text(problem)
			all = append(all, a)
		})
	}
	return all
}

// remark is what iproute2 cannot send, as a comment behind its command.
func remark(all []Attribute) string {
	if len(all) == 0 {
		return ""
	}
	var parts []string
	for _, a := range all {
		parts = append(parts, a.Name+" "+a.text)
	}
	return " # but with " + strings.Join(parts, ", ")
}
