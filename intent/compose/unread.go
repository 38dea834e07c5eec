package compose

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"github.com/lanproof/lanproof/intent"
)

// relevant are what a service's networks depend on.
var relevant = [...]string{"networks", "network_mode", "mac_address", "ports", "expose", "sysctls", "scale", "deploy", "container_name", "extends"}

// parts are the names of what an Unread belongs to, where Compose has others.
var parts = map[string]string{"ipv4_address": "ip", "ipv6_address": "ip6", "mac_address": "mac"}

// unread are the words with variables that have no value.
func (b *book) unread(p *types.Project) []intent.Unread {
	var u unread
	for _, name := range b.order("networks", slices.Sorted(maps.Keys(p.Networks))) {
		u.of, u.seen = name, map[*yaml.Node]bool{}
		for _, one := range b.networks(name) {
			u.look(one.source, one.node, "")
		}
	}
	for _, name := range b.order("services", slices.Sorted(maps.Keys(p.Services))) {
		u.of, u.seen = name, map[*yaml.Node]bool{}
		for _, one := range b.services(name) {
			for _, key := range relevant {
				if e, ok := one.source.child(one.node, key); ok {
					u.look(one.source, e.value, key)
				}
			}
		}
	}
	return u.all
}

// unread collects words, each once for what it belongs to.
type unread struct {
	of   string
	seen map[*yaml.Node]bool
	all  []intent.Unread
}

// look collects what is in a node, which stands under a key.
func (u *unread) look(s *source, n *yaml.Node, key string) {
	n = resolve(n)
	if n == nil || u.seen[n] {
		return
	}
	u.seen[n] = true
	switch n.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		for _, e := range s.entries(n) {
			if e.key == e.value {
				continue
			}
			u.look(s, e.value, e.name)
		}
		for _, item := range items(n) {
			u.look(s, item, key)
		}
	case yaml.ScalarNode:
		_, missing, _ := s.substitute(n)
		part := key
		if p, ok := parts[key]; ok {
			part = p
		}
		for _, name := range missing {
			u.all = append(u.all, intent.Unread{
				Place: s.at(n), Text: oneLine(n.Value), Of: u.of, Part: part, Blank: true,
				Why: fmt.Sprintf("the variable %s has no value here, and stands for nothing", name),
			})
		}
	}
}
