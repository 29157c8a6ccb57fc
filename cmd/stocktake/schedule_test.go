package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stocktake/internal/alert"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/internal/schedule"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/load/store/local"
)

// scheduledDemo is the demo's configuration with a schedule, and a state that
// has seen its jobs two hours ago. CRON in the text is each hour, half an hour
// from now.
func scheduledDemo(t *testing.T, text string, jobs ...string) (configPath, statePath string) {
	t.Helper()
	configPath = demo(t)
	cron := fmt.Sprintf("%d * * * *", (time.Now().Minute()+30)%60)
	f, err := os.OpenFile(configPath, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(strings.ReplaceAll(text, "CRON", cron))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	statePath = filepath.Join(filepath.Dir(configPath), "warehouse", ".spool.schedule.json")
	if err := os.MkdirAll(filepath.Dir(statePath), 0o755); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, j := range jobs {
		seen = append(seen, fmt.Sprintf(`%q: {"cron": %q, "time_zone": "UTC", "handled": %q}`, j, cron, time.Now().Add(-2*time.Hour).UTC().Format(time.RFC3339)))
	}
	state := fmt.Sprintf(`{"version": 1, "jobs": {%s}}`, strings.Join(seen, ", "))
	if err := os.WriteFile(statePath, []byte(state), 0o644); err != nil {
		t.Fatal(err)
	}
	return configPath, statePath
}

func status(t *testing.T, config string) schedule.View {
	t.Helper()
	code, out, errs := run(t, "schedule", "status", "--json", "-c", config)
	var v schedule.View
	if err := json.Unmarshal([]byte(out), &v); code != 0 || err != nil {
		t.Fatalf("schedule status --json: got exit %d, %v, %s%s", code, err, out, errs)
	}
	return v
}

// TestScheduleOnce makes up for an hour that was missed, and tells of what is
// not complete.
func TestScheduleOnce(t *testing.T) {
	var told []alert.Message
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m alert.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		told = append(told, m)
	}))
	defer hook.Close()
	t.Setenv("STOCKTAKE_TEST_WEBHOOK", hook.URL+"/secret-path")
	config, _ := scheduledDemo(t, `
schedule:
  jobs:
    - {name: network, cron: "CRON", collect: [network]}
    - {name: volumes, cron: "CRON", collect: [aws_ec2_volumes]}
alerts:
  webhook: {url: "${STOCKTAKE_TEST_WEBHOOK}"}
`, "network", "volumes")

	code, out, errs := run(t, "schedule", "--once", "-c", config)
	want := regexp.MustCompile(`(?s)network, due .*: complete \(made up\), run \S+\nvolumes, due .*: incomplete \(made up\), run \S+\nnetwork starts next at .* UTC\n`)
	if code != exitIncomplete || !want.MatchString(out) {
		t.Fatalf("schedule --once: got exit %d\n%s%s\nwant %d and %s", code, out, errs, exitIncomplete, want)
	}
	if len(told) != 1 || told[0].Alert != alert.RunIncomplete || told[0].Subject != "volumes" || len(told[0].Accounts) != 1 ||
		!strings.Contains(told[0].Text, "aws_ec2_volumes denied") || !strings.Contains(told[0].Advice, "Allow ec2:DescribeVolumes") {
		t.Errorf("told: got %+v, want that volumes is not complete, where, and what to allow", told)
	}
	if strings.Contains(errs, "secret-path") {
		t.Errorf("log: got\n%s\nwant it without the URL", errs)
	}

	v := status(t, config)
	for i, result := range []schedule.Result{schedule.Complete, schedule.Incomplete} {
		j := v.Jobs[i]
		last := j.History[len(j.History)-1]
		if len(j.History) != 2 || j.History[0].Result != schedule.Missed || last.Result != result || last.Report.Run == "" || last.Report.Bytes == 0 ||
			last.Report.Sources[0].Source != "acme" || last.Report.Sources[0].Calls == 0 || last.Report.Sources[0].Complete != (result == schedule.Complete) {
			t.Errorf("history of %s: got %+v, want one missed and one %s", j.Name, j.History, result)
		}
	}
	if !v.Sources[0].LastComplete.After(time.Now().Add(-time.Minute)) {
		t.Errorf("source: got %+v, want a complete run just now", v.Sources[0])
	}

	code, out, errs = run(t, "schedule", "--once", "-c", config)
	if code != 0 || !strings.HasPrefix(out, "nothing is due\n") || len(told) != 1 {
		t.Errorf("again: got exit %d, %s%s and %d messages, want nothing due and none more", code, out, errs, len(told))
	}
	code, out, _ = run(t, "schedule", "status", "-c", config)
	for _, want := range []string{" * * * *  UTC", "missed: no process was there", "incomplete (made up), run", "acme ", "run_incomplete since"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("schedule status: got exit %d\n%s\nwant %q in it", code, out, want)
		}
	}
}

