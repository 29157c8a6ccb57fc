package access

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Grant is a role that stocktake assumes, for a stack or a module to make. What
// is empty of TrustedPrincipal, OrganizationID and PermissionsBoundary is left
// to whoever deploys it.
type Grant struct {
	Description         string
	RoleName            string
	Path                string // begins and ends with a slash
	Needs               []Need
	TrustedPrincipal    string // ARN of a user or role, or an account
	OrganizationID      string // that the principal has to belong to
	PermissionsBoundary string // ARN of a policy
	MaxSession          time.Duration
	Tags                map[string]string
}

// IAM's quotas (IAM User Guide, "IAM and AWS STS quotas").
const (
	policyQuota    = 10 // managed policies of a role
	leastSession   = time.Hour
	longestSession = 12 * time.Hour
)

// What the parameters may hold, in the syntax of regular expressions that
// CloudFormation, Terraform and Go share.
var (
	roleNames  = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
	boundaries = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[!-)+->@-~]+$`)
	rolePaths  = regexp.MustCompile(`^/([!-~]{1,510}/)?$`)
	tagText    = regexp.MustCompile(`^[\p{L}\p{N} _.:/=+@-]*$`)
)

// optional also matches nothing.
func optional(pattern *regexp.Regexp) string {
	return "^(" + strings.TrimSuffix(strings.TrimPrefix(pattern.String(), "^"), "$") + ")?$"
}

// check returns what of the grant IAM would refuse, and the policies of the role.
func (g Grant) check() ([]Document, error) {
	const example = "999900001111" // where the principal is left to whoever deploys
	if _, err := Trust(TrustOptions{Principals: []string{cmp.Or(g.TrustedPrincipal, example)}, OrganizationID: g.OrganizationID}); err != nil {
		return nil, err
	}
	switch {
	case !roleNames.MatchString(g.RoleName):
		return nil, fmt.Errorf("role %q: expected a name of 1 to 64 letters, digits and _+=,.@-, the same in each account", g.RoleName)
	case !rolePaths.MatchString(g.Path):
		return nil, fmt.Errorf("path %q of the role: expected one that begins and ends with a slash", g.Path)
	case g.PermissionsBoundary != "" && !boundaries.MatchString(g.PermissionsBoundary):
		return nil, fmt.Errorf("permissions boundary %q: expected the ARN of a managed policy", g.PermissionsBoundary)
	}
	if g.MaxSession < leastSession || g.MaxSession > longestSession {
		return nil, fmt.Errorf("longest session %v: expected %v to %v", g.MaxSession, leastSession, longestSession)
	}
	for _, k := range slices.Sorted(maps.Keys(g.Tags)) {
		if k == "" || len(k) > 128 || len(g.Tags[k]) > 256 || !tagText.MatchString(k+g.Tags[k]) || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, fmt.Errorf("tag %q with value %q: expected letters, digits, spaces and _.:/=+@-, up to 128 and 256, and no key that begins with aws", k, g.Tags[k])
		}
	}
	policies := Policy(g.Needs)
	switch {
	case len(policies) == 0:
		return nil, fmt.Errorf("role %s needs no action: collect something that is read with it", g.RoleName)
	case len(policies) > policyQuota:
		return nil, fmt.Errorf("role %s needs %d managed policies, and IAM attaches %d: collect less with it", g.RoleName, len(policies), policyQuota)
	}
	return policies, nil
}

// Template is a template of CloudFormation.
type Template struct {
	AWSTemplateFormatVersion string
	Description              string
	Parameters               map[string]parameter
	Conditions               map[string]any
	Resources                map[string]resource
	Outputs                  map[string]output
}

type parameter struct {
	Type                  string
	Description           string
	Default               *string `json:",omitempty"`
	NoEcho                *bool   `json:",omitempty"`
	MinLength             int     `json:",omitempty"`
	MaxLength             int     `json:",omitempty"`
	AllowedPattern        string
	ConstraintDescription string
}

type resource struct {
	Type       string
	Properties any
}

type output struct {
	Description string
	Value       any
}

// managedPolicy and role have the properties of the resources of their names.
type managedPolicy struct {
	Description    string
	Path           string
	PolicyDocument Document
}

type role struct {
	RoleName                 any
	Path                     string
	Description              string
	AssumeRolePolicyDocument any
	ManagedPolicyArns        []any
	MaxSessionDuration       int
	PermissionsBoundary      any
	Tags                     []tag `json:",omitempty"`
}

type tag struct{ Key, Value string }

func ref(name string) any { return map[string]string{"Ref": name} }

// unless is what the named condition leaves, or no property at all.
func unless(condition string, value any) any {
	return map[string]any{"Fn::If": []any{condition, ref("AWS::NoValue"), value}}
}

// Template returns the stack of one account. It names no partition, account or
// region, and so suits all of them.
func (g Grant) Template() (Template, error) {
	policies, err := g.check()
	if err != nil {
		return Template{}, err
	}
	shown, none := false, ""
	t := Template{
		AWSTemplateFormatVersion: "2010-09-09",
		Description:              g.Description,
		Parameters: map[string]parameter{
			"ExternalId": {
				Type: "String", Description: "External ID that the configuration of stocktake has for this role", NoEcho: &shown,
				MinLength: 2, MaxLength: 1224, AllowedPattern: externalIDs.String(), ConstraintDescription: "2 to 1224 letters, digits and _+=,.@:/-",
			},
			"PreviousExternalId": {
				Type: "String", Description: "External ID that the role accepts, too, while another takes its place, or empty", Default: &none, NoEcho: &shown,
				MaxLength: 1224, AllowedPattern: externalIDs.String(), ConstraintDescription: "2 to 1224 letters, digits and _+=,.@:/-, or empty",
			},
			"RoleName": {
				Type: "String", Description: "Name of the role that stocktake assumes", Default: &g.RoleName,
				AllowedPattern: roleNames.String(), ConstraintDescription: "1 to 64 letters, digits and _+=,.@-",
			},
			"TrustedPrincipal": {
				Type: "String", Description: "What stocktake runs as: ARN of a role or user, or an account that decides itself who may assume the role",
				AllowedPattern: trustable.String(), ConstraintDescription: "an account ID, or the ARN of a role or user in IAM",
			},
			"OrganizationId": {
				Type: "String", Description: "Organization that the principal has to belong to, or empty", Default: &none,
				AllowedPattern: optional(organizationIDs), ConstraintDescription: "an ID such as o-exampleorgid, or empty",
			},
			"PermissionsBoundary": {
				Type: "String", Description: "ARN of the policy that bounds the role, or empty", Default: &none,
				AllowedPattern: optional(boundaries), ConstraintDescription: "the ARN of a managed policy, or empty",
			},
		},
		Conditions: map[string]any{
			"NoOrganization": map[string]any{"Fn::Equals": []any{ref("OrganizationId"), ""}},
			"NoPrevious":     map[string]any{"Fn::Equals": []any{ref("PreviousExternalId"), ""}},
			"NoBoundary":     map[string]any{"Fn::Equals": []any{ref("PermissionsBoundary"), ""}},
		},
		Resources: map[string]resource{},
		Outputs: map[string]output{
			"RoleARN":    {"Role for the configuration of stocktake", map[string]any{"Fn::GetAtt": []string{"Role", "Arn"}}},
			"ExternalID": {"External ID for the configuration of stocktake", ref("ExternalId")},
		},
	}
	for name, value := range map[string]string{
		"TrustedPrincipal": g.TrustedPrincipal, "OrganizationId": g.OrganizationID, "PermissionsBoundary": g.PermissionsBoundary,
	} {
		if value != "" {
			p := t.Parameters[name]
			p.Default = &value
			t.Parameters[name] = p
		}
	}
	r := role{
		RoleName: ref("RoleName"), Path: g.Path, Description: g.Description,
		AssumeRolePolicyDocument: map[string]any{
			"Version": "2012-10-17",
			"Statement": []any{map[string]any{
				"Sid":       "Stocktake",
				"Effect":    "Allow",
				"Principal": map[string]any{"AWS": []any{ref("TrustedPrincipal")}},
				"Action":    []string{"sts:AssumeRole"},
				"Condition": map[string]any{"StringEquals": map[string]any{
					"sts:ExternalId":     []any{ref("ExternalId"), unless("NoPrevious", ref("PreviousExternalId"))},
					"aws:PrincipalOrgID": unless("NoOrganization", []any{ref("OrganizationId")}),
				}},
			}},
		},
		MaxSessionDuration:  int(g.MaxSession.Seconds()),
		PermissionsBoundary: unless("NoBoundary", ref("PermissionsBoundary")),
	}
	for _, k := range slices.Sorted(maps.Keys(g.Tags)) {
		r.Tags = append(r.Tags, tag{k, g.Tags[k]})
	}
	for i, document := range policies {
		name := fmt.Sprintf("Policy%d", i+1)
		t.Resources[name] = resource{"AWS::IAM::ManagedPolicy", managedPolicy{
			Description: fmt.Sprintf("What stocktake reads, part %d", i+1), Path: g.Path, PolicyDocument: document,
		}}
		r.ManagedPolicyArns = append(r.ManagedPolicyArns, ref(name))
	}
	t.Resources["Role"] = resource{"AWS::IAM::Role", r}
	return t, nil
}

// Required are the parameters that the template has no default for.
func (t Template) Required() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.Parameters)), func(name string) bool { return t.Parameters[name].Default != nil })
}

// JSON is the template in JSON.
func (t Template) JSON() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(t); err != nil {
		panic(err) // structs, maps and strings always encode
	}
	return b.Bytes()
}

// YAML is the template in YAML.
func (t Template) YAML() []byte {
	text, err := yaml.JSONToYAML(t.JSON())
	if err != nil {
		panic(err) // JSON is YAML
	}
	return text
}
