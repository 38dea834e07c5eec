package drops

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// reasons are the kernel's names for its numbers, which differ from one version to
// the next.
type reasons struct {
	core       map[uint32]string
	subsystems map[uint32]string // by the upper 16 bits
	others     map[uint32]string // of subsystems
}

const reasonPrefix = "SKB_DROP_REASON_"

// readReasons reads the names from the kernel's types.
func readReasons(kernel *btf.Spec) (reasons, error) {
	var e *btf.Enum
	if err := kernel.TypeByName("skb_drop_reason", &e); err != nil {
		return reasons{}, fmt.Errorf("look enum skb_drop_reason up in the kernel's types: %w", err)
	}
	r := reasons{core: namesOf(e, reasonPrefix), others: map[uint32]string{}}
	// Since 6.4; then reasons of subsystems have enums of their own, as far as they
	// are not in modules (include/net/dropreason.h).
	if err := kernel.TypeByName("skb_drop_reason_subsys", &e); err == nil {
		r.subsystems = namesOf(e, reasonPrefix+"SUBSYS_")
	}
	for _, name := range []string{"mac80211_drop_reason", "ovs_drop_reason"} {
		if err := kernel.TypeByName(name, &e); err == nil {
			for n, text := range namesOf(e, "") {
				r.others[n] = text
			}
		}
	}
	return r, nil
}

func namesOf(e *btf.Enum, prefix string) map[uint32]string {
	all := make(map[uint32]string, len(e.Values))
	for _, v := range e.Values {
		all[uint32(v.Value)] = strings.TrimPrefix(v.Name, prefix)
	}
	return all
}

// name is a reason's name without its prefix; a number has none.
func (r *reasons) name(n uint32) string {
	if name, ok := r.core[n]; ok {
		return name
	}
	if name, ok := r.others[n]; ok {
		return name
	}
	if sub, ok := r.subsystems[n>>16]; ok && n>>16 > 0 {
		return fmt.Sprintf("%s_%d", sub, n&0xffff)
	}
	return fmt.Sprintf("REASON_%d", n)
}
