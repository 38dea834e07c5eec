package answer

import (
	"bytes"
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v4"
)

// definitionKind is what Kubernetes calls a CNI configuration for Multus.
const definitionKind = "NetworkAttachmentDefinition"

// definition is a document of a Kubernetes manifest, as far as it is one of those.
type definition struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		Config yaml.Node `yaml:"config"`
	} `yaml:"spec"`
}

// definitions are the CNI configurations in a Kubernetes manifest, each where it stands in
// the text, and named as its object where it has no name of its own; none in other texts.
func definitions(text []byte) [][]byte {
	if !bytes.Contains(text, []byte(definitionKind)) {
		return nil
	}
	l, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	var all [][]byte
	for {
		var d definition
		if l.Load(&d) != nil {
			return all
		}
		if at := &d.Spec.Config; d.Kind == definitionKind && at.Kind == yaml.ScalarNode {
			all = append(all, d.named(inPlace(text, at)))
		}
	}
}

// inPlace is a configuration in a text of which nothing else is left but its lines.
func inPlace(text []byte, at *yaml.Node) []byte {
	start := 0
	for range at.Line - 1 {
		start += bytes.IndexByte(text[start:], '\n') + 1
	}
	if i := bytes.IndexByte(text[start:], '{'); i >= 0 {
		start += i
	}
	var config json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(text[start:])).Decode(&config); err != nil {
		return []byte(strings.Repeat("\n", at.Line-1) + at.Value) // it is written with escapes
	}
	before := bytes.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, text[:start])
	return append(before, config...)
}

// named gives a configuration its object's name where it has none.
func (d *definition) named(config []byte) []byte {
	var has struct {
		Name string `json:"name"`
	}
	start := bytes.IndexByte(config, '{')
	if start < 0 || json.Unmarshal(config, &has) != nil || has.Name != "" {
		return config
	}
	name, err := json.Marshal(d.Metadata.Name)
	if err != nil {
		return config
	}
	head := append(append(config[:start:start], `{"name":`...), name...)
	return append(append(head, ','), config[start+1:]...)
}
