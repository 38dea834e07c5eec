package scenarios

import (
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/topology"
)

// rule is what a field demands beyond its Go type. The loader and the schema
// both read it. The rules for a Named list or map are those of its keys.
type rule struct {
	// what a value is, for sentences: "kind", "MAC address".
	what string
	enum []string
	// pattern of the whole value, and the same in words.
	pattern *regexp.Regexp
	form    string
	// parse judges a value where a pattern says too little.
	parse func(string) error
	// word takes true and false for words.
	word bool
	// min and max bound a number when max is not 0.
	min, max int
	// preset is what holds where the field is left out, as a file would say it.
	preset string
}

// shape is what a mapping demands of its fields together.
type shape struct {
	required []string
	// oneOf are fields of which exactly one is set.
	oneOf []string
	// anyOf are fields of which at least one is set.
	anyOf []string
}

// valueRule is the rule for the values of a map or Named list: those of matrix,
// exclude and when are words whatever they look like.
func valueRule(t reflect.Type) rule {
	return rule{word: t == reflect.TypeFor[[]string]() || t == reflect.TypeFor[Values]()}
}

// Patterns of names and labels.
var (
	namePattern     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	variablePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	valuePattern    = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	// labelPattern leaves out what Ginkgo's label filter language uses itself.
	labelPattern = regexp.MustCompile(`^[^&|!,()/:{}\s]+$`)
	refPattern   = regexp.MustCompile(`^[^/\s]+(/[^/\s]+)?$`)
	linkPattern  = regexp.MustCompile(`^[^/\s]+/[^/\s]+$`)
)

const (
	nameForm     = "lower-case letters, digits and dashes only"
	variableForm = "a lower-case letter, then those, digits and _"
	labelForm    = "no spaces, and none of & | ! , ( ) / : { }"
	refForm      = "it is written NODE or NODE/LINK"
	linkForm     = "it is written NODE/LINK"
)

var (
	macvlanModes = []string{"bridge", "private", "vepa", "passthru", "source"}
	ipvlanModes  = []string{"l2", "l3", "l3s"}
	ipvlanFlags  = []string{"bridge", "private", "vepa"}
	linkModes    = slices.Concat(macvlanModes, ipvlanModes)
	linkKinds    = []string{"veth", "dummy", "bridge", "vlan", "macvlan", "ipvlan", "nic"}
	protocols    = []string{"802.1Q", "802.1ad"}
)

