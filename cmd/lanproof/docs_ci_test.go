package main

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// actions are those that a workflow in the pages may use. All of them are GitHub's
// own, in a version that runs on the Node.js of its runners (24).
var actions = []string{"actions/checkout@v6", "actions/upload-artifact@v6"}

// workflow is as much of a GitHub workflow as lanproof's pages use.
type workflow struct {
	Name string
	On   any
	Jobs map[string]struct {
		RunsOn    string `yaml:"runs-on"`
		Container struct{ Image, Options string }
		Env       map[string]string
		Steps     []struct {
			Name, Uses, If, Run string
			With                map[string]string
		}
	}
}

// pipelines is as much of a GitLab pipeline.
type pipelines map[string]struct {
	Image     string
	Variables map[string]string
	Script    []string
	Artifacts struct {
		When    string
		Paths   []string
		Reports map[string]string
	}
}

// pipeline returns the steps that a CI system takes by a file of that name: its
// commands, and to look for what it then keeps. Another file has none.
func pipeline(t *testing.T, at, name, content string) []step {
	t.Helper()
	var commands, kept []string
	var env string
	switch {
	case strings.HasPrefix(name, ".github/workflows/"):
		commands, kept = github(t, at, content)
		env = "export GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=$PWD/summary.md"
		kept = append(kept, "summary.md")
	case name == ".gitlab-ci.yml":
		commands, kept = gitlab(t, at, content)
	default:
		return nil
	}
	var steps []step
	for _, c := range commands {
		steps = append(steps, step{at: at, command: c, env: env})
	}
	for _, file := range kept {
		steps = append(steps, step{at: at, command: "test -s " + file, env: "unset GITHUB_ACTIONS GITHUB_STEP_SUMMARY"})
	}
	if len(steps) == 0 {
		t.Errorf("%s: nothing is done", at)
	}
	return steps
}

func github(t *testing.T, at, content string) (commands, kept []string) {
	t.Helper()
	var w workflow
	strictly(t, at, content, &w)
	for _, job := range w.Jobs {
		for _, s := range job.Steps {
			if s.Uses != "" && !slices.Contains(actions, s.Uses) {
				t.Errorf("%s: action %s is none of %q", at, s.Uses, actions)
			}
			if s.Run != "" {
				commands = append(commands, strings.Split(strings.TrimSpace(s.Run), "\n")...)
			}
			if path := s.With["path"]; path != "" {
				kept = append(kept, path)
			}
		}
	}
	return commands, kept
}

func gitlab(t *testing.T, at, content string) (commands, kept []string) {
	t.Helper()
	var p pipelines
	strictly(t, at, content, &p)
	for _, job := range p {
		commands = append(commands, job.Script...)
		kept = append(kept, job.Artifacts.Paths...)
		for _, file := range job.Artifacts.Reports {
			kept = append(kept, file)
		}
	}
	return commands, kept
}

// strictly reads YAML that has nothing in it but what is known.
func strictly(t *testing.T, at, content string, into any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(content))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Errorf("%s: %v", at, err)
	}
}
