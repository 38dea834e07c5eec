package reports

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// anchor makes an id of names: letters and digits of them, made unique.
func (v *viewer) anchor(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		for _, r := range clip(strings.ToLower(p), 80) {
			switch {
			case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.':
				b.WriteRune(r)
			default:
				b.WriteByte('-')
			}
		}
		b.WriteByte('-')
	}
	return v.own(strings.Trim(b.String(), "-"))
}

// brief makes a short id of names, which says nothing to people: checks are many,
// and all of them are linked to.
func (v *viewer) brief(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return v.own("k" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:5])))
}

// own makes an id the only one of its kind.
func (v *viewer) own(id string) string {
	for {
		next := strings.NewReplacer(" (", "-", ")", "").Replace(v.ids.name(id))
		if !v.used[next] {
			v.used[next] = true
			return next
		}
	}
}
