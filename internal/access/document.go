package access

import (
	"encoding/json"
	"strings"
)

// Document is an IAM policy document (IAM User Guide, "IAM JSON policy elements").
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is a statement of a policy. Principal is only for trust policies.
type Statement struct {
	Sid       string                         `json:",omitempty"`
	Effect    string                         // Allow or Deny
	Principal map[string][]string            `json:",omitempty"` // kind, such as AWS, to ARNs
	Action    []string                       // sorted
	Resource  []string                       `json:",omitempty"`
	Condition map[string]map[string][]string `json:",omitempty"` // operator to key to values
}

// document returns a policy of the statements.
func document(statements ...Statement) Document {
	return Document{Version: "2012-10-17", Statement: statements}
}

// JSON is the document as it is given to IAM, indented and without HTML escapes.
func (d Document) JSON() string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		panic(err) // strings, slices and maps of strings always encode
	}
	return b.String()
}

// Size is the number of characters that IAM counts: white space is free (IAM
// User Guide, "IAM and AWS STS quotas").
func (d Document) Size() int {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // as in JSON
	}
	return len(strings.Join(strings.Fields(string(text)), ""))
}
