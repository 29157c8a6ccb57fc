package honesttest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"stocktake/internal/pipeline"
	"stocktake/load"
	"stocktake/load/store/local"
)

// The environment makes the test binary a process of its own that runs once.
const (
	childVariable  = "STOCKTAKE_HONESTTEST_DIR"
	numberVariable = "STOCKTAKE_HONESTTEST_NUMBER" // of the day
	resumeVariable = "STOCKTAKE_HONESTTEST_RESUME"
)

// killVolumes makes runs long enough to be killed in all their parts.
const killVolumes = 1500

func child(dir string) int {
	if err := runChild(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func runChild(dir string) error {
	number, err := strconv.Atoi(os.Getenv(numberVariable))
	if err != nil {
		return err
	}
	w, err := tinyWorldIn(dir, number, killVolumes)
	if err != nil {
		return err
	}
	s, err := local.Open(w.warehouse())
	if err != nil {
		return err
	}
	o := w.optionsFor(s)
	o.Resume = os.Getenv(resumeVariable) != ""
	fmt.Println("ready")
	_, err = pipeline.Run(context.Background(), o)
	return err
}

// process is a child that is about to run.
type process struct {
	*exec.Cmd
	errors bytes.Buffer
	exited chan error
}

func startChild(t *testing.T, dir string, number int, resume string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.CommandContext(t.Context(), exe), exited: make(chan error, 1)}
	p.Env = append(os.Environ(), childVariable+"="+dir, numberVariable+"="+strconv.Itoa(number), resumeVariable+"="+resume)
	p.Stderr = &p.errors
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("child: got %q, %v: %v: %s", line, err, p.Wait(), p.errors.String())
	}
	go func() { p.exited <- p.Wait() }()
	return p
}

// end waits for a child that is to succeed.
func (p *process) end(t *testing.T) {
	t.Helper()
	if err := <-p.exited; err != nil {
		t.Fatalf("child: %v: %s", err, p.errors.String())
	}
}

// killAfter ends a child with SIGKILL, unless it has ended before.
func (p *process) killAfter(t *testing.T, d time.Duration) {
	t.Helper()
	moment := time.NewTimer(d)
	defer moment.Stop()
	select {
	case err := <-p.exited:
		if err != nil {
			t.Fatalf("child that was not killed: %v: %s", err, p.errors.String())
		}
	case <-moment.C:
		if err := p.Process.Kill(); err != nil && !strings.Contains(err.Error(), "already finished") {
			t.Fatal(err)
		}
		<-p.exited
	}
}

// TestKill kills runs of a process of their own, a day apart, at moments that a
// seed chooses.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := tinyWorld(t, dir, 0, killVolumes)
	began := time.Now()
	startChild(t, dir, 0, "").end(t)
	took := time.Since(began)
	s := w.open(t)
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := stateOf(t, w, head.Run)
	moments := rand.New(rand.NewPCG(1, 2))
	commits, resumed := 0, 0
	for number := 1; number <= 8; number++ {
		undisturbed := tinyWorld(t, t.TempDir(), number, killVolumes)
		next := stateOf(t, undisturbed, undisturbed.run(t).RunID)
		moment := time.Duration(moments.Float64() * float64(took))
		startChild(t, dir, number, "").killAfter(t, moment)
		where := fmt.Sprintf("kill %d after %s of %s", number, moment, took)
		committed := checkReaders(t, where, s, before, next)
		if !committed && number%2 == 1 && len(spools(t, w)) > 0 {
			startChild(t, dir, number, "yes").end(t)
			committed = checkReaders(t, where+", resumed", s, before, next)
			if !committed {
				t.Errorf("%s: the resumed run is not committed", where)
			}
			resumed++
		}
		if committed {
			commits++
			before = before.followed(t, s, next)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d of 8 runs were committed, %d of them resumed", commits, resumed)
	last := tinyWorld(t, dir, 9, killVolumes)
	undisturbed := tinyWorld(t, t.TempDir(), 9, killVolumes)
	want := stateOf(t, undisturbed, undisturbed.run(t).RunID)
	if got := stateOf(t, last, last.run(t).RunID); !sameRows(got, want) {
		t.Errorf("the last run has rows %v, want %v", got.rows, want.rows)
	}
	checkNothingLeft(t, "after all", last)
}

// followed is the state after s that a commit has made.
func (s state) followed(t *testing.T, in *local.Store, next state) state {
	t.Helper()
	st, err := load.ReadState(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return state{run: st.Manifest.Run, rows: next.rows, earlier: append(s.earlier[:len(s.earlier):len(s.earlier)], s.run)}
}
