package outcome

import (
	"strings"
	"testing"
)

func TestKinds(t *testing.T) {
	cases := []struct {
		kind       Kind
		text       string
		rows       Rows
		incomplete bool
		accepted   bool // incomplete where the configuration accepts what is blocked
	}{
		{OK, "ok", Replaced, false, false},
		{Partial, "partial", Replaced, true, true},
		{NotEnabled, "not_enabled", Replaced, false, false},
		{RegionDisabled, "region_disabled", Replaced, false, false},
		{Unavailable, "unavailable", Replaced, false, false},
		{OutOfScope, "out_of_scope", Replaced, false, false},
		{Denied, "denied", Carried, true, true},
		{Blocked, "blocked", Carried, true, false},
		{Throttled, "throttled", Carried, true, true},
		{CredentialsExpired, "credentials_expired", Carried, true, true},
		{Failed, "failed", Carried, true, true},
		{Skipped, "skipped", Kept, false, false},
	}
	if len(cases) != len(Kinds) {
		t.Errorf("Kinds: got %v, want the %d of this test", Kinds, len(cases))
	}
	for i, c := range cases {
		if Kinds[i] != c.kind {
			t.Errorf("Kinds[%d]: got %s, want %s", i, Kinds[i], c.kind)
		}
		if got := c.kind.Rows(); got != c.rows {
			t.Errorf("%s: Rows: got %d, want %d", c.kind, got, c.rows)
		}
		if got := (Outcome{Kind: c.kind}).Rows(); got != c.rows {
			t.Errorf("Outcome of %s: Rows: got %d, want %d", c.kind, got, c.rows)
		}
		if got, want := c.kind.Final(), c.rows == Replaced; got != want {
			t.Errorf("%s: Final: got %t, want %t", c.kind, got, want)
		}
		if got := c.kind.Incomplete(false); got != c.incomplete {
			t.Errorf("%s: Incomplete: got %t, want %t", c.kind, got, c.incomplete)
		}
		if got := c.kind.Incomplete(true); got != c.accepted {
			t.Errorf("%s: Incomplete where blocked is accepted: got %t, want %t", c.kind, got, c.accepted)
		}
		if got, err := Parse(c.text); got != c.kind || err != nil {
			t.Errorf("Parse(%q): got %q, %v, want %q", c.text, got, err, c.kind)
		}
	}
	for _, text := range []string{"", "OK", "okay", "ok "} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("Parse(%q): got %q, %v, want an error that quotes it", text, got, err)
		}
	}
}

// TestSuspended: rows of a suspended account age; what is merely skipped stays.
func TestSuspended(t *testing.T) {
	for _, c := range []struct {
		outcome Outcome
		want    Rows
	}{
		{Outcome{Kind: Skipped, Code: AccountSuspended}, Carried},
		{Outcome{Kind: Skipped, Code: "other_source"}, Kept},
		{Outcome{Kind: OK, Code: AccountSuspended}, Replaced},
	} {
		if got := c.outcome.Rows(); got != c.want {
			t.Errorf("%+v: Rows: got %d, want %d", c.outcome, got, c.want)
		}
	}
}
