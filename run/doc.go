// Package run carries cases out: a case on a ground becomes a result.
//
// Prepare works out, without any kernel, which single checks a case makes;
// Execute makes them on this kernel; a Runner places cases on grounds, runs
// them in parallel, and gathers the results.
package run
