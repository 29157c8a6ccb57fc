// Command measure runs stocktake and the program that drops all answers in
// turns against the bench's server, and prints what each cost. It knows the
// two only as processes.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// configuration leaves all at its default but three rates: at AWS's customary
// 5 and 10 calls a second the detail calls of the account's 20 users, 30
// functions and 100 images wait for 20 seconds, and nothing else is measured.
const configuration = `warehouse: %s
sources:
  - name: bench
    keys: {}
    regions: [eu-west-1]
    collect:
      [aws_sts_caller_identities, aws_ec2_regions, aws_ec2_instances, aws_ec2_volumes, aws_ec2_vpcs, aws_ec2_vpc_cidr_associations, aws_ec2_subnets,
      aws_ec2_security_groups, aws_ec2_security_group_rules, aws_ec2_network_interfaces, aws_rds_db_instances, s3, "aws_iam_*", ecr, ecr_findings,
      aws_lambda_functions, aws_cloudwatch_alarms]
rates:
  iam: {per_second: 1000, burst: 1000}
  ecr: {per_second: 1000, burst: 1000}
  lambda: {per_second: 1000, burst: 1000}
`

// Targets: what stocktake may cost in relation to the other program, and how
// long a run may take where every answer takes 30 ms.
const (
	cpuTarget     = 1.5
	memoryTarget  = 2.0
	latency       = 30 * time.Millisecond
	latencyTarget = 4 * time.Second
)

func main() {
	b := bench{}
	flag.StringVar(&b.bin, "bin", "", "folder of the programs stocktake, drop and server")
	flag.StringVar(&b.dir, "dir", "", "folder to work in; its warehouse is left there")
	flag.IntVar(&b.rounds, "rounds", 5, "how often each program is run")
	flag.Parse()
	if err := b.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

type bench struct {
	bin, dir string
	rounds   int
	url      string
}

// cost is what one run of a program took.
type cost struct {
	cpu, wall time.Duration
	rss, anon int64 // peaks, in bytes; anon is without the pages of the program's own file
	calls     map[string]int
	out       []byte
}

func (b *bench) run(ctx context.Context) error {
	file := filepath.Join(b.dir, "bench.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, configuration, filepath.Join(b.dir, "warehouse")), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	stocktake, drop := []string{"stocktake", "run", "--json", "--config", file}, []string{"drop", "eu-west-1"}
	var ours, theirs []cost
	var first cost
	err := b.serving(ctx, 0, func() (err error) {
		if first, err = b.measure(ctx, stocktake); err != nil {
			return err
		}
		for range b.rounds {
			c, err := b.measure(ctx, stocktake)
			if err != nil {
				return err
			}
			d, err := b.measure(ctx, drop)
			if err != nil {
				return err
			}
			if !maps.Equal(c.calls, d.calls) {
				return fmt.Errorf("the programs do not make the same calls: stocktake %v, drop %v", c.calls, d.calls)
			}
			ours, theirs = append(ours, c), append(theirs, d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var slow cost
	err = b.serving(ctx, latency, func() (err error) {
		slow, err = b.measure(ctx, stocktake)
		return err
	})
	if err != nil {
		return err
	}
	return b.print(first, ours, theirs, slow)
}

// serving calls f while the server runs.
func (b *bench) serving(ctx context.Context, latency time.Duration, f func() error) error {
	server := exec.CommandContext(ctx, filepath.Join(b.bin, "server"), "-latency", latency.String())
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		b.url = strings.TrimSpace(line)
		err = f()
	}
	return errors.Join(err, server.Process.Signal(os.Interrupt), server.Wait())
}

// measure runs a program to its end.
func (b *bench) measure(ctx context.Context, args []string) (cost, error) {
	var out strings.Builder
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, args[0]), args[1:]...)
	cmd.Stdout = &out
	var errs strings.Builder
	cmd.Stderr = &errs
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+b.url, "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=example")
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, fmt.Errorf("start %s: %w", args[0], err)
	}
	stop, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- anonymous(cmd.Process.Pid, stop) }()
	err := cmd.Wait()
	c := cost{wall: time.Since(start), out: []byte(out.String())}
	close(stop)
	c.anon = <-peak
	if err != nil {
		return c, fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, errs.String(), out.String())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	c.cpu, c.rss = cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), usage.Maxrss<<10
	c.calls, err = b.called(ctx)
	return c, err
}

// anonymous watches how much memory of its own a process holds.
func anonymous(pid int, stop chan struct{}) (peak int64) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return peak
		case <-tick.C:
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(status), "RssAnon:")
		var kib int64
		if _, err := fmt.Sscan(rest, &kib); err == nil {
			peak = max(peak, kib<<10)
		}
	}
}

// called asks the server what was called since it was asked last.
func (b *bench) called(ctx context.Context) (map[string]int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/-/calls", nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the calls: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask for the calls: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("ask for the calls: %w", err)
	}
	calls := map[string]int{}
	if err := json.Unmarshal(body, &calls); err != nil {
		return nil, fmt.Errorf("ask for the calls: %w", err)
	}
	return calls, nil
}

func (b *bench) print(first cost, ours, theirs []cost, slow cost) error {
	var run struct{ Rows, Calls int64 }
	if err := json.Unmarshal(ours[0].out, &run); err != nil {
		return fmt.Errorf("read the summary of stocktake: %w", err)
	}
	fmt.Printf("%d rows, %d calls; medians of %d runs of each program, in turns\n\n", run.Rows, run.Calls, b.rounds)
	fmt.Printf("%-22s %10s %10s %8s\n", "", "stocktake", "drop", "ratio")
	cpu := line("CPU seconds", ours, theirs, func(c cost) float64 { return c.cpu.Seconds() })
	line("wall seconds", ours, theirs, func(c cost) float64 { return c.wall.Seconds() })
	memory := line("max RSS, MB", ours, theirs, func(c cost) float64 { return float64(c.rss) / 1e6 })
	line("of it anonymous, MB", ours, theirs, func(c cost) float64 { return float64(c.anon) / 1e6 })
	fmt.Printf("first run, with views  %10.2f CPU seconds, %.0f MB\n\n", first.cpu.Seconds(), float64(first.rss)/1e6)
	verdict(fmt.Sprintf("CPU at most %.1f times", cpuTarget), cpu <= cpuTarget, fmt.Sprintf("%.2f", cpu))
	verdict(fmt.Sprintf("memory at most %.0f times", memoryTarget), memory <= memoryTarget, fmt.Sprintf("%.2f", memory))
	verdict(fmt.Sprintf("run at most %v with answers after %v", latencyTarget, latency), slow.wall <= latencyTarget, fmt.Sprintf("%.2fs", slow.wall.Seconds()))
	return nil
}

// line prints the medians of a figure and returns their ratio.
func line(name string, ours, theirs []cost, figure func(cost) float64) float64 {
	o, t := median(ours, figure), median(theirs, figure)
	fmt.Printf("%-22s %10.2f %10.2f %8.2f\n", name, o, t, o/t)
	return o / t
}

func median(costs []cost, figure func(cost) float64) float64 {
	var values []float64
	for _, c := range costs {
		values = append(values, figure(c))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func verdict(target string, met bool, got string) {
	word := "missed"
	if met {
		word = "met"
	}
	fmt.Printf("target %s: %s (%s)\n", word, target, got)
}