// rules by Go type and field.
var rules = map[string]rule{
	"Scenario.name":    {what: "name", pattern: namePattern, form: nameForm},
	"Scenario.labels":  {what: "label", pattern: labelPattern, form: labelForm},
	"Scenario.claims":  {what: "claim", pattern: namePattern, form: nameForm},
	"Scenario.matrix":  {what: "variable", pattern: variablePattern, form: variableForm},
	"Scenario.docker":  {what: "Docker version", enum: topology.Dockers(), preset: topology.Docker(0).String()},
	"Check.id":         {what: "id", pattern: namePattern, form: nameForm},
	"Check.claims":     {what: "claim", pattern: namePattern, form: nameForm},
	"Check.refutes":    {what: "claim", pattern: namePattern, form: nameForm},
	"Claim.id":         {what: "id", pattern: namePattern, form: nameForm},
	"Flow.from":        {what: "sender", pattern: refPattern, form: refForm},
	"Flow.to":          {what: "target", pattern: refPattern, form: refForm},
	"Flow.kind":        {what: "frame kind", enum: []string{"icmp", "udp", "arp", "nd", "raw"}, preset: "icmp"},
	"Check.oracle":     {what: "class of frames", enum: []string{"all", "unicast", "unknown", "broadcast", "multicast", "unsubscribed", "tagged", "arp", "nd", "dad", "icmp4", "icmp6", "udp4", "udp6"}},
	"Flow.cast":        {what: "cast", enum: []string{"unicast", "broadcast", "multicast", "unsubscribed", "unknown"}, preset: "unicast"},
	"Flow.family":      {what: "family", enum: []string{"4", "6"}},
	"Flow.address":     {what: "IP address", parse: parseAddr},
	"Flow.source":      {what: "MAC address", parse: parseMAC},
	"Flow.dest":        {what: "MAC address or NODE/LINK", parse: parseMACOrLink},
	"Flow.size":        {min: 0, max: 65507},
	"Flow.errno":       {what: "errno", enum: errnos},
	"VLANTag.vid":      {min: 0, max: 4095},
	"VLANTag.pcp":      {min: 0, max: 7, preset: "0"},
	"VLANTag.tpid":     {what: "TPID", enum: []string{"0x8100", "0x88a8"}, preset: "0x8100"},
	"MACs.of":          {what: "sender", pattern: refPattern, form: refForm},
	"MACs.are":         {what: "outcome", enum: []string{"unique", "shared"}},
	"Tag.from":         {what: "sender", pattern: refPattern, form: refForm},
	"Tag.priority":     {min: 0, max: 1<<31 - 1},
	"LinkState.link":   {what: "device", pattern: linkPattern, form: linkForm},
	"LinkState.kind":   {what: "kind", enum: linkKinds},
	"LinkState.mode":   {what: "mode", enum: linkModes},
	"LinkState.flag":   {what: "flag", enum: ipvlanFlags},
	"LinkState.flags":  {what: "flag", enum: []string{"nopromisc", "nodst"}},
	"LinkState.parent": {what: "device", pattern: linkPattern, form: linkForm},
	"LinkState.mac":    {what: "MAC address", parse: parseMAC},
	"LinkState.mac_of": {what: "device", pattern: linkPattern, form: linkForm},
	"LinkState.operstate": {what: "operstate", enum: []string{
		"up", "down", "unknown", "lowerlayerdown", "dormant", "testing", "notpresent",
	}},
	"LinkState.sources":    {what: "MAC address or NODE/LINK", parse: parseMACOrLink},
	"LinkState.filter":     {what: "MAC address or NODE/LINK", parse: parseMACOrLink},
	"LinkState.groups":     {what: "MAC address", parse: parseMAC},
	"LinkState.not_groups": {what: "MAC address", parse: parseMAC},
	"LinkState.protocol":   {what: "protocol", enum: protocols},
	"Addresses.link":       {what: "device", pattern: refPattern, form: refForm},
	"Addresses.are":        {what: "address with prefix length", parse: parsePrefix},
	"Addresses.include":    {what: "address with prefix length", parse: parsePrefix},
	"Addresses.exclude":    {what: "address with prefix length", parse: parsePrefix},
	"RouteState.to":        {what: "destination", parse: parseDestination},
	"RouteState.via":       {what: "IP address or none", parse: parseAddrOrNone},
	"RouteState.scope":     {what: "scope", enum: []string{"link", "global"}},
	"RouteState.source":    {what: "IP address or none", parse: parseAddrOrNone},
	"Neighbour.node":       {what: "name of a node"},
	"Neighbour.address":    {what: "IP address", parse: parseAddr},
	"Neighbour.mac":        {what: "MAC address", parse: parseMAC},
	"Neighbour.mac_of":     {what: "device", pattern: linkPattern, form: linkForm},
	"Neighbour.exists":     {preset: "true"},
	"Counters.link":        {what: "device", pattern: linkPattern, form: linkForm},
	"Counters.times":       {min: 0, max: 10_000},
	"Counters.rise":        {what: "counter", enum: counters},
	"Counters.still":       {what: "counter", enum: counters},
	"Refused.errno":        {what: "errno", enum: errnos},
	"HandedOut.addresses":  {what: "IP address", parse: parseAddr},
	"HandedOut.never":      {what: "IP address", parse: parseAddr},
	"HandedOut.count":      {min: 0, max: 1<<31 - 1},

	"Network.driver":       {what: "driver", enum: []string{"macvlan", "ipvlan", "bridge"}},
	"Network.macvlan_mode": {what: "macvlan mode", enum: macvlanModes, preset: "bridge"},
	"Network.ipvlan_mode":  {what: "ipvlan mode", enum: ipvlanModes, preset: "l2"},
	"Network.ipvlan_flag":  {what: "ipvlan flag", enum: ipvlanFlags, preset: "bridge"},
	"Link.kind":            {what: "kind", enum: linkKinds},
	"Link.mode":            {what: "mode", enum: linkModes},
	"Link.flag":            {what: "flag", enum: ipvlanFlags},
	"Link.protocol":        {what: "protocol", enum: protocols, preset: "802.1Q"},
	"SetLink.mode":         {what: "mode", enum: linkModes},
	"SetLink.flag":         {what: "flag", enum: ipvlanFlags},
	"SetFilter.address":    {what: "MAC address", parse: parseMAC},

	// What these are is judged by package topology, or by the kernel.
	"Station.addresses":       {what: "address with prefix length"},
	"Link.addresses":          {what: "address with prefix length"},
	"SetAddress.address":      {what: "address with prefix length"},
	"Station.mac":             {what: "MAC address"},
	"Endpoint.mac":            {what: "MAC address"},
	"Attachment.mac":          {what: "MAC address"},
	"Link.mac":                {what: "MAC address"},
	"SetLink.mac":             {what: "MAC address"},
	"Network.macvlan_sources": {what: "MAC address or NODE/LINK"},
	"Link.sources":            {what: "MAC address or NODE/LINK"},
	"SwitchPort.allow":        {what: "MAC address or NODE/LINK"},
	"SetLink.sources":         {what: "MAC address or NODE/LINK"},
	"SetLink.add_source":      {what: "MAC address or NODE/LINK"},
	"SetLink.remove_source":   {what: "MAC address or NODE/LINK"},
	"Endpoint.network":        {what: "name of a network"},
	"Attachment.network":      {what: "name of a network"},
	"HandedOut.network":       {what: "name of a network"},
	"Change.remove_network":   {what: "name of a network"},
	"AddNetwork.name":         {what: "name of a network"},
	"Detach.network":          {what: "name of a network"},
	"Endpoint.ip":             {what: "IPv4 address"},
	"Attachment.ip":           {what: "IPv4 address"},
	"Endpoint.ip6":            {what: "IPv6 address"},
	"Attachment.ip6":          {what: "IPv6 address"},
	"Attachment.name":         {what: "name of a device"},
	"Network.parent":          {what: "name of a device"},
	"Link.ports":              {what: "name of a device"},
	"Route.dev":               {what: "name of a device"},
	"RouteState.dev":          {what: "name of a device"},
	"AddLink.name":            {what: "name of a device"},
	"MoveLink.name":           {what: "name of a device"},
	"SetLink.master":          {what: "name of a device"},
	"Network.host":            {what: "name of a host"},
	"RouteState.node":         {what: "name of a node"},
	"AddLink.node":            {what: "name of a node"},
	"MoveLink.to":             {what: "name of a node"},
	"Change.remove_node":      {what: "name of a node"},
	"Attach.endpoint":         {what: "name of an endpoint"},
	"Detach.endpoint":         {what: "name of an endpoint"},
	"Subnet.subnet":           {what: "prefix"},
	"Subnet.ip_range":         {what: "prefix"},
	"Route.to":                {what: "prefix or default"},
	"Subnet.gateway":          {what: "IP address"},
	"Route.via":               {what: "IP address"},
	"Change.delete":           {what: "NODE/LINK"},
	"SetLink.link":            {what: "NODE/LINK"},
	"MoveLink.link":           {what: "NODE/LINK"},
	"SetSwitch.port":          {what: "NODE/LINK"},
	"SetAddress.link":         {what: "NODE/LINK"},
	"SetFilter.link":          {what: "NODE/LINK"},
	"Link.parent":             {what: "LINK or NODE/LINK"},

	// What holds where these are left out.
	"LinkState.exists":    {preset: "true"},
	"RouteState.exists":   {preset: "true"},
	"SwitchPort.learning": {preset: "true"},
	"SwitchPort.flood":    {preset: "true"},
	"SwitchPort.carrier":  {preset: "true"},
}