// TestScheduleStays starts a process, looks at it, stops it in the middle of a
// run, and starts it again: that run goes on.
func TestScheduleStays(t *testing.T) {
	config, _ := scheduledDemo(t, "\nschedule: {jobs: [{name: hourly, cron: \"CRON\"}], listen: \"127.0.0.1:0\"}\n", "hourly")
	p := startSchedule(t, config)
	address := p.waitFor(`msg="health and metrics" address=(\S+)`)
	p.waitFor(`collecting \d+ units`)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ok\n", "/metrics": `stocktake_running{job="hourly"} 1`} {
		response, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(text), want) {
			t.Errorf("%s: got %d, %v\n%s\nwant %q in it", path, response.StatusCode, err, text, want)
		}
	}
	if code, _, errs := run(t, "schedule", "--once", "-c", config); code != exitLocked || !strings.Contains(errs, fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("a second process: got exit %d, %s, want %d and who runs already", code, errs, exitLocked)
	}
	if code := p.stop(); code != 0 {
		t.Errorf("stopped: got exit %d, want 0", code)
	}
	stopped := status(t, config).Jobs[0].History
	if last := stopped[len(stopped)-1]; last.Result != schedule.Stopped || !strings.Contains(last.Reason, "was stopped") {
		t.Fatalf("history: got %+v, want the last one stopped", stopped)
	}

	p = startSchedule(t, config)
	p.waitFor(`msg="run begins" job=hourly .* made_up=true resume=true`)
	result := p.waitFor(`msg="run (\w+)" job=hourly due="[^"]*" run=\S+`)
	if code := p.stop(); code != 0 || result != "incomplete" {
		t.Errorf("begun again: got %s and exit %d, want incomplete and 0", result, code)
	}
	resumed := status(t, config).Jobs[0].History
	last := resumed[len(resumed)-1]
	if last.Report == nil || !last.Report.Resumed || !last.MadeUp || !strings.Contains(stopped[len(stopped)-1].Reason, last.Report.Run) {
		t.Errorf("history: got %+v, want the run that was stopped (%s) to have gone on", last, stopped[len(stopped)-1].Reason)
	}
}

// process is a command that stays, within the test.
type process struct {
	t     *testing.T
	lines *bufio.Scanner
	end   context.CancelFunc
	log   bytes.Buffer
	code  chan int
	once  sync.Once
}

func startSchedule(t *testing.T, config string) *process {
	t.Helper()
	in, out := io.Pipe()
	ctx, end := context.WithCancel(t.Context())
	p := &process{t: t, lines: bufio.NewScanner(in), end: end, code: make(chan int, 1)}
	go func() {
		code := execute(ctx, []string{"schedule", "-c", config}, io.Discard, out)
		out.Close()
		p.code <- code
	}()
	t.Cleanup(func() { p.stop() })
	return p
}

// waitFor reads the log up to a line, and returns its first group.
func (p *process) waitFor(pattern string) string {
	p.t.Helper()
	want := regexp.MustCompile(pattern)
	for p.lines.Scan() {
		fmt.Fprintln(&p.log, p.lines.Text())
		if m := want.FindStringSubmatch(p.lines.Text()); m != nil {
			return m[len(m)-1]
		}
	}
	p.t.Fatalf("log: got\n%s\nwant a line that matches %s", p.log.String(), pattern)
	return ""
}

func (p *process) stop() (code int) {
	p.once.Do(func() {
		p.end()
		for p.lines.Scan() {
			fmt.Fprintln(&p.log, p.lines.Text())
		}
		code = <-p.code
	})
	return code
}

