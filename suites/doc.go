// Package suites is the same work as Ginkgo specs.
package suites
