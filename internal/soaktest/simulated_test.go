//go:build linux

package soaktest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/load/store/local"
	"stocktake/load/store/storetest"
)

// TestSimulated soaks warehouses of a simulated organization, at each kind of
// destination.
func TestSimulated(t *testing.T) {
	t.Parallel()
	for _, d := range destinations {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			rounds(t, func(t *testing.T, seed uint64) {
				r := &round{seed: seed, dir: t.TempDir(), company: company{seed: int64(seed), accounts: 5}}
				r.file = r.company.config(t, r.dir)
				r.writer, r.reader = d.make(t, r.dir, seed)
				r.far = d.far
				r.play(t)
			})
		})
	}
}

// runsOfRound is how many runs are committed in a round.
const runsOfRound = 3

// round is the life of one warehouse.
type round struct {
	seed           uint64
	dir            string
	company        company
	file           *config.File
	writer, reader func(*testing.T) store.Store
	far            bool

	now    time.Time
	before *contents
	calls  int // of an undisturbed run
}

func (r *round) play(t *testing.T) {
	moments := rand.New(rand.NewPCG(r.seed, 1))
	r.now = monday
	complete, incomplete := 0, 0
	for number := range runsOfRound {
		want := r.undisturbed(t)
		stopped := r.commit(t, moments, number)
		got := read(t, r.reader(t))
		for i, problem := range judge(got, want, r.before) {
			if i == 20 {
				t.Error("and more")
				break
			}
			t.Errorf("run %d: %s", number, problem)
		}
		if r.far { // an answer was lost that told of an upload: the next command drops it
			r.recover(t)
		}
		checkWhole(t, r.reader(t))
		if t.Failed() {
			t.FailNow()
		}
		t.Logf("run %d of %s, stopped %d times: %v", number, r.now.Format(time.DateTime), stopped, got.outcomes())
		for kind, n := range got.outcomes() {
			if kind.Incomplete(false) {
				incomplete += n
			} else {
				complete += n
			}
		}
		r.before = got
		r.now = r.now.Add([]time.Duration{time.Hour, day, 3 * day}[moments.IntN(3)])
	}
	if complete == 0 || incomplete == 0 {
		t.Errorf("of all runs, %d places were collected and %d not, want some of each", complete, incomplete)
	}
}

// undisturbed is what a run leaves in a warehouse of its own when nothing gets
// in its way.
func (r *round) undisturbed(t *testing.T) *contents {
	t.Helper()
	dir := t.TempDir()
	s, err := local.Open(filepath.Join(dir, "warehouse"))
	if err != nil {
		t.Fatal(err)
	}
	org := r.company.at(r.now)
	result, err := pipeline.Run(t.Context(), options(r.company.config(t, dir), s, org, r.now))
	if err != nil || result.Exit != 0 {
		t.Fatalf("undisturbed run: got %+v, %v, want exit 0", result, err)
	}
	r.calls = org.CallsTotal()
	return read(t, s)
}

// maxAttempts is how often a run may be stopped before it has to get through.
const maxAttempts = 5

// commit runs until a run is published, and returns how often it was stopped.
func (r *round) commit(t *testing.T, moments *rand.Rand, number int) (stopped int) {
	t.Helper()
	resume := false
	for attempt := range maxAttempts {
		w := newWeather(r, moments, number, attempt)
		dying := &storetest.Broken{Store: r.writer(t), At: w.dieAt, Late: w.dieLate}
		o := options(r.file, dying, w.org, r.now)
		o.Resume, o.Observer = resume, w
		result, err := w.run(t, o)
		for locked := r.locked(err); locked; locked = r.locked(err) {
			result, err = w.run(t, o)
		}
		if err == nil {
			if result.Exit != 0 && result.Exit != 3 {
				t.Errorf("run %d: exit %d, want 0 or 3", number, result.Exit)
			}
			return stopped
		}
		stopped++
		t.Logf("run %d, attempt %d: %v", number, attempt, err)
		if r.committed(t) {
			r.recover(t)
			return stopped
		}
		var refused smithy.APIError
		noAccounts := r.before == nil && errors.As(err, &refused)
		if !w.stopped() && !dying.Dead() && !noAccounts && !r.far {
			t.Fatalf("run %d, attempt %d: no reason to fail", number, attempt)
		}
		for _, problem := range same(read(t, r.reader(t)), r.before) {
			t.Errorf("after run %d was stopped: %s", number, problem)
		}
		left, err := spool.Find(r.file.Spool)
		if err != nil {
			t.Fatal(err)
		}
		resume = len(left) > 0 && moments.IntN(2) == 0
	}
	t.Fatalf("run %d was not published in %d attempts", number, maxAttempts)
	return 0
}