// shapes by Go type.
var shapes = map[string]shape{
	"Scenario": {required: []string{"name"}, anyOf: []string{"checks", "steps"}},
	"Check": {oneOf: []string{
		"reach", "blocked", "macs", "tag", "link", "addresses", "route", "neighbour", "counters", "refused", "handed_out", "oracle",
	}},
	"Step":       {anyOf: []string{"do", "checks"}},
	"Flow":       {required: []string{"from", "to"}},
	"VLANTag":    {required: []string{"vid"}},
	"MACs":       {required: []string{"of", "are"}},
	"Tag":        {required: []string{"from"}},
	"LinkState":  {required: []string{"link"}},
	"Addresses":  {required: []string{"link"}, anyOf: []string{"are", "include", "exclude", "link_local"}},
	"RouteState": {required: []string{"node", "to"}},
	"Neighbour":  {required: []string{"node", "address"}, anyOf: []string{"mac", "mac_of", "exists"}},
	"Counters":   {required: []string{"link", "send"}, anyOf: []string{"rise", "still"}},
	"Refused":    {required: []string{"do"}, anyOf: []string{"errno", "reason"}},
	"HandedOut":  {required: []string{"network"}, anyOf: []string{"addresses", "never", "count"}},
	"Claim":      {required: []string{"id", "text", "source"}},
	"Change": {oneOf: []string{
		"add", "set", "delete", "move", "switch", "network", "remove_network", "attach", "detach", "address", "remove_address", "filter", "remove_filter", "remove_node",
	}},
	"AddLink":    {required: []string{"node", "name"}},
	"SetLink":    {required: []string{"link"}},
	"MoveLink":   {required: []string{"link", "to"}},
	"AddNetwork": {required: []string{"name"}},
	"Attach":     {required: []string{"endpoint", "network"}},
	"Detach":     {required: []string{"endpoint", "network"}},
	"SetAddress": {required: []string{"link", "address"}},
	"SetFilter":  {required: []string{"link", "address"}},
}

