package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestExample(t *testing.T) {
	schema := compileSchema(t)
	sources := [][]string{nil, {"role", "role"}, SourceKinds}
	for _, kind := range SourceKinds {
		sources = append(sources, []string{kind})
	}
	for _, kinds := range sources {
		for _, simulated := range []bool{false, true} {
			t.Run(fmt.Sprint(kinds, simulated), func(t *testing.T) {
				text := Example(ExampleOptions{Simulated: simulated, Sources: kinds})
				f := load(t, write(t, string(text), 0o644))
				if want := max(len(kinds), 1); len(f.Sources) != want {
					t.Errorf("got %d sources, want %d", len(f.Sources), want)
				}
				if (f.Simulation != nil) != simulated {
					t.Errorf("got simulation %v, want %v", f.Simulation, simulated)
				}
				if err := validate(schema, text); err != nil {
					t.Errorf("validate: %v\n%s", err, text)
				}
				// Every key that is a comment works once its # is removed.
				active := regexp.MustCompile(`(?m)^( *)#([a-z_]+:|  )`).ReplaceAllString(string(text), "$1$2")
				if strings.Count(active, "#") >= strings.Count(string(text), "#") {
					t.Errorf("got no key as a comment in\n%s", text)
				}
				f = load(t, write(t, active, 0o644))
				if f.Redact != "personal" || len(f.Rates) == 0 || f.Keep == nil || f.Schedule == nil || f.Alerts.Email == nil || f.MaxDuration == 0 {
					t.Errorf("got %v, want the samples of\n%s", f, active)
				}
			})
		}
	}
}

func TestExampleExternalIDs(t *testing.T) {
	uuid := regexp.MustCompile(`external_id: "([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"`)
	var ids []string
	for range 3 {
		for _, m := range uuid.FindAllStringSubmatch(string(Example(ExampleOptions{Sources: SourceKinds})), -1) {
			ids = append(ids, m[1])
		}
	}
	slices.Sort(ids)
	if got := len(slices.Compact(ids)); got != 15 {
		t.Errorf("got %d different external IDs in three examples with five roles each, want 15", got)
	}
}

func TestExampleForAnOrganizationThatExists(t *testing.T) {
	arn := roleARN("aws", "999988887777", "list")
	f := load(t, write(t, string(Example(ExampleOptions{
		Simulated: true, DiscoveryRoleARN: arn, DiscoveryExternalID: "d-id", MemberRole: "audit", MemberExternalID: "m-id",
	})), 0o644))
	o := f.Sources[0].Organization
	got := []string{o.Discovery.Hops[0].RoleARN, o.Discovery.Hops[0].ExternalID.Reveal(), o.MemberRole, o.ExternalID.Reveal()}
	if want := []string{arn, "d-id", "audit", "m-id"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExampleRefusesUnknownKinds(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), `"everything"`) {
			t.Errorf("got panic %v, want one that names the kind", p)
		}
	}()
	Example(ExampleOptions{Sources: []string{"everything"}})
}
