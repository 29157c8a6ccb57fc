package honesttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"

	"stocktake/internal/config"
	"stocktake/internal/query"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
)

// wire keeps what AWS hands out in secret, as the client stack sees it.
type wire struct {
	mu      sync.Mutex
	secrets map[string]string // what it is, by its text
	plain   strings.Builder   // environments of functions
}

// tap adds the wire to a client stack.
func (w *wire) tap(cfg *aws.Config) {
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Wire", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleInitialize(ctx, in)
			w.mu.Lock()
			defer w.mu.Unlock()
			switch o := out.Result.(type) {
			case *sts.AssumeRoleOutput:
				w.secrets[aws.ToString(o.Credentials.AccessKeyId)] = "access key of a session"
				w.secrets[aws.ToString(o.Credentials.SessionToken)] = "session token"
				w.secrets[aws.ToString(o.Credentials.SecretAccessKey)] = "secret of a session"
			case *lambda.ListFunctionsOutput:
				for _, f := range o.Functions {
					if f.Environment != nil {
						fmt.Fprintln(&w.plain, f.Environment.Variables)
					}
				}
			}
			return out, meta, err
		}), middleware.Before)
	})
}

// listen returns a world whose secrets are known.
func listen(t *testing.T, w *world) *wire {
	t.Helper()
	heard := w.heard
	for _, c := range w.org.Canaries() {
		heard.secrets[c] = "value of an environment"
	}
	o := w.source("acme").Organization
	heard.secrets[o.Discovery.Hops[0].ExternalID.Reveal()] = "external ID of the discovery role"
	heard.secrets[o.ExternalID.Reveal()] = "external ID of the member role"
	heard.secrets[w.org.Credentials().SecretAccessKey] = "secret of the base identity"
	return heard
}

// absent checks that no secret is in a text.
func (w *wire) absent(t *testing.T, where string, text []byte) {
	t.Helper()
	for secret, what := range w.secrets {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s has a secret: %s", where, what)
		}
	}
}

// absentBelow checks every file below a directory, as it is on the disk.
func (w *wire) absentBelow(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		files++
		w.absent(t, "path", []byte(name))
		text, err := os.ReadFile(name)
		w.absent(t, name, text)
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%s: read %d files: %v", dir, files, err)
	}
}

// externalIDs are those of the world's configuration.
func (w *world) externalIDs() []string {
	var ids []string
	add := func(some ...config.Secret) {
		for _, id := range some {
			if id != "" {
				ids = append(ids, id.Reveal())
			}
		}
	}
	for _, s := range w.file.Sources {
		add(s.ExternalID)
		roles := s.Roles
		if s.Role != nil {
			roles = append(slices.Clone(roles), *s.Role)
		}
		var hops []config.Hop
		for _, r := range roles {
			hops = append(hops, r.Hops...)
			add(slices.Collect(maps.Values(r.ExternalIDs))...)
		}
		if o := s.Organization; o != nil {
			add(o.ExternalID)
			add(slices.Collect(maps.Values(o.ExternalIDs))...)
			if o.Discovery != nil {
				hops = append(hops, o.Discovery.Hops...)
			}
		}
		for _, h := range hops {
			add(h.ExternalID)
		}
	}
	return ids
}

