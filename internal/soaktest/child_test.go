//go:build linux

package soaktest

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/load/store"
	"stocktake/load/store/local"
)

// childVariable makes the test binary a process of its own that runs once.
const childVariable = "STOCKTAKE_SOAKTEST_CHILD"

// job is what a child is to do.
type job struct {
	Line     *line  // to the bucket; nil: the warehouse is the folder of the configuration
	Dir      string // of the configuration, which is there
	Seed     int64
	Accounts int
	Now      time.Time
	Resume   bool

	FileSize  int64 // the largest file that it may write; 0 is any
	DiskSize  int64 // of the file system that holds its spool; 0 leaves it where it is
	Forgotten bool  // it runs as a user whom nothing here belongs to
}

// command is the child that does the job, and what it will say.
func (j job) command(t *testing.T) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, stderr := exec.CommandContext(t.Context(), exe), &bytes.Buffer{}
	c.Env, c.Stderr = append(os.Environ(), childVariable+"="+string(text)), stderr
	if j.DiskSize > 0 { // what it mounts is gone with it
		c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	}
	return c, stderr
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := child([]byte(text)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(testMain(m))
}

// scratch outlives single tests.
var scratch string

func testMain(m *testing.M) int {
	err := isolate()
	if err == nil {
		scratch, err = os.MkdirTemp("", "soaktest-")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	// Most of these tests wait, for leases to expire and for their clients.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func child(text []byte) error {
	var j job
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	file, err := config.Load(filepath.Join(j.Dir, configName), nil)
	if err != nil {
		return err
	}
	unlimited(file)
	if err := j.confine(file); err != nil {
		return err
	}
	s, err := j.open(file)
	if err != nil {
		return err
	}
	o := options(file, s, company{j.Seed, j.Accounts}.at(j.Now), j.Now)
	o.Resume = j.Resume
	_, err = pipeline.Run(context.Background(), o)
	return err
}

func (j job) open(file *config.File) (store.Store, error) {
	if j.Line != nil {
		return j.Line.open()
	}
	return local.Open(file.Warehouse)
}

// confine takes from this process what the job says.
func (j job) confine(file *config.File) error {
	if j.DiskSize > 0 {
		if err := os.MkdirAll(file.Spool, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount("tmpfs", file.Spool, "tmpfs", 0, fmt.Sprintf("size=%d", j.DiskSize)); err != nil {
			return fmt.Errorf("%s: %w", cannotMount, err)
		}
	}
	if j.FileSize > 0 {
		limit := syscall.Rlimit{Cur: uint64(j.FileSize), Max: uint64(j.FileSize)}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return fmt.Errorf("limit the size of files: %w", err)
		}
	}
	if j.Forgotten && os.Geteuid() == 0 {
		return syscall.Setuid(nobody)
	}
	return nil
}

const (
	cannotMount = "cannot mount"
	nobody      = 65534
)
