package honesttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stocktake/internal/config"
	"stocktake/internal/externalid"
	"stocktake/internal/outcome"
	"stocktake/internal/sim"
)

// TestRotationOfExternalIDs follows docs/external-ids.md: with an ID for each
// account, no step of a rotation costs a run a single unit, and a step in the
// wrong order is seen.
func TestRotationOfExternalIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), company)
	dir := t.TempDir()
	path := filepath.Join(dir, "external-ids.yaml")
	ids, err := externalid.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	role, _ := w.org.MemberRole()
	trust := func(account, id string, also ...string) {
		w.org.PutRole(account, sim.Role{Name: role, Trusts: []string{w.org.BaseAccount()}, ExternalID: id, Accepts: also})
	}
	for _, a := range w.org.Accounts() {
		if a.ID != w.org.Management() {
			trust(a.ID, ids.Make("acme", a.ID))
		}
	}
	_, discoveryID := w.org.DiscoveryRole()
	write := func() {
		t.Helper()
		w.writeIDs(t, dir, ids, discoveryID)
	}
	account := w.members[0]
	// run returns the outcomes of the account that is rotated; all others have
	// to be complete.
	run := func(step string, exit int) map[outcome.Kind]string {
		t.Helper()
		w.advance(day)
		result := w.run(t)
		if result.Exit != exit {
			t.Errorf("%s: exit %d, want %d", step, result.Exit, exit)
		}
		got, accounts := map[outcome.Kind]string{}, map[string]bool{}
		for row := range result.Coverage {
			accounts[row.AccountID] = true
			switch kind := row.Outcome; {
			case row.AccountID == account:
				got[kind] = row.ErrorCode + row.Advice
			case kind != outcome.OK:
				t.Errorf("%s: %s of account %s is %s", step, row.TableName, row.AccountID, kind)
			}
		}
		if len(accounts) != company.accounts {
			t.Errorf("%s: %d accounts, want %d", step, len(accounts), company.accounts)
		}
		return got
	}
	complete := func(step string) {
		t.Helper()
		for kind, why := range run(step, 0) {
			if kind != outcome.OK {
				t.Errorf("%s: the account's outcomes have %s %s", step, kind, why)
			}
		}
	}

	write()
	complete("before")
	before := ids.Get("acme", account)
	after := ids.Make("acme", account)
	trust(account, before, after)
	complete("the role accepts both, the file has the old one")
	write()
	complete("the role accepts both, the file has the new one")
	trust(account, after)
	complete("the role accepts the new one alone")

	trust(account, before)
	if _, ok := run("the role accepts the old one alone", 3)[outcome.Denied]; !ok {
		t.Error("the role accepts the old one alone: the account is not denied")
	}
	trust(account, "")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		if strings.Contains(l, account) {
			lines[i] = ""
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if ids, err = externalid.Open(path); err != nil {
		t.Fatal(err)
	}
	write()
	got := run("the file has none for the account", 3)
	if why := got[outcome.Failed]; len(got) != 1 || !strings.Contains(why, "no_external_id") || !strings.Contains(why, "--accounts "+account) {
		t.Errorf("the file has none for the account: got %v, want it failed with advice", got)
	}
	heard := &wire{secrets: map[string]string{before: "the old external ID", after: "the new external ID", ids.Get("acme", w.members[1]): "another account's external ID"}}
	heard.absentBelow(t, w.warehouse())
	heard.absent(t, "the observer's log", w.seen.log)
	heard.absent(t, "a row", everything(read(t, w.open(t))))
}

// writeIDs writes the file of external IDs and a configuration that names it,
// which the next run reads. Without discoveryID the file has that one, too.
func (w *world) writeIDs(t *testing.T, dir string, ids *externalid.File, discoveryID string) {
	t.Helper()
	if err := ids.Write(); err != nil {
		t.Fatal(err)
	}
	discovery, _ := w.org.DiscoveryRole()
	role, _ := w.org.MemberRole()
	if discoveryID != "" {
		discoveryID = fmt.Sprintf(", external_id: %q", discoveryID)
	}
	name := filepath.Join(dir, "stocktake.yaml")
	text := fmt.Sprintf(`warehouse: %q
external_ids: external-ids.yaml
require_external_id: true
sources:
  - name: acme
    organization: {discovery: {role_arn: %q%s}, member_role: %s}
    regions: all
    home_region: us-east-1
    collect: [aws_iam_users, aws_ec2_vpcs]
`, w.warehouse(), discovery, discoveryID, role)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	rates := w.file.Rates
	f, err := config.Load(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Rates, w.file = rates, f
}

// TestRotationOfAllExternalIDs follows docs/external-ids.md for what all of a
// source have in common: the ID of the accounts and that of discovery. Roles
// change one after the other, and every run in between is complete.
func TestRotationOfAllExternalIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), company)
	dir := t.TempDir()
	ids, err := externalid.Open(filepath.Join(dir, "external-ids.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	member, _ := w.org.MemberRole()
	arn, _ := w.org.DiscoveryRole()
	_, discovery, _ := strings.Cut(arn, ":role/")
	trust := func(account, name, id string, also ...string) {
		w.org.PutRole(account, sim.Role{Name: name, Trusts: []string{w.org.BaseAccount()}, ExternalID: id, Accepts: also})
	}
	run := func(step string, exit int) {
		t.Helper()
		w.advance(day)
		result := w.run(t)
		if result.Exit != exit {
			t.Errorf("%s: exit %d, want %d", step, result.Exit, exit)
		}
		for row := range result.Coverage {
			if exit == 0 && row.Outcome != outcome.OK {
				t.Errorf("%s: %s of account %s is %s", step, row.TableName, row.AccountID, row.Outcome)
			}
		}
	}
	old := map[string]string{}
	for _, name := range []string{config.ForDiscovery, config.EveryOther} {
		old[name] = ids.Make("acme", name)
	}
	trust(w.org.Management(), discovery, old[config.ForDiscovery])
	for _, a := range w.org.Accounts() {
		trust(a.ID, member, old[config.EveryOther])
	}
	w.writeIDs(t, dir, ids, "")
	run("before", 0)

	fresh := map[string]string{}
	for _, name := range ids.Names("acme") {
		fresh[name] = ids.Make("acme", name)
	}
	trust(w.org.Management(), discovery, old[config.ForDiscovery], fresh[config.ForDiscovery])
	run("discovery accepts both, the file has the old ones", 0)
	for i, a := range w.org.Accounts() {
		trust(a.ID, member, old[config.EveryOther], fresh[config.EveryOther])
		if i == 2 {
			run("some accounts accept both, the file has the old ones", 0)
		}
	}
	run("all accept both, the file has the old ones", 0)
	w.writeIDs(t, dir, ids, "")
	run("all accept both, the file has the new ones", 0)
	for i, a := range w.org.Accounts() {
		trust(a.ID, member, fresh[config.EveryOther])
		if i == 2 {
			run("some accounts accept the new one alone", 0)
		}
	}
	trust(w.org.Management(), discovery, fresh[config.ForDiscovery])
	run("all accept the new ones alone", 0)

	trust(w.members[0], member, old[config.EveryOther])
	run("an account accepts the old one alone", 3)
	trust(w.members[0], member, fresh[config.EveryOther])
	trust(w.org.Management(), discovery, old[config.ForDiscovery])
	run("discovery accepts the old one alone", 3)
}
