package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sourcesWithIDs = `
  - {name: acme, organization: {member_role: reader, discovery: {role_arn: "arn:aws:iam::111122223333:role/d"}}, regions: all, collect: ["*"]}
  - {name: own-id, organization: {member_role: reader, external_id: written}, regions: all, collect: ["*"]}
  - name: list
    roles: [{role_arn: "arn:aws:iam::111122223333:role/r"}, {role_arn: "arn:aws:iam::444455556666:role/r"}, {role_arn: "arn:aws:iam::999900001111:role/r", external_id: written}]
    regions: all
    collect: ["*"]
  - name: whole
    role: {role_arn: "arn:aws:iam::111122223333:role/r", whole_organization: true}
    regions: all
    collect: ["*"]
  - {name: keys, keys: {}, regions: all, collect: ["*"]}
`

// withIDs writes a configuration and its file of external IDs.
func withIDs(t *testing.T, keys, sources, ids string, mode os.FileMode) string {
	t.Helper()
	name := write(t, "warehouse: w\nexternal_ids: ids.yaml\n"+keys+"sources:"+sources, 0o644)
	file := filepath.Join(filepath.Dir(name), "ids.yaml")
	if err := os.WriteFile(file, []byte(ids), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestExternalIDs(t *testing.T) {
	t.Setenv("STOCKTAKE_TEST_ID", "from-the-environment")
	f := load(t, withIDs(t, "", sourcesWithIDs, `sources:
  acme: {discovery: disc, "111122223333": one, "444455556666": "${STOCKTAKE_TEST_ID}"}
  own-id: {"*": ignored, "111122223333": ignored-too}
  list: {"111122223333": one, "*": rest, "999900001111": third}
  whole: {"111122223333": one, "444455556666": two}
`, 0o600))
	acme, written, whole := f.Sources[0].Organization, f.Sources[1].Organization, f.Sources[3].Role
	if got := acme.Discovery.Hops[0].ExternalID; got.Reveal() != "disc" {
		t.Errorf("discovery: got %q, want disc", got.Reveal())
	}
	for _, c := range []struct {
		of      *Organization
		account string
		want    string
		missing bool
	}{
		{acme, "111122223333", "one", false},
		{acme, "444455556666", "from-the-environment", false},
		{acme, "999900001111", "", true},
		{written, "111122223333", "written", false},
		{written, "999900001111", "written", false},
		{&Organization{ExternalIDs: ExternalIDs{"*": "rest", "111122223333": "one"}}, "111122223333", "one", false},
		{&Organization{ExternalIDs: ExternalIDs{"*": "rest", "111122223333": "one"}}, "999900001111", "rest", false},
		{&Organization{}, "999900001111", "", false},
		{&Organization{ExternalIDs: whole.ExternalIDs}, "444455556666", "two", false},
		{&Organization{ExternalIDs: whole.ExternalIDs}, "999900001111", "", true},
	} {
		if got, missing := c.of.ExternalIDOf(c.account); got.Reveal() != c.want || missing != c.missing {
			t.Errorf("%s: got %q, %t, want %q, %t", c.account, got.Reveal(), missing, c.want, c.missing)
		}
	}
	for i, want := range []string{"one", "rest", "written"} {
		if got := f.Sources[2].Roles[i].Hops[0].ExternalID.Reveal(); got != want {
			t.Errorf("roles[%d]: got %q, want %q", i, got, want)
		}
	}
	if got := whole.Hops[0].ExternalID.Reveal(); got != "one" {
		t.Errorf("whole organization: got %q, want one", got)
	}
	for _, c := range []struct {
		source     int
		name, want string // want is the ID, or what the error says
	}{
		{0, "discovery", "disc"},
		{0, "111122223333", "one"},
		{0, "999900001111", "has no external ID for it"},
		{0, "*", "has no external ID for it"},
		{1, "111122223333", "written"},
		{1, "*", "written"},
		{1, "discovery", "assumes no role there"},
		{2, "444455556666", "rest"},
		{2, "999900001111", "written"},
		{2, "*", "assumes no role there"},
		{3, "111122223333", "one"},
		{3, "444455556666", "two"},
		{3, "999900001111", "has no external ID for it"},
		{4, "111122223333", "assumes no role there"},
	} {
		got, err := f.Sources[c.source].ExternalIDFor(c.name)
		if err != nil && !strings.Contains(err.Error(), c.want) || err == nil && got.Reveal() != c.want {
			t.Errorf("source %s: ID for %s: got %q, %v, want %s", f.Sources[c.source].Name, c.name, got.Reveal(), err, c.want)
		}
	}
	if text := fmt.Sprintf("%+v %#v %x", f, f, f); strings.Contains(text, "from-the-environment") || strings.Contains(text, fmt.Sprintf("%x", "from-the-environment")) {
		t.Errorf("got %s, want no external ID in it", text)
	}
}

func TestExternalIDsThatAreRefused(t *testing.T) {
	const fine = "sources: {acme: {\"*\": " + canary + "}}\n"
	for _, c := range []struct {
		name, ids string
		mode      os.FileMode
		keys      string
		want      []string
	}{
		{"two accounts alike", "sources:\n  acme:\n    \"111122223333\": " + canary + "\n    \"444455556666\": " + canary + "\n", 0o600, "",
			[]string{"ids.yaml:4:", "sources.acme.444455556666: found the external ID of sources.acme.111122223333 in line 3"}},
		{"accounts of two sources alike", "sources:\n  acme: {\"111122223333\": " + canary + "}\n  list: {\"444455556666\": " + canary + "}\n", 0o600, "",
			[]string{"sources.list.444455556666: found the external ID of sources.acme.111122223333 in line 2"}},
		{"an account and the rest alike", "sources: {acme: {\"111122223333\": " + canary + ", \"*\": " + canary + "}}\n", 0o600, "",
			[]string{"sources.acme.111122223333: found the external ID of sources.acme.*"}},
		{"an account twice", "sources: {acme: {\"111122223333\": a1, \"111122223333\": a2}}\n", 0o600, "", []string{"the key a second time"}},
		{"readable by the group", fine, 0o640, "", []string{"external_ids: found", "mode 0640", "chmod 600 "}},
		{"readable by all", fine, 0o604, "", []string{"mode 0604", "chmod 600 "}},
		{"not an ID of AWS", "sources: {acme: {\"*\": \"" + canary + " with spaces\"}}\n", 0o600, "", []string{"sources.acme.*: found a hidden value of length 18 with a space"}},
		{"too short", "sources: {acme: {\"*\": x}}\n", 0o600, "", []string{"found a hidden value of length 1", "2 to 1224"}},
		{"not an account", "sources: {acme: {\"1111\": xx}}\n", 0o600, "", []string{"sources.acme.1111", externalIDName.expect}},
		{"an unknown source", "sources: {acne: {\"*\": xx}}\n", 0o600, "", []string{"sources.acne: found an unknown source, expected one of acme, own-id"}},
		{"a source of keys", "sources: {keys: {\"*\": xx}}\n", 0o600, "", []string{"sources.keys: found a source of keys"}},
		{"discovery without such a role", "sources: {list: {discovery: xx}}\n", 0o600, "", []string{"sources.list.discovery"}},
		{"not a file of IDs", "acme: xx\n", 0o600, "", []string{"ids.yaml:1:1", "sources"}},
		{"required", "sources: {acme: {\"111122223333\": xx}, list: {\"111122223333\": xx}}\n", 0o600, "require_external_id: true\n", []string{
			"sources[0].organization.discovery.external_id: found no external ID",
			"sources[2].roles[1].external_id: found no external ID",
			"sources[3].role.external_id: found no external ID",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Load(withIDs(t, c.keys, sourcesWithIDs, c.ids, c.mode), checkCollect)
			if err == nil || f != nil {
				t.Fatalf("got %v, %v, want nothing and an error", f, err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got\n%v\nwant %q in it", err, want)
				}
			}
			if n := strings.Count(err.Error(), "\n") + 1; n != max(1, len(c.want)) && c.keys != "" {
				t.Errorf("got %d problems, want %d:\n%v", n, len(c.want), err)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("got a message that shows an external ID:\n%v", err)
			}
		})
	}
	missing := write(t, "warehouse: w\nexternal_ids: none.yaml\nsources:"+sourcesWithIDs, 0o600)
	if _, err := Load(missing, checkCollect); err == nil || !strings.Contains(err.Error(), "stocktake access external-ids makes one") {
		t.Errorf("no file: got %v, want advice", err)
	}
	f, configured, err := LoadBeforeExternalIDs(missing, "", checkCollect)
	if err != nil || !configured || f.ExternalIDs != filepath.Join(f.Dir, "none.yaml") {
		t.Errorf("no file, before there are IDs: got %v, %t, %v", f, configured, err)
	}
}

func TestHashOfExternalIDs(t *testing.T) {
	const sources = "\n  - {name: acme, organization: {member_role: reader}, regions: all, collect: [\"*\"]}\n"
	hash := func(ids string) string {
		f := load(t, withIDs(t, "", sources, ids, 0o600))
		f.Warehouse = "/w"
		return f.Hash()
	}
	want := hash("sources: {acme: {\"111122223333\": one}}\n")
	for _, c := range []struct {
		name, ids string
		same      bool
	}{
		{"another value", "sources: {acme: {\"111122223333\": two}}\n", true},
		{"another account", "sources: {acme: {\"444455556666\": one}}\n", false},
		{"one for all", "sources: {acme: {\"*\": one}}\n", false},
		{"none", "sources: {}\n", false},
	} {
		if got := hash(c.ids); (got == want) != c.same {
			t.Errorf("%s: got %s, want equal to %s: %t", c.name, got, want, c.same)
		}
	}
}
