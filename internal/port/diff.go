package port

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Differences says what is not as it was, a sentence each. Times, counters and what
// the kernel learns by itself are no differences; nor are speed and duplex of a port
// without a carrier, nor the carrier of a port that is down: until it has been up for
// the first time, most drivers have not looked (8139cp, e100, vmxnet3).
func Differences(was, now *State) []string {
	who := "port " + was.Name
	var all []string
	before, after := was.facts(), now.facts()
	if !was.Carrier || !now.Carrier { // speed and duplex come and go with it; its loss is told
		delete(before, "speed")
		delete(before, "duplex")
		delete(after, "speed")
		delete(after, "duplex")
	}
	keys := slices.Sorted(maps.Keys(before))
	for key := range after {
		if _, ok := before[key]; !ok {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		a, there := before[key]
		b, left := after[key]
		switch {
		case !there:
			all = append(all, fmt.Sprintf("%s has got %s, which is %s", who, key, b))
		case !left:
			all = append(all, fmt.Sprintf("%s has lost %s, which was %s", who, key, a))
		case a != b && !(key == "carrier" && b == "on"): // one that is there is no harm
			all = append(all, fmt.Sprintf("%s came back with %s %s, which was %s", who, key, b, a))
		}
	}
	for _, set := range sets(was, now) {
		for _, e := range missing(set.was, set.now) {
			all = append(all, fmt.Sprintf("%s has lost the %s %s", who, set.what, e.Text))
		}
		for _, e := range missing(set.now, set.was) {
			all = append(all, fmt.Sprintf("%s has got the %s %s", who, set.what, e.Text))
		}
	}
	return all
}

// functions is how many virtual functions the port had, by the bus or by its driver.
func (s *State) functions() int { return max(s.NumVFs, len(s.VFs)) }

// set is a list that is compared without regard to its order.
type set struct {
	what     string
	was, now []Entry
}

func sets(was, now *State) []set {
	return []set{
		{"address", was.Addresses, now.Addresses},
		{"route", was.lastingRoutes(), now.lastingRoutes()},
		{"neighbour", was.Neighbours, now.Neighbours},
		{"queueing discipline", was.Queues, now.Queues},
	}
}

// missing returns the entries that are not among others.
func missing(all, others []Entry) []Entry {
	have := map[string]int{}
	for _, e := range others {
		have[string(e.Message)]++
	}
	var lost []Entry
	for _, e := range all {
		if have[string(e.Message)]--; have[string(e.Message)] < 0 {
			lost = append(lost, e)
		}
	}
	return lost
}

// facts returns all that is said by a name and a value.
func (s *State) facts() map[string]string {
	f := map[string]string{
		"name": s.Name, "ifindex": strconv.Itoa(s.Index), "address": s.MAC, "MTU": strconv.Itoa(s.MTU),
		"transmit queue length": strconv.Itoa(s.TxQueueLen), "group": fmt.Sprint(s.Group), "flags": strings.Join(s.Flags, " "),
		"number of virtual functions": strconv.Itoa(s.functions()),
	}
	optional := map[string]string{
		"alias": s.Alias, "alternative names": strings.Join(s.AltNames, " "), "master": s.Master,
		"permanent address": s.PermanentMAC, "driver": s.Driver.Name, "firmware": s.Driver.Firmware, "bus address": s.Driver.Bus,
		"additional addresses": strings.Join(s.Filter, " "),
	}
	if s.Up() {
		optional["carrier"] = onOff(s.Carrier)
	}
	if s.Up() && s.Carrier && s.Link.SpeedMbit > 0 {
		optional["speed"], optional["duplex"] = strconv.Itoa(s.Link.SpeedMbit)+" Mbit/s", s.Link.Duplex
	}
	for name, v := range optional {
		if v != "" {
			f[name] = v
		}
	}
	for name, v := range s.FeatureWords() {
		f["feature "+name] = v
	}
	for name, v := range s.SettingWords() {
		f["setting "+name] = v
	}
	if s.Spread != nil {
		f["RSS hash function"], f["RSS table"] = fmt.Sprint(s.Spread.Function), fmt.Sprint(s.Spread.Table)
		key := sha256.Sum256(s.Spread.Key) // who knows the key can aim at one queue
		f["RSS key, as the first bytes of its SHA-256,"] = fmt.Sprintf("%x", key[:8])
	}
	for name, v := range s.Sysctls {
		f["sysctl "+name] = v
	}
	for _, v := range s.VFs {
		id := v.ID
		v.ID = 0
		f[fmt.Sprintf("virtual function %d", id)] = strings.Trim(fmt.Sprintf("%+v", v), "{}")
	}
	return f
}