func TestScheduleLocked(t *testing.T) {
	config, _ := scheduledDemo(t, "\nschedule: {jobs: [{name: hourly, cron: \"CRON\"}]}\n", "hourly")
	s, err := local.Open(filepath.Join(filepath.Dir(config), "warehouse"))
	if err != nil {
		t.Fatal(err)
	}
	lease, err := s.Lock(t.Context(), store.Snapshots, store.Holder{Host: "host2", PID: 7, Run: "another", Since: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	code, out, errs := run(t, "schedule", "--once", "-c", config)
	if want := "skipped (made up): the warehouse is locked by process 7 on host2 (run another)"; code != exitLocked || !strings.Contains(out, want) {
		t.Errorf("schedule --once: got exit %d\n%s%s\nwant %d and %q", code, out, errs, exitLocked, want)
	}
}

func TestScheduleUsage(t *testing.T) {
	plain := demo(t)
	wrong, state := scheduledDemo(t, "\nschedule: {cron: \"@daily\"}\n")
	if err := os.WriteFile(state, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy, _ := scheduledDemo(t, fmt.Sprintf("\nschedule: {cron: \"@daily\", listen: %q}\n", taken.Addr()))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"schedule", "-c", plain}, exitUsage, "schedule is not there"},
		{[]string{"schedule", "status", "-c", plain}, exitUsage, "schedule is not there"},
		{[]string{"schedule", "now", "-c", plain}, exitUsage, ""},
		{[]string{"schedule", "-c", wrong}, exitNothing, "move it away"},
		{[]string{"schedule", "status", "-c", wrong}, exitNothing, "move it away"},
		{[]string{"schedule", "-c", busy}, exitNothing, "listen for health and metrics"},
	} {
		if code, _, errs := run(t, c.args...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%v: got exit %d, %s, want %d and %q", c.args, code, errs, c.code, c.want)
		}
	}
}

func TestReportOfNight(t *testing.T) {
	file := &config.File{AcceptBlocked: true, Sources: []config.Source{{Name: "acme", Activate: true}, {Name: "umbrella", Activate: true}, {Name: "silent", Activate: true}}}
	row := func(source, account string, kind outcome.Kind) load.CoverageRow {
		return load.CoverageRow{Source: source, TableName: "aws_ec2_volumes", AccountID: account, Region: "eu-central-1", Outcome: kind, Rows: 5, Calls: 2, FailedCalls: 1, Throttles: 3, MissingAction: "ec2:DescribeVolumes"}
	}
	result := &pipeline.Result{RunID: "r", Exit: 3, Coverage: slices.Values([]load.CoverageRow{
		row("acme", "1", outcome.OK), row("acme", "2", outcome.Denied), row("acme", "3", outcome.Denied), row("umbrella", "4", outcome.Blocked),
	})}
	got, err := json.Marshal(reportOfNight(result, file, config.Job{}))
	want := `{"run":"r","complete":false,"exit_code":3,"sources":[` +
		`{"source":"acme","complete":false,"units":{"denied":2,"ok":1},"rows":15,"calls":6,"failed_calls":3,"throttles":9,"problems":[{"what":"aws_ec2_volumes denied in 1 region of 2 accounts: needs ec2:DescribeVolumes","accounts":["2","3"]}]},` +
		`{"source":"umbrella","complete":true,"units":{"blocked":1},"rows":5,"calls":2,"failed_calls":1,"throttles":3},` +
		`{"source":"silent","complete":false,"units":{},"rows":0,"calls":0,"failed_calls":0,"throttles":0}]}`
	if err != nil || string(got) != want {
		t.Errorf("report: got %s, %v\nwant %s", got, err, want)
	}
	if got := reportOfNight(result, file, config.Job{Sources: []string{"umbrella"}}); len(got.Sources) != 1 || got.Sources[0].Source != "umbrella" {
		t.Errorf("report of one source: got %+v, want umbrella alone", got.Sources)
	}
}

func TestResumable(t *testing.T) {
	root := t.TempDir()
	since := time.Date(2027, 3, 1, 2, 30, 5, 700, time.UTC)
	for _, c := range []struct {
		spool string // added
		since time.Time
		want  bool
	}{
		{"", since, false},
		{"20270228T023000Z-aaaaaa", since, false},
		{"20270301T023005Z-bbbbbb", since, true},
		{"", time.Time{}, false},
	} {
		if c.spool != "" {
			if err := os.MkdirAll(filepath.Join(root, c.spool), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, c.spool, "meta.json"), []byte("{}"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := resumable(root, c.since); got != c.want || err != nil {
			t.Errorf("with spool %q, since %s: got %t, %v, want %t", c.spool, c.since, got, err, c.want)
		}
	}
}
