package main

import (
	"github.com/lanproof/lanproof/advice"
	devices "github.com/lanproof/lanproof/internal/machine"
)

// lookHere is what this machine says of the parents that files name: what is missing,
// Wi-Fi or a cloud's, and which addresses and routers there are. Nothing is changed.
func lookHere() (advice.Surroundings, error) {
	m, err := devices.Look("")
	if err != nil {
		return advice.Surroundings{}, err
	}
	s := advice.Surroundings{Complete: true, Parents: map[string]advice.Parent{}}
	for _, d := range m.Devices {
		p := advice.Parent{Addresses: d.Addresses, Gateways: d.Gateways, MTU: d.MTU, Master: d.Master}
		switch {
		case d.Wireless:
			p.Medium = advice.WiFi
		case d.Physical && m.Cloud != "":
			p.Medium, p.Provider = advice.Cloud, m.Cloud
		}
		s.Parents[d.Name] = p
	}
	return s, nil
}

// hintHere looks at this machine while something else is done, and returns what waits
// for it. What it says is a hint, which is worth no failure.
func hintHere() func() map[string]advice.Parent {
	found := make(chan map[string]advice.Parent, 1)
	go func() {
		here, _ := lookHere()
		found <- here.Parents
	}()
	return func() map[string]advice.Parent { return <-found }
}
