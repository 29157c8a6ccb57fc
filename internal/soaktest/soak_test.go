//go:build linux

// Package soaktest runs whole warehouses through weather: throttled and broken
// calls, sessions that end, roles that go, processes that stop, connections
// that are cut. After each run every place either holds what an undisturbed run
// of the same organization reads, leaf by leaf, or coverage says that it was not
// collected and it holds what it held before. The package knows the pipeline,
// the stores and what a reader finds; it knows no collector's walk.
//
// STOCKTAKE_SOAK is how long to go on, as in 10m, or for how many rounds.
// STOCKTAKE_SOAK_SEED is the seed of the first round, 1 where it is not given;
// each further round has the next one. A failure prints the command that repeats its round.
package soaktest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	lengthVariable = "STOCKTAKE_SOAK"
	seedVariable   = "STOCKTAKE_SOAK_SEED"
)

// rounds calls play with one seed after the other.
func rounds(t *testing.T, play func(t *testing.T, seed uint64)) {
	t.Helper()
	seed := uint64(1) // what fails in CI is to fail again
	if given := os.Getenv(seedVariable); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("%s=%q: expected a number", seedVariable, given)
		}
	}
	length := os.Getenv(lengthVariable)
	if length == "" {
		length = "1"
	}
	number, err := strconv.Atoi(length)
	limit, limitErr := time.ParseDuration(length)
	if err != nil && limitErr != nil {
		t.Fatalf("%s=%q: expected a number of rounds or a duration such as 10m", lengthVariable, length)
	}
	began := time.Now()
	for i := 0; i < number || err != nil && time.Since(began) < limit; i++ {
		played := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { play(t, seed) })
		if !played {
			t.Fatalf("to repeat it: %s=%d %s=1 go test -tags grpcnotrace ./internal/soaktest -count=1 -v -run '%s'", seedVariable, seed, lengthVariable, pattern(t.Name()))
		}
		seed++
	}
}

// pattern selects one test.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + p + "$"
	}
	return strings.Join(parts, "/")
}
