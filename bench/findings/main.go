// Command findings runs the whole pipeline over a simulated organization with
// millions of Security Hub findings, and prints its rate and its peak memory.
// The organization lives in the same process and makes each page when it is
// asked for, so its own share is in the figures.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
	"stocktake/load/store/local"
)

// configuration takes AWS's limit of 3 calls of GetFindings a second and region
// away: with it, 20,000 pages in four regions are half an hour of waiting or more.
const configuration = `warehouse: warehouse
sources:
  - name: organization
    organization:
      discovery: {role_arn: %q, external_id: %q}
      member_role: %q
      external_id: %q
    regions: all
    collect: [aws_securityhub_findings]
rates:
  securityhub: {per_second: 10000, burst: 10000}
  "securityhub:GetFindings": {per_second: 10000, burst: 10000}
`

const memoryTarget = 512 << 20

func main() {
	var dir string
	var accounts, findings int
	flag.StringVar(&dir, "dir", "", "folder to work in")
	flag.IntVar(&accounts, "accounts", 25, "accounts of the organization")
	flag.IntVar(&findings, "findings", 76_000, "findings of an account in a busy region")
	flag.Parse()
	if err := run(context.Background(), dir, accounts, findings); err != nil {
		fmt.Fprintln(os.Stderr, "findings:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, accounts, findings int) error {
	organization := sim.New(sim.Options{Seed: 1, Accounts: accounts, Sizes: sim.Sizes{Findings: findings}})
	role, external := organization.DiscoveryRole()
	member, memberExternal := organization.MemberRole()
	path := filepath.Join(dir, "findings.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, configuration, role, external, member, memberExternal), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	file, err := config.Load(path, nil)
	if err != nil {
		return err
	}
	warehouse, err := local.Open(file.Warehouse)
	if err != nil {
		return err
	}
	watch := &watch{start: time.Now()}
	result, err := pipeline.Run(ctx, pipeline.Options{
		Config: file, Store: warehouse, Collectors: all.Collectors, Streams: all.Streams, Observer: watch, Program: "bench",
		Base: func(ctx context.Context, _ *config.Keys, region string) (aws.Config, error) {
			cfg := organization.Config(ctx)
			if region != "" {
				cfg.Region = region
			}
			return cfg, nil
		},
	})
	if err != nil {
		return err
	}
	watch.Step("done")
	var rows int64
	for c := range result.Coverage {
		rows += c.Rows
	}
	cpu, rss, err := used()
	if err != nil {
		return err
	}
	wall := time.Since(watch.start)
	fmt.Printf("%d findings, %d calls, exit code %d: %.0f s, %.0f CPU seconds, %.0f rows a second\n",
		rows, result.Calls, result.Exit, wall.Seconds(), cpu.Seconds(), float64(rows)/wall.Seconds())
	word := "missed"
	if rss <= memoryTarget {
		word = "met"
	}
	fmt.Printf("target %s: at most %d MiB (%d MiB)\n", word, memoryTarget>>20, rss>>20)
	return nil
}

// used is what the process has used so far, and held at its peak.
func used() (cpu time.Duration, rss int64, err error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, 0, fmt.Errorf("read the process's usage: %w", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), r.Maxrss << 10, nil
}

// watch prints what each step took.
type watch struct {
	start, last time.Time
	step        string
}

func (w *watch) Step(name string) {
	now := time.Now()
	if w.step != "" {
		_, rss, err := used()
		if err != nil {
			fmt.Fprintln(os.Stderr, "findings:", err)
		}
		fmt.Printf("  %s: %.1f s, peak so far %d MiB\n", w.step, now.Sub(w.last).Seconds(), rss>>20)
	}
	w.step, w.last = name, now
}

func (w *watch) Discovering(string)         {}
func (w *watch) Planned(*extract.Plan)      {}
func (w *watch) UnitDone(spool.Unit)        {}
func (w *watch) AccountDone(string, string) {}
