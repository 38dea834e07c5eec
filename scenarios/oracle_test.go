package scenarios

import (
	"strings"
	"testing"
)

// TestOracleWord shows that one word stands for a list of checks, at the top and in
// steps, and that no other word does.
func TestOracleWord(t *testing.T) {
	const file = `name: word
title: The oracle alone
hosts: {host: {parents: {eth0: {}}}}
checks: oracle
steps: [{do: [{set: {link: host/eth0, up: false}}], checks: oracle}]
`
	f, err := Load("word.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Cases()[0].Scenario
	for _, checks := range [][]Check{s.Checks, s.Steps[0].Checks} {
		if len(checks) != 1 || len(checks[0].Oracle) != 1 || checks[0].Oracle[0] != "all" || checks[0].At.Line == 0 {
			t.Errorf("the word is read as %+v", checks)
		}
	}
	_, err = Load("word.yaml", []byte(strings.Replace(file, "checks: oracle\n", "checks: oracel\n", 1)))
	if want := `word.yaml:4:9: expected a list of checks, or oracle, found "oracel"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("another word gives %v, want %s", err, want)
	}
}
