package advice

import (
	"cmp"
	"strings"
)

// This file has the notes about the machine that lanproof runs on, which a file need not
// be for. They change nothing else.

// eachHere tells of a parent as this machine has it, once for each; nothing is said of
// those that the surroundings know.
func (f *file) eachHere(text func(n *network, device string) string) []*finding {
	if f.around.Here == nil || f.around.Complete {
		return nil
	}
	told := map[string]*finding{}
	var all []*finding
	for _, n := range f.networks {
		device := n.parent.Text
		if !n.virtual() || !deviceName(device) || f.unread(n.Name, "parent") {
			continue
		}
		base, _, _ := strings.Cut(device, ".")
		_, known := f.around.Parents[device]
		_, knownBase := f.around.Parents[base]
		if known || knownBase {
			continue
		}
		_, have := f.around.Here[device]
		if _, below := f.around.Here[base]; !have && below {
			device = base
		}
		if w := told[device]; w != nil {
			w.Networks = append(w.Networks, n.Name)
			continue
		}
		if t := text(n, device); t != "" {
			w := about(n, place(n.parent, n.Place), "%s (lanproof check --here heeds this machine).", t)
			w.Severity = Note
			told[device], all = w, append(all, w)
		}
	}
	return all
}

func missingHere(f *file) []*finding {
	return f.eachHere(func(n *network, device string) string {
		if _, have := f.around.Here[device]; have {
			return ""
		}
		return "This machine has no device " + device + "; if the file is for it, network \"" + n.Name + "\" cannot be made"
	})
}

func wifiHere(f *file) []*finding {
	return f.eachHere(func(n *network, device string) string {
		if n.driver != macvlan || f.around.Here[device].Medium != WiFi || f.medium(n) == WiFi {
			return ""
		}
		return "On this machine " + device + " is Wi-Fi; if the file is for it, containers on macvlan networks reach each other and nothing else"
	})
}

func cloudHere(f *file) []*finding {
	return f.eachHere(func(n *network, device string) string {
		here := f.around.Here[device]
		if n.driver != macvlan || here.Medium != Cloud {
			return ""
		}
		return "On this machine " + device + " is a port of " + cmp.Or(here.Provider, "a cloud") + "; if the file is for it, containers on macvlan networks reach each other and nothing else"
	})
}
