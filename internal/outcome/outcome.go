// Package outcome names how the collection of a table ended, for one account
// and region. It knows the outcomes and what each means for the rows and for
// the exit code; it knows nothing of AWS errors (package extract classifies
// them) nor of files.
package outcome

import "fmt"

// Kind is the outcome of one (table, account, region) of a run. Its text is
// stored in stocktake_coverage and never changes its meaning.
type Kind string

const (
	OK                 Kind = "ok"                  // walked to the end
	Partial            Kind = "partial"             // walked, but some optional details could not be read
	NotEnabled         Kind = "not_enabled"         // the service is not switched on there
	RegionDisabled     Kind = "region_disabled"     // the account does not use the region
	Unavailable        Kind = "unavailable"         // the service does not exist in the region
	OutOfScope         Kind = "out_of_scope"        // no longer configured, or no longer in the organization
	Denied             Kind = "denied"              // IAM refuses
	Blocked            Kind = "blocked"             // a service control policy or a permissions boundary refuses
	Throttled          Kind = "throttled"           // AWS kept refusing for the rate of calls
	CredentialsExpired Kind = "credentials_expired" // the session ended and could not be renewed
	Failed             Kind = "failed"              // could not be finished; the code says why
	Skipped            Kind = "skipped"             // not asked for in this run, or owned by another source
)

// Kinds lists every outcome, in the order in which summaries show them.
var Kinds = []Kind{OK, Partial, NotEnabled, RegionDisabled, Unavailable, OutOfScope, Denied, Blocked, Throttled, CredentialsExpired, Failed, Skipped}

// Rows says what becomes of the rows that the warehouse holds for the place.
type Rows int

const (
	Replaced Rows = iota // the rows of this run take their place, also when there are none
	Carried              // the last good rows stay, up to the age limit
	Kept                 // the rows stay as they are
)

// Rows returns the effect of the outcome on stored rows.
func (k Kind) Rows() Rows {
	switch k {
	case OK, Partial, NotEnabled, RegionDisabled, Unavailable, OutOfScope:
		return Replaced
	case Skipped:
		return Kept
	}
	return Carried
}

// Final reports whether asking again in the same run would be pointless, so
// that a resumed run does not repeat the unit.
func (k Kind) Final() bool { return k.Rows() == Replaced }

// Incomplete reports whether the outcome makes the run incomplete (exit code 3).
func (k Kind) Incomplete(acceptBlocked bool) bool {
	switch k {
	case Partial, Denied, Throttled, CredentialsExpired, Failed:
		return true
	case Blocked:
		return !acceptBlocked
	}
	return false
}

// Parse returns the Kind whose text is s.
func Parse(s string) (Kind, error) {
	for _, k := range Kinds {
		if string(k) == s {
			return k, nil
		}
	}
	return "", fmt.Errorf("outcome %q is not one of %v", s, Kinds)
}

// AccountSuspended is the code of Skipped units of accounts that AWS or their
// owner suspended: their rows stay, up to the age limit.
const AccountSuspended = "account_suspended"

// Rows returns the effect of the outcome on stored rows.
func (o Outcome) Rows() Rows {
	if o.Kind == Skipped && o.Code == AccountSuspended {
		return Carried
	}
	return o.Kind.Rows()
}

// Outcome is a Kind with its reasons. The zero value is not valid: every
// outcome is set by something that happened.
type Outcome struct {
	Kind          Kind     `json:"outcome"`
	Code          string   `json:"code,omitempty"`           // AWS's error code, or a word of ours (deadline, protocol, …)
	Message       string   `json:"message,omitempty"`        // AWS's message, without request IDs
	MissingAction string   `json:"missing_action,omitempty"` // IAM action to grant, where known
	Advice        string   `json:"advice,omitempty"`         // one sentence: what to do next
	Columns       []string `json:"columns,omitempty"`        // columns that are incomplete (Partial)
}
