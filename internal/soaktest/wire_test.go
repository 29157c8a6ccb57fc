//go:build linux

package soaktest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/logging"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/faultproxy"
	"stocktake/internal/pipeline"
	"stocktake/load/store"
	"stocktake/load/store/local"
)

// tools are the servers and requirements of the test that compares with boto3.
var tools = filepath.Join("..", "mototest", "testdata")

// python returns an interpreter that has moto and boto3: that of the test
// against boto3 where it stands ready, else one that is made once and kept.
func python(t *testing.T) string {
	t.Helper()
	want, err := os.ReadFile(filepath.Join(tools, "requirements.txt"))
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("STOCKTAKE_VENV")
	if dir == "" {
		dir = filepath.Join("..", "..", ".venv")
	}
	have, err := os.ReadFile(filepath.Join(dir, "mototest.txt"))
	if err != nil || !bytes.Equal(have, want) {
		if dir, err = install(t.Context(), string(want)); err != nil {
			missing := t.Skipf
			if os.Getenv("CI") != "" {
				missing = t.Fatalf
			}
			missing("the test needs moto and boto3: %v", err)
		}
	}
	interpreter, err := filepath.Abs(filepath.Join(dir, "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	return interpreter
}

// install makes a virtual environment with the servers among the requirements.
// A lock lets one process do it.
func install(ctx context.Context, requirements string) (dir string, err error) {
	var packages []string
	for _, line := range strings.Fields(requirements) {
		if strings.HasPrefix(line, "moto") || strings.HasPrefix(line, "boto3") {
			packages = append(packages, line)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(cache, "stocktake-tests", "moto-"+sumOf([]byte(strings.Join(packages, " ")))[:16])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close() // gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	stamp := filepath.Join(dir, "ready")
	if _, err := os.Stat(stamp); err == nil {
		return dir, nil
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", dir},
		append([]string{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--no-input"}, packages...),
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
		}
	}
	return dir, os.WriteFile(stamp, nil, 0o644)
}

// moto is a server with a small organization.
type moto struct {
	url        string
	Management string
	Members    []string
}

// startMoto runs a server until the end of the test. It ends with its standard
// input, so it does not outlive a test that is killed.
func startMoto(t *testing.T) *moto {
	t.Helper()
	interpreter := python(t)
	server := exec.Command(interpreter, filepath.Join(tools, "serve.py"))
	server.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	var stderr bytes.Buffer
	server.Stderr = &stderr
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(stdin.Close(), server.Wait()); err != nil {
			t.Errorf("moto server: %v\n%s", err, &stderr)
		}
	})
	text, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		io.Copy(io.Discard, stdout)
		t.Fatalf("moto server says %q in place of its URL: %v\n%s", text, err, &stderr)
	}
	m := &moto{url: strings.TrimSpace(text)}
	fill := exec.CommandContext(t.Context(), interpreter, filepath.Join("testdata", "fill.py"), m.url)
	fill.Stderr = &stderr
	facts, err := fill.Output()
	if err == nil {
		err = json.Unmarshal(facts, m)
	}
	if err != nil {
		t.Fatalf("fill the moto server: %v\n%s", err, &stderr)
	}
	return m
}

// config is that of a run over the organization.
func (m *moto) config(t *testing.T, dir string) *config.File {
	t.Helper()
	var tables []string
	for table := range collectorOf {
		switch {
		case table == "aws_cloudwatch_alarms", table == "aws_eks_addons": // moto has none, or no protocol in common with the SDK
		case table == "aws_ec2_snapshots": // of which moto has more than a thousand from the start
		case strings.HasPrefix(table, "aws_identitystore_"): // moto has an Identity Center in each region
		default:
			tables = append(tables, table)
		}
	}
	slices.Sort(tables)
	return loadConfig(t, dir, fmt.Sprintf(`warehouse: warehouse
retry: {max_attempts: 3, max_backoff: 1ms, timeout: 2s}
carry: {max_age: 2160h}
sources:
  - name: acme
    organization:
      discovery: {role_arn: "arn:aws:iam::%s:role/stocktake-discovery", session_name: soak}
      member_role: stocktake
      session_name: soak
    regions: [us-east-1, eu-central-1]
    home_region: us-east-1
    collect: [%s]
`, m.Management, strings.Join(tables, ", ")))
}

// options are those of a run that reaches the server at a URL.
func (m *moto) options(file *config.File, s store.Store, url string, now time.Time) pipeline.Options {
	over := extract.AWS(file)
	return pipeline.Options{
		Config: file, Store: s, Collectors: all.Collectors, Streams: all.Streams, Observer: quiet{}, Program: "test",
		Now: func() time.Time { return now },
		Base: func(ctx context.Context, keys *config.Keys, region string) (aws.Config, error) {
			cfg, err := over(ctx, keys, region)
			cfg.BaseEndpoint, cfg.Logger = &url, logging.Nop{}
			return cfg, err
		},
	}
}

// isolate keeps the machine's AWS configuration out of this process and of what
// it starts; the credentials are any.
func isolate() error {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "base", "AWS_SECRET_ACCESS_KEY": "base", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// badWeather is what real networks and real services do, more often.
var badWeather = map[faultproxy.Fault]float64{
	faultproxy.CutAnswer: 0.01, faultproxy.CutRequest: 0.005, faultproxy.LostAnswer: 0.005, faultproxy.Hang: 0.005,
	faultproxy.SlowDown: 0.05, faultproxy.Internal: 0.01,
}

// TestWire soaks warehouses of an organization on a server, behind a bad line.
func TestWire(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	t.Parallel()
	m := startMoto(t)
	drawn, want := m.undisturbed(t)
	// Where the member role of the management account cannot be assumed, that
	// account is asked as the role that lists the accounts.
	drawn["aws_sts_caller_identities.arn"], drawn["aws_sts_caller_identities.user_id"] = true, true
	t.Logf("columns with another value each time: %v", slices.Sorted(maps.Keys(drawn)))
	want.forget(drawn)
	total, requests := map[faultproxy.Fault]int{}, 0
	rounds(t, func(t *testing.T, seed uint64) {
		dir := t.TempDir()
		file := m.config(t, dir)
		p := startProxy(t, faultproxy.Options{Upstream: m.url, Seed: seed, Rates: badWeather, Skew: skew})
		var before *contents
		for number := range 2 {
			s, err := local.Open(file.Warehouse)
			if err != nil {
				t.Fatal(err)
			}
			o := m.options(file, s, p.URL(), monday.Add(time.Duration(number)*day))
			_, err = pipeline.Run(t.Context(), o)
			for attempt := 1; err != nil && before == nil && attempt < maxAttempts; attempt++ {
				t.Logf("run %d: %v", number, err) // without the accounts of an earlier run it needs an answer
				_, err = pipeline.Run(t.Context(), o)
			}
			if err != nil {
				t.Fatal(err)
			}
			got := read(t, s)
			got.forget(drawn)
			for _, problem := range judge(got, want, before) {
				t.Errorf("run %d: %s", number, problem)
			}
			checkWhole(t, s)
			if t.Failed() {
				t.FailNow()
			}
			t.Logf("run %d: %v, failed for %q", number, got.outcomes(), got.reasons())
			before = got
		}
		for fault, n := range p.Counts() {
			total[fault] += n
		}
		requests += p.Requests()
	})
	t.Logf("%d requests, faults: %v", requests, total)
	for fault, share := range badWeather {
		if expected := share * float64(requests); expected > 10 && total[fault] == 0 {
			t.Errorf("%s was never met in %d requests, expected it %.0f times", fault, requests, expected)
		}
	}
}

// undisturbed reads the server twice, without a proxy, and returns what it
// answers and which columns are another each time.
func (m *moto) undisturbed(t *testing.T) (drawn map[string]bool, found *contents) {
	t.Helper()
	var runs [2]*contents
	for i := range runs {
		dir := t.TempDir()
		file := m.config(t, dir)
		file.Retry.Timeout = time.Minute // what is undisturbed does not depend on what else the machine does
		s, err := local.Open(file.Warehouse)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pipeline.Run(t.Context(), m.options(file, s, m.url, monday)); err != nil {
			t.Fatal(err)
		}
		runs[i] = read(t, s)
	}
	drawn = map[string]bool{}
	for name, tb := range runs[0].tables {
		for p, rows := range tb.rows {
			others := runs[1].rows(p)
			if len(rows) != len(others) {
				t.Fatalf("%s: %d rows, and again %d", p, len(rows), len(others))
			}
			for i, r := range rows {
				for c, v := range r.values {
					if v != others[i].values[c] {
						drawn[name+"."+tb.columns[c]] = true
					}
				}
			}
		}
	}
	return drawn, runs[0]
}

// forget drops the values of columns.
func (c *contents) forget(columns map[string]bool) {
	for name, tb := range c.tables {
		for i, column := range tb.columns {
			if !columns[name+"."+column] {
				continue
			}
			for _, rows := range tb.rows {
				for _, r := range rows {
					r.values[i] = nil
				}
			}
		}
	}
}
