package scenarios

import (
	_ "embed"
	"reflect"
	"sync"
)

//go:embed claims.yaml
var claimsSource []byte

// Claim is a sentence that some document makes. Checks prove or refute it.
type Claim struct {
	// ID by which scenarios name the claim.
	ID string `yaml:"id"`
	// Text is what the document says.
	Text string `yaml:"text"`
	// Source is the document.
	Source string `yaml:"source"`
	// Section of the document.
	Section string `yaml:"section"`
}

// Claims are the registry, in its order.
func Claims() ([]Claim, error) { return readClaims("scenarios/claims.yaml", claimsSource) }

func readClaims(name string, src []byte) ([]Claim, error) {
	var l ledger
	var claims []Claim
	if root := parse(src, &l.file); root != nil {
		newBinder(&l.file, nil, map[*node]bool{}).bind(root, reflect.ValueOf(&claims).Elem(), rule{})
		seen := map[string]bool{}
		for i, c := range claims {
			if c.ID != "" && seen[c.ID] {
				_, pos := root.locate([]any{i, "id"})
				l.file.add(pos, "claim %q comes twice", c.ID)
			}
			seen[c.ID] = true
		}
	}
	if err := l.errors(name); err != nil {
		return nil, err
	}
	return claims, nil
}

// claimIDs are the ids of the registry, read once.
var claimIDs = sync.OnceValues(func() ([]string, error) {
	claims, err := Claims()
	ids := make([]string, len(claims))
	for i, c := range claims {
		ids[i] = c.ID
	}
	return ids, err
})
