package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const sourcesForIDs = `sources:
  - name: acme
    organization: {discovery: {role_arn: "arn:aws:iam::111122223333:role/discovery"}, member_role: reader}
    regions: all
    collect: ["*"]
  - name: list
    roles: [{role_arn: "arn:aws:iam::111122223333:role/a"}, {role_arn: "arn:aws:iam::444455556666:role/a"}, {role_arn: "arn:aws:iam::999900001111:role/a", external_id: written}]
    regions: all
    collect: ["*"]
  - {name: one, role: {role_arn: "arn:aws:iam::111122223333:role/a"}, regions: all, collect: ["*"]}
  - {name: whole, role: {role_arn: "arn:aws:iam::111122223333:role/a", whole_organization: true}, regions: all, collect: ["*"]}
  - {name: written, organization: {member_role: reader, external_id: written}, regions: all, collect: ["*"]}
  - {name: mixed, organization: {discovery: {role_arn: "arn:aws:iam::111122223333:role/discovery"}, member_role: reader, external_id: written}, regions: all, collect: ["*"]}
  - {name: keys, keys: {}, regions: all, collect: ["*"]}
`

var uuidForm = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// TestExternalIDs makes, extends and rotates a file, one command after the other.
func TestExternalIDs(t *testing.T) {
	dir := t.TempDir()
	cfg, file := filepath.Join(dir, "stocktake.yaml"), filepath.Join(dir, "external-ids.yaml")
	text := "warehouse: w\nexternal_ids: external-ids.yaml\nrequire_external_id: true\n" + sourcesForIDs
	if err := os.WriteFile(cfg, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ids := func(args ...string) (int, string, string) {
		t.Helper()
		var out, errs bytes.Buffer
		a := &app{out: &out, err: &errs, configFlag: cfg}
		c := a.externalIDsCommand()
		c.SetArgs(args)
		c.SilenceErrors, c.SilenceUsage = true, true
		err := c.Execute()
		if err == nil {
			return exitComplete, out.String(), ""
		}
		var exit *exitError
		if !errors.As(err, &exit) {
			t.Fatalf("%v: got %v, want an exit code", args, err)
		}
		return exit.code, out.String(), err.Error()
	}
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, c := range []struct {
		args []string
		want []string // of the output
		made int      // IDs in the file afterwards
	}{
		{[]string{"--source", "acme"}, []string{"2 external IDs added", "added     discovery", "added     *"}, 2},
		{[]string{"--source", "acme"}, []string{"0 external IDs added, 0 replaced, 2 kept"}, 2},
		{[]string{"--source", "acme", "--per", "account", "--accounts", "444455556666,111122223333"}, []string{"2 external IDs added, 0 replaced, 1 kept", "added     111122223333"}, 4},
		{[]string{"--source", "list", "--per", "account"}, []string{"2 external IDs added"}, 6},
		{[]string{"--source", "one"}, []string{"1 external IDs added"}, 7},
		{[]string{"--source", "whole", "--per", "account", "--accounts", "111122223333"}, []string{"1 external IDs added"}, 8},
		{[]string{"--source", "mixed"}, []string{"1 external IDs added", "added     discovery"}, 9},
	} {
		before := ""
		if _, err := os.Stat(file); err == nil {
			before = read(file)
		}
		code, out, errs := ids(c.args...)
		if code != 0 || uuidForm.MatchString(out+errs) {
			t.Fatalf("%v: got exit %d, %s%s, want 0 and no external ID", c.args, code, out, errs)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v: got\n%s\nwant %q in it", c.args, out, want)
			}
		}
		after := uuidForm.FindAllString(read(file), -1)
		if len(after) != c.made || len(slices.Compact(slices.Sorted(slices.Values(after)))) != c.made {
			t.Errorf("%v: got %d external IDs, want %d, each another", c.args, len(after), c.made)
		}
		for _, id := range uuidForm.FindAllString(before, -1) {
			if !slices.Contains(after, id) {
				t.Errorf("%v: an external ID is gone", c.args)
			}
		}
		if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
			t.Errorf("%v: got mode %v, %v, want 0600", c.args, info.Mode(), err)
		}
	}
	if code, out, errs := run(t, "config", "check", "-c", cfg); code != 0 {
		t.Errorf("config check: got exit %d, %s%s", code, out, errs)
	}

	// The rotation writes another file, and shows both IDs when asked.
	t.Setenv("STOCKTAKE_TEST_ID", "from-the-environment")
	text = strings.Replace(read(file), "sources:\n", "sources:\n  # whole is no more\n", 1)
	text = regexp.MustCompile(`(?s)(acme:.*?discovery:) [^\n]*`).ReplaceAllString(text, "$1 $${STOCKTAKE_TEST_ID} # by hand")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(dir, "next.yaml")
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := ids("--source", "acme", "--rotate", "111122223333", "--file", next, "--show", "--json")
	var made madeIDs
	if err := json.Unmarshal([]byte(out), &made); err != nil || code != 0 || len(made.Replaced) != 1 || made.File != next {
		t.Fatalf("rotate: got exit %d, %s%s, %v, want one replaced", code, out, errs, err)
	}
	old, fresh := made.Replaced[0].Previous, made.Replaced[0].ExternalID
	if got := read(file); got != text {
		t.Error("rotate: the file of the configuration has changed")
	}
	got := read(next)
	if old == fresh || !strings.Contains(text, old) || !strings.Contains(got, fresh) || strings.Count(got, "${STOCKTAKE_TEST_ID}") != 1 || strings.Contains(got, "from-the-environment") {
		t.Errorf("rotate: got\n%s\nwant the new ID, and the reference to the environment as it was", got)
	}
	for _, comment := range []string{"# whole is no more", "# by hand", "# The external IDs of stocktake"} {
		if !strings.Contains(got, comment) {
			t.Errorf("rotate: got\n%s\nwant the comment %q", got, comment)
		}
	}

	for _, c := range []struct {
		names          string
		replaced, kept []string // names of the file
	}{
		{"*", []string{"*"}, []string{"111122223333", "444455556666", "discovery"}},
		{"*,444455556666", []string{"*", "444455556666"}, []string{"111122223333", "discovery"}},
		{"all", []string{"*", "111122223333", "444455556666"}, []string{"discovery"}}, // which is the environment's
	} {
		before := map[string]string{}
		for _, name := range append(c.replaced, c.kept...) {
			_, out, _ := ids("--source", "acme", "--get", name, "--file", next)
			before[name] = strings.TrimSuffix(out, "\n")
		}
		code, out, errs := ids("--source", "acme", "--rotate", c.names, "--file", next, "--json", "--show")
		var made madeIDs
		if err := json.Unmarshal([]byte(out), &made); err != nil || code != 0 || len(made.Added) > 0 {
			t.Fatalf("--rotate %s: got exit %d, %s%s, %v", c.names, code, out, errs, err)
		}
		var replaced, kept []string
		for _, m := range made.Replaced {
			replaced = append(replaced, m.For)
			_, out, _ := ids("--source", "acme", "--get", m.For, "--file", next)
			if now := strings.TrimSuffix(out, "\n"); now != m.ExternalID || m.Previous != before[m.For] || m.Previous == now {
				t.Errorf("--rotate %s: got another ID of %s than is printed, or the old one", c.names, m.For)
			}
		}
		for _, m := range made.Kept {
			kept = append(kept, m.For)
			if _, out, _ := ids("--source", "acme", "--get", m.For, "--file", next); strings.TrimSuffix(out, "\n") != before[m.For] {
				t.Errorf("--rotate %s: the ID of %s has changed", c.names, m.For)
			}
		}
		if !slices.Equal(replaced, c.replaced) || !slices.Equal(kept, c.kept) {
			t.Errorf("--rotate %s: got %q replaced and %q kept, want %q and %q", c.names, replaced, kept, c.replaced, c.kept)
		}
		if code, out, errs := ids("--source", "acme", "--rotate", c.names, "--file", next); code != 0 || uuidForm.MatchString(out+errs) || !strings.Contains(out, "replaced  *") {
			t.Errorf("--rotate %s without --show: got exit %d, %s%s, want no external ID", c.names, code, out, errs)
		}
	}
	if _, out, _ := ids("--source", "acme", "--get", "discovery"); out != "from-the-environment\n" {
		t.Errorf("--get discovery: got %q, want what the environment has", out)
	}
	if _, out, _ := ids("--source", "written", "--get", "111122223333"); out != "written\n" {
		t.Errorf("--get: got %q, want the ID that the configuration has", out)
	}
	if got := read(file); got != text {
		t.Error("rotate: the file of the configuration has changed")
	}

	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "without --source"},
		{[]string{"--source", "acne"}, "expected one of acme, list"},
		{[]string{"--source", "acme", "--per", "account"}, "does not name its accounts"},
		{[]string{"--source", "whole", "--per", "account"}, "does not name its accounts"},
		{[]string{"--source", "acme", "--per", "region"}, "expected source or account"},
		{[]string{"--source", "acme", "--rotate", "1111"}, "12 digits, discovery or *, separated by commas, or all"},
		{[]string{"--source", "acme", "--rotate", "999900001111"}, "expected some of *,111122223333,444455556666,discovery, or all"},
		{[]string{"--source", "acme", "--rotate", "*,discovery"}, "${STOCKTAKE_TEST_ID} of the environment"},
		{[]string{"--source", "acme", "--rotate", "*", "--accounts", "111122223333"}, "--rotate with --accounts"},
		{[]string{"--source", "one", "--rotate", "discovery"}, "expected some of *, or all"},
		{[]string{"--source", "acme", "--get", "*", "--per", "account"}, "--get with --per"},
		{[]string{"--source", "acme", "--get", "everything"}, "12 digits, discovery or *"},
		{[]string{"--source", "list", "--get", "555566667777"}, "assumes no role there"},
		{[]string{"--source", "acme", "--accounts", "111122223333"}, "expected --per account"},
		{[]string{"--source", "acme", "--per", "account", "--accounts", "1111"}, "12 digits"},
		{[]string{"--source", "list", "--per", "account", "--accounts", "999900001111"}, "expected some of 111122223333,444455556666"},
		{[]string{"--source", "written"}, "remove external_id there"},
		{[]string{"--source", "keys"}, "found keys, expected roles"},
	} {
		before := read(file)
		if code, out, errs := ids(c.args...); code != exitUsage || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%v: got exit %d, %s%s, want %q", c.args, code, out, errs, c.want)
		}
		if read(file) != before {
			t.Errorf("%v: the file has changed", c.args)
		}
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := ids("--source", "one"); code != exitUsage || !strings.Contains(errs, "chmod 600 "+file) {
		t.Errorf("a file that others can read: got exit %d, %s, want the command that helps", code, errs)
	}

	// Without the key, the command says what to add.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg, []byte("warehouse: w\n"+sourcesForIDs), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := ids("--source", "one"); code != 0 || !strings.Contains(out, "\nexternal_ids: "+file+"\n") || !strings.Contains(read(file), "one:") {
		t.Errorf("without a file in the configuration: got exit %d, %s%s", code, out, errs)
	}
}