// errnos that building, changing or sending on a LAN can meet.
var errnos = []string{
	"EACCES", "EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EAGAIN", "EBUSY", "ECONNREFUSED", "EDESTADDRREQ",
	"EEXIST", "EFAULT", "EHOSTDOWN", "EHOSTUNREACH", "EINVAL", "EIO", "ELOOP", "EMLINK", "EMSGSIZE", "ENETDOWN",
	"ENETUNREACH", "ENOBUFS", "ENODEV", "ENOENT", "ENOMEM", "ENONET", "ENOPROTOOPT", "ENOSPC", "ENOSYS",
	"ENOTCONN", "ENOTUNIQ", "ENXIO", "EOPNOTSUPP", "EPERM", "EPFNOSUPPORT", "EPROTO", "EPROTONOSUPPORT",
	"EPROTOTYPE", "ERANGE", "ESRCH", "ETIMEDOUT",
}

// counters of struct rtnl_link_stats64 (include/uapi/linux/if_link.h), each
// under its field's name.
var counters = []string{
	"rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped",
	"multicast", "collisions", "rx_length_errors", "rx_over_errors", "rx_crc_errors", "rx_frame_errors",
	"rx_fifo_errors", "rx_missed_errors", "tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors",
	"tx_heartbeat_errors", "tx_window_errors", "rx_compressed", "tx_compressed", "rx_nohandler",
	"rx_otherhost_dropped",
}

// judge says what is wrong with a value, and which one was meant if that is plain.
func (r rule) judge(value string) (text, meant string) {
	switch {
	case r.enum != nil && !slices.Contains(r.enum, value):
		return unknown(r.what, value, r.enum)
	case r.pattern != nil && !r.pattern.MatchString(value):
		return fmt.Sprintf("%s is no %s: %s", quote(value), r.what, r.form), ""
	case r.parse != nil:
		if err := r.parse(value); err != nil {
			return fmt.Sprintf("%s is no %s", quote(value), r.what), ""
		}
	}
	return "", ""
}

func parseAddr(s string) error {
	a, err := netip.ParseAddr(s)
	if err == nil && a.Zone() != "" {
		err = fmt.Errorf("%s has a zone", s)
	}
	return err
}

func parseAddrOrNone(s string) error {
	if s == "none" {
		return nil
	}
	return parseAddr(s)
}

func parsePrefix(s string) error {
	_, err := netip.ParsePrefix(s)
	return err
}

func parseDestination(s string) error {
	if s == "default" || s == "default6" {
		return nil
	}
	return parsePrefix(s)
}

func parseMAC(s string) error {
	mac, err := net.ParseMAC(s)
	if err == nil && (len(mac) != 6 || strings.Count(s, ":") != 5) {
		err = fmt.Errorf("%s is not six bytes with colons", s)
	}
	return err
}

func parseMACOrLink(s string) error {
	if linkPattern.MatchString(s) {
		return nil
	}
	return parseMAC(s)
}