// leaks finds secrets in all files of the world as they are on the disk, in
// their paths, and in the progress of its runs. External IDs belong into the
// configuration, and into the trust policies that the rows of aws_iam_roles show;
// the access key of the base identity into the rows that list access keys.
func (w *world) leaks(t *testing.T) (found []string) {
	t.Helper()
	w.heard.mu.Lock()
	secrets := maps.Clone(w.heard.secrets)
	w.heard.mu.Unlock()
	base := w.org.Credentials()
	secrets[base.SecretAccessKey] = "secret of the base identity"
	ids := map[string]string{}
	for _, id := range w.externalIDs() {
		ids[id] = "external ID"
	}
	maps.DeleteFunc(secrets, func(secret, _ string) bool { return ids[secret] != "" })
	look := func(where string, text []byte, secrets map[string]string) {
		for secret, what := range secrets {
			if bytes.Contains(text, []byte(secret)) {
				found = append(found, fmt.Sprintf("%s has a secret: %s", where, what))
			}
		}
	}
	err := filepath.WalkDir(w.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		text = append(text, name...)
		look(name, text, secrets)
		if name != filepath.Join(w.dir, "stocktake.yaml") && !strings.Contains(name, "aws_iam_roles") {
			look(name, text, ids)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, r := range w.all {
		r.mu.Lock()
		look("progress", r.log, secrets)
		look("progress", r.log, ids)
		look("progress", r.log, map[string]string{base.AccessKeyID: "access key of the base identity"})
		r.mu.Unlock()
	}
	return found
}

// TestLeaksAreFound keeps the sweep at the end of each world from finding none
// because it looks in the wrong place.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), tiny)
	w.only(volumes)
	w.run(t)
	if got := w.leaks(t); len(got) > 0 {
		t.Fatalf("before anything is planted: got %q", got)
	}
	planted := map[string]string{w.externalIDs()[0]: "external ID", w.org.Credentials().SecretAccessKey: "secret of the base identity"}
	for secret, what := range w.heard.secrets {
		planted[secret] = what
	}
	kinds := map[string]bool{}
	for secret, what := range planted {
		kinds[what] = true
		note, log := filepath.Join(w.warehouse(), "note"), w.seen.log
		if err := os.WriteFile(note, []byte("a "+secret+" b"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.seen.note("a %s b", secret)
		want := []string{note + " has a secret: " + what, "progress has a secret: " + what}
		if got := w.leaks(t); !slices.Equal(got, want) {
			t.Errorf("with a planted %s: got %q, want %q", what, got, want)
		}
		w.seen.log = log
		if err := os.Remove(note); err != nil {
			t.Fatal(err)
		}
	}
	if len(kinds) != 5 {
		t.Errorf("planted %v, want an external ID, the base secret and the three parts of a session", kinds)
	}
}

// everything is all rows of a warehouse, which are compressed on the disk.
func everything(r *reader) []byte {
	var text bytes.Buffer
	for _, f := range r.state.Tables {
		for _, row := range r.rows("SELECT * FROM " + f.Table) {
			fmt.Fprintln(&text, row...)
		}
	}
	for _, e := range r.state.Events {
		if len(e.Paths) == 0 {
			continue
		}
		for _, row := range r.rows(query.ReadParquet(e.Paths)) { // of the view, a row that is there twice shows once
			fmt.Fprintln(&text, row...)
		}
	}
	return text.Bytes()
}

// spooled is all rows of a spool.
func spooled(t *testing.T, dir string) []byte {
	t.Helper()
	s, lost, err := spool.Open(dir)
	if err != nil || len(lost) > 0 {
		t.Fatalf("open spool: lost %v, %v", lost, err)
	}
	defer s.Close()
	var text bytes.Buffer
	for u, err := range s.Units() {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range u.Tables {
			if r.File != "" {
				writeRows(t, &text, s, r)
			}
		}
	}
	return text.Bytes()
}

func writeRows(t *testing.T, to io.Writer, s *spool.Spool, r spool.TableResult) {
	t.Helper()
	rows, err := s.Rows(r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows.Runs() {
		run, err := rows.Run(i)
		if err != nil {
			t.Fatal(err)
		}
		for {
			rec, err := run.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				err = array.RecordToJSON(rec, to)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := run.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSecrets: what AWS or the configuration says in secret is in no file, no
// row, no progress and no error.
func TestSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), smallCompany)
	ownExternalIDs(w)
	heard := listen(t, w)
	w.org.Deny(sim.Rule{Service: "rds", Operation: "DescribeDBInstances"})
	w.org.SCP(sim.Rule{Account: w.members[0], Service: "eks"})
	w.org.RevokeRole(w.members[1])
	interrupt(t, w, -1, "writing tables")
	heard.present(t)
	log := w.seen.log
	for _, dir := range spools(t, w) {
		heard.absentBelow(t, dir)
		rows := spooled(t, dir)
		heard.absent(t, "spool", rows)
		if !bytes.Contains(rows, []byte("arn:aws:lambda:")) {
			t.Errorf("the spool has no function")
		}
	}
	w.run(t, resume)
	heard.absent(t, "progress", append(log, w.seen.log...))
	heard.absentBelow(t, w.warehouse())
	rows := everything(read(t, w.open(t)))
	heard.absent(t, "warehouse", rows)
	for _, plain := range []string{"arn:aws:lambda:", "sts:AssumeRole", "rds:DescribeDBInstances"} {
		if !bytes.Contains(rows, []byte(plain)) {
			t.Errorf("the warehouse has no %s", plain)
		}
	}
}

// ownExternalIDs gives the roles external IDs that no trust policy in the rows
// of aws_iam_roles shows: those are AWS's to tell, and stay.
func ownExternalIDs(w *world) {
	const discovery, member = "discovery-6cb1d0a2", "member-58e2f94c"
	o := w.source("acme").Organization
	o.Discovery.Hops[0].ExternalID, o.ExternalID = discovery, member
	arn, _ := w.org.DiscoveryRole()
	name, _ := w.org.MemberRole()
	trusted := []string{w.org.BaseAccount(), w.org.Management()}
	for _, a := range w.org.Accounts() {
		w.org.PutRole(a.ID, sim.Role{Name: name, Trusts: trusted, ExternalID: member})
	}
	w.org.PutRole(w.org.Management(), sim.Role{Name: arn[strings.LastIndex(arn, "/")+1:], Trusts: trusted, ExternalID: discovery})
}

// present checks that the secrets were there to be kept.
func (w *wire) present(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]int{}
	for secret, what := range w.secrets {
		if what != "value of an environment" || strings.Contains(w.plain.String(), secret) {
			found[what]++
		}
	}
	for _, what := range []string{"access key of a session", "session token", "secret of a session", "value of an environment"} {
		if found[what] == 0 {
			t.Errorf("AWS said no %s", what)
		}
	}
}

// TestSecretsOfProgram runs the program itself on the same organization, and
// reads what it prints.
func TestSecretsOfProgram(t *testing.T) {
	t.Parallel()
	exe := filepath.Join(t.TempDir(), "stocktake")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags=grpcnotrace", "-o", exe, "stocktake/cmd/stocktake")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v: %s", err, out)
	}
	w := newWorld(t, t.TempDir(), size{accounts: 4, regions: sim.Regions("", 1)})
	heard := listen(t, w)
	w.run(t) // sessions are drawn from the seed: those of the program are the same
	heard.present(t)
	const wrong = "not-the-external-id-4711"
	heard.secrets[wrong] = "wrong external ID"
	head := "simulation: {seed: 7, accounts: 4, regions: 1, scale: 0.05, faults: false}\nrates: {iam: {per_second: 1000, burst: 1000}}\nsources:\n"
	_, member := w.org.MemberRole()
	// Without the roles, whose trust policies show external IDs.
	tables := slices.DeleteFunc(slices.Sorted(maps.Keys(collectorOf)), func(t string) bool { return t == "aws_iam_roles" })
	right := strings.ReplaceAll(w.organizationYAML(""), `["*"]`, "["+strings.Join(tables, ", ")+"]")
	for _, c := range []struct {
		name, sources string
		args          []string
		exit          int
		says          string
	}{
		{"run", right, []string{"run", "--verbose"}, 0, "finding accounts"},
		{"run as JSON", right, []string{"run", "--verbose", "--log-format=json", "--json"}, 0, `"exit_code": 0`},
		{"plan", right, []string{"plan"}, 0, "aws_lambda_functions"},
		{"configuration", right, []string{"config", "check"}, 0, "1 sources"},
		{"wrong external ID", strings.ReplaceAll(right, member, wrong), []string{"run", "--verbose"}, 3, "sts:AssumeRole"},
	} {
		dir := t.TempDir()
		text := "warehouse: warehouse\n" + head + c.sources
		if err := os.WriteFile(filepath.Join(dir, "stocktake.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), exe, c.args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != c.exit || !bytes.Contains(out, []byte(c.says)) {
			t.Errorf("%s: exit %d, want %d; want it to say %q:\n%s", c.name, got, c.exit, c.says, out)
		}
		heard.absent(t, c.name, out)
		if c.args[0] == "run" {
			heard.absentBelow(t, filepath.Join(dir, "warehouse"))
		}
	}
}