// committed reports whether there is a newer commit than that of before.
func (r *round) committed(t *testing.T) bool {
	t.Helper()
	head, err := r.reader(t).Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head.Run != "" && (r.before == nil || head.Run != r.before.run)
}

// locked waits a little when a run that failed could not give its lease back.
func (r *round) locked(err error) bool {
	var locked *store.LockedError
	if !r.far || !errors.As(err, &locked) {
		return false
	}
	<-time.After(200 * time.Millisecond)
	return true
}

// lease takes the lease of the warehouse, once nobody holds it.
func (r *round) lease(t *testing.T) store.Lease {
	t.Helper()
	s := r.reader(t)
	lease, err := pipeline.Lock(t.Context(), s, store.Commit, "test")
	for r.locked(err) {
		lease, err = pipeline.Lock(t.Context(), s, store.Commit, "test")
	}
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// recover does what the next command begins with.
func (r *round) recover(t *testing.T) {
	t.Helper()
	lease, s := r.lease(t), r.reader(t)
	if err := errors.Join(load.Recover(t.Context(), s, load.Hooks{}), load.Sweep(t.Context(), s), lease.Release()); err != nil {
		t.Fatal(err)
	}
}

// weather is what happens to one attempt of a run.
type weather struct {
	quiet
	org  *sim.Organization
	seed uint64
	name string // of the attempt

	revokeAt, expireAt, stopAt int // calls; 0 is never
	stopStep                   string
	dieAt                      int64  // change of the store at which the process ends
	dieLate                    bool   // after its effect
	fine                       bool   // no call fails
	revoked, expired           string // accounts

	mu    sync.Mutex
	calls int
	seen  map[string]int
	stop  context.CancelFunc
	begun bool // the stop
}

const (
	throttledShare = 0.05
	failedShare    = 0.01
)

const (
	changes = 75 // that a run makes to a store, about
	never   = 1 << 40
)

// newWeather draws what happens. The last attempt is not stopped.
func newWeather(r *round, moments *rand.Rand, number, attempt int) *weather {
	w := &weather{org: r.company.at(r.now), seed: r.seed, name: fmt.Sprint(number, " ", attempt), seen: map[string]int{}, dieAt: never}
	members := r.company.members()
	some := func() int { return 1 + moments.IntN(r.calls) }
	w.revoked, w.revokeAt = members[moments.IntN(len(members))], some()
	w.expired, w.expireAt = members[moments.IntN(len(members))], some()
	if number == 2 {
		w.revokeAt = 1 // gone from the beginning
	}
	if moments.IntN(2) == 0 {
		w.org.SessionLifetime(30 * time.Second)
	}
	kind, call, change := moments.IntN(5), some(), moments.Int64N(changes)
	if attempt == maxAttempts-1 {
		return w
	}
	switch kind {
	case 0:
		w.stopAt = call
	case 1:
		w.stopStep = []string{"writing tables", "publishing"}[moments.IntN(2)]
	case 2:
		w.dieAt, w.dieLate = change, moments.IntN(2) == 0
	}
	return w
}

// run is the attempt.
func (w *weather) run(t *testing.T, o pipeline.Options) (*pipeline.Result, error) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.stop = stop
	w.org.Hook(w.before)
	return pipeline.Run(ctx, o)
}

func (w *weather) stopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun
}

// before is called before each answer.
func (w *weather) before(_ context.Context, c sim.Call) error {
	w.mu.Lock()
	w.calls++
	key := strings.Join([]string{c.Account, c.Region, c.Service, c.Operation}, " ")
	w.seen[key]++
	calls, u := w.calls, draw(w.seed, fmt.Sprint(w.name, " ", key, " ", w.seen[key]))
	w.begun = w.begun || calls == w.stopAt
	w.mu.Unlock()
	switch calls {
	case w.stopAt:
		w.stop()
	case w.revokeAt:
		w.org.RevokeRole(w.revoked)
		w.org.ExpireSessions(w.revoked, 0)
	case w.expireAt:
		w.org.ExpireSessions(w.expired, 3)
	}
	if w.fine {
		return nil
	}
	this := sim.Rule{Account: c.Account, Region: c.Region, Service: c.Service, Operation: c.Operation}
	switch {
	case u < throttledShare:
		w.org.Throttle(this, 1)
	case u < throttledShare+failedShare:
		w.org.Fail(this, 1, sim.Fault{})
	}
	return nil
}

// Step stops the run where a step begins.
func (w *weather) Step(name string) {
	if name != w.stopStep {
		return
	}
	w.mu.Lock()
	w.begun = true
	w.mu.Unlock()
	w.stop()
}

// draw is a number from 0 to 1, and always the same one.
func draw(seed uint64, text string) float64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", seed, text))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

func checkSum(r io.Reader, want string) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("found checksum %s, expected %s", got, want)
	}
	return nil
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
