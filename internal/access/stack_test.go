package access

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"stocktake/internal/config"
)

// whole are the needs of an organization of which all is collected.
func whole(t *testing.T) Needs {
	t.Helper()
	needs, err := Of(&config.Source{
		Organization: &config.Organization{}, Regions: config.Regions{All: true},
		Collect: []string{"aws_*"}, OrganizationViews: []string{"resource_explorer"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return needs
}

// grants are roles of several sizes.
func grants(t *testing.T) map[string]Grant {
	needs := whole(t)
	var many []Need // more than three policies hold
	for i := range 600 {
		many = append(many, Need{Action: fmt.Sprintf("example:DescribeSomethingWithALongName%d", i)})
	}
	small := Grant{Description: "Lets stocktake read this account", RoleName: "stocktake", Path: "/", MaxSession: time.Hour, Needs: []Need{{Action: "ec2:DescribeVolumes"}}}
	member, discovery, large := small, small, small
	member.Needs, discovery.Needs, large.Needs = needs.Member, needs.Discovery, many
	member.Tags = map[string]string{"application": "stocktake", "cost center": "a=b"}
	given := member
	given.TrustedPrincipal, given.OrganizationID, given.MaxSession = "arn:aws-cn:iam::999900001111:role/stocktake-runner", "o-a1b2c3d4e5", 2*time.Hour
	given.Path, given.PermissionsBoundary = "/audit/", "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"
	return map[string]Grant{"small": small, "member": member, "discovery": discovery, "large": large, "given": given}
}

// stackOf is the template as CloudFormation would read it, with its parameters
// filled in and its functions resolved.
func stackOf(t *testing.T, text []byte, parameters map[string]string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for name, p := range v["Parameters"].(map[string]any) {
		if def, ok := p.(map[string]any)["Default"]; ok && parameters[name] == "" {
			parameters[name] = def.(string)
		}
		pattern := p.(map[string]any)["AllowedPattern"].(string)
		if !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(parameters[name]) {
			t.Errorf("parameter %s: %q does not match %s", name, parameters[name], pattern)
		}
	}
	removed := new(int)
	var resolve func(v any) any
	resolve = func(v any) any {
		switch v := v.(type) {
		case []any:
			var list []any
			for _, e := range v {
				if e = resolve(e); e != removed {
					list = append(list, e)
				}
			}
			return list
		case map[string]any:
			if name, ok := v["Ref"].(string); ok {
				switch value, ok := parameters[name]; {
				case name == "AWS::NoValue":
					return removed
				case ok:
					return value
				}
				return v
			}
			if call, ok := v["Fn::If"].([]any); ok {
				empty := map[string]string{"NoOrganization": "OrganizationId", "NoBoundary": "PermissionsBoundary", "NoPrevious": "PreviousExternalId"}[call[0].(string)]
				if parameters[empty] == "" {
					return resolve(call[1])
				}
				return resolve(call[2])
			}
			out := map[string]any{}
			for k, e := range v {
				if e = resolve(e); e != removed {
					out[k] = e
				}
			}
			return out
		}
		return v
	}
	return resolve(v["Resources"]).(map[string]any)
}

func documentOf(t *testing.T, v any) Document {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var d Document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTemplate(t *testing.T) {
	const externalID = "example-external-id"
	for name, g := range grants(t) {
		template, err := g.Template()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := g.Template()
		if err != nil || string(again.YAML()) != string(template.YAML()) || string(again.JSON()) != string(template.JSON()) {
			t.Errorf("%s: got another template the second time, error %v", name, err)
		}
		for form, text := range map[string][]byte{"YAML": template.YAML(), "JSON": template.JSON()} {
			// The CLI takes this much from a file (CloudFormation User Guide, "Quotas").
			if len(text) > 51200 {
				t.Errorf("%s: got %d bytes of %s, want at most 51200", name, len(text), form)
			}
			if strings.Contains(strings.ReplaceAll(string(text), g.PermissionsBoundary, ""), "arn:aws:") {
				t.Errorf("%s: got an ARN of one partition in %s", name, form)
			}
			parameters, ids := map[string]string{"ExternalId": externalID}, []string{externalID}
			if name == "given" {
				parameters["PreviousExternalId"] = "previous-external-id"
				ids = append(ids, parameters["PreviousExternalId"])
			}
			principal := g.TrustedPrincipal
			if principal == "" {
				principal = "999900001111"
				parameters["TrustedPrincipal"] = principal
			}
			stack := stackOf(t, text, parameters)
			role := stack["Role"].(map[string]any)["Properties"].(map[string]any)
			want, err := Trust(TrustOptions{Principals: []string{principal}, ExternalIDs: ids, OrganizationID: g.OrganizationID})
			if err != nil {
				t.Fatal(err)
			}
			if got := documentOf(t, role["AssumeRolePolicyDocument"]); !reflect.DeepEqual(got, want) {
				t.Errorf("%s in %s: got trust %v, want %v", name, form, got, want)
			}
			var attached []any
			for i, want := range Policy(g.Needs) {
				id := fmt.Sprintf("Policy%d", i+1)
				attached = append(attached, map[string]any{"Ref": id})
				if got := documentOf(t, stack[id].(map[string]any)["Properties"].(map[string]any)["PolicyDocument"]); !reflect.DeepEqual(got, want) {
					t.Errorf("%s in %s: got policy %v, want %v", name, form, got, want)
				}
			}
			if len(stack) != len(attached)+1 || !reflect.DeepEqual(role["ManagedPolicyArns"], attached) {
				t.Errorf("%s in %s: got %d resources and policies %v, want the role and %v", name, form, len(stack), role["ManagedPolicyArns"], attached)
			}
			if got := fmt.Sprint(role["RoleName"], role["Path"], role["MaxSessionDuration"]); got != fmt.Sprint(g.RoleName, g.Path, g.MaxSession.Seconds()) {
				t.Errorf("%s in %s: got name, path and session %s", name, form, got)
			}
			if got, ok := role["PermissionsBoundary"]; ok != (g.PermissionsBoundary != "") || ok && got != g.PermissionsBoundary {
				t.Errorf("%s in %s: got boundary %v, want %q", name, form, got, g.PermissionsBoundary)
			}
		}
	}
}

func TestGrantErrors(t *testing.T) {
	for name, change := range map[string]func(*Grant){
		"role \"a b\"":                func(g *Grant) { g.RoleName = "a b" },
		"path \"audit\"":              func(g *Grant) { g.Path = "audit" },
		"principal \"stocktake\"":     func(g *Grant) { g.TrustedPrincipal = "stocktake" },
		"one session of a role":       func(g *Grant) { g.TrustedPrincipal = "arn:aws:sts::999900001111:assumed-role/runner/i-1" },
		"organization \"ou-ab12\"":    func(g *Grant) { g.OrganizationID = "ou-ab12" },
		"boundary \"ReadOnlyAccess\"": func(g *Grant) { g.PermissionsBoundary = "ReadOnlyAccess" },
		"longest session 13h":         func(g *Grant) { g.MaxSession = 13 * time.Hour },
		"tag \"aws:x\"":               func(g *Grant) { g.Tags = map[string]string{"aws:x": "y"} },
		"needs no action":             func(g *Grant) { g.Needs = nil },
		"managed policies, and IAM": func(g *Grant) {
			for i := range 2000 {
				g.Needs = append(g.Needs, Need{Action: fmt.Sprintf("example:DescribeSomethingWithALongName%d", i)})
			}
		},
	} {
		g := grants(t)["small"]
		change(&g)
		_, err := g.Template()
		_, moduleErr := g.Module()
		if err == nil || !strings.Contains(err.Error(), name) || moduleErr == nil || moduleErr.Error() != err.Error() {
			t.Errorf("%s: got %v of the template and %v of the module, want an error that says so", name, err, moduleErr)
		}
	}
}

// TestCommands checks that what varies gets into the commands, and as one word.
func TestCommands(t *testing.T) {
	g := grants(t)["member"]
	template, err := g.Template()
	if err != nil {
		t.Fatal(err)
	}
	g.TrustedPrincipal = "999900001111"
	trusting, err := g.Template()
	if err != nil {
		t.Fatal(err)
	}
	d := Deployment{Name: "stocktake-member", File: "my folder/a.yaml", Region: "cn-north-1", ExternalID: "of the example"}
	units, named := d, d
	units.Units, named.RoleName = []string{"ou-ab12-11111111", "ou-ab12-22222222"}, "audit"
	m := ModuleDeployment{Dir: "it's", ExternalID: "of the example"}
	one := ModuleDeployment{Dir: "module", Principal: "999900001111", RoleName: "audit", Workspace: "111122223333"}
	for _, c := range []struct {
		name, got  string
		want, none []string
	}{
		{"stack", d.Stack(template), []string{"--template-file 'my folder/a.yaml'", "--region cn-north-1", "CAPABILITY_NAMED_IAM", `ExternalId="$EXTERNAL_ID" TrustedPrincipal="$PRINCIPAL"`}, []string{"RoleName"}},
		{"trusting stack", d.Stack(trusting), []string{`ExternalId="$EXTERNAL_ID"`}, []string{"PRINCIPAL"}},
		{"named stack", named.Stack(template), []string{"RoleName=audit"}, nil},
		{"variables", d.Variables(template), []string{"EXTERNAL_ID=", "# of the example", "PRINCIPAL="}, nil},
		{"trusting variables", d.Variables(trusting), []string{"EXTERNAL_ID="}, []string{"PRINCIPAL="}},
		{"stack set", d.StackSet(template), []string{"'file://my folder/a.yaml'", "list-roots", `OrganizationalUnitIds="$UNITS"`, "--permission-model SERVICE_MANAGED", "cloudformation deploy"}, nil},
		{"stack set of units", units.StackSet(template), []string{"OrganizationalUnitIds=ou-ab12-11111111,ou-ab12-22222222 "}, []string{"list-roots"}},
		{"module", m.Variables() + m.Commands(), []string{`-chdir='it'\''s' init`, `-var "external_id=$EXTERNAL_ID" -var "trusted_principal=$PRINCIPAL"`, "PRINCIPAL="}, []string{"workspace"}},
		{"module of several", one.Variables() + one.Commands(), []string{"workspace select -or-create 111122223333", "-var role_name=audit"}, []string{"PRINCIPAL"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.got, want) {
				t.Errorf("%s: got no %q in\n%s", c.name, want, c.got)
			}
		}
		if i := slices.IndexFunc(c.none, func(s string) bool { return strings.Contains(c.got, s) }); i >= 0 {
			t.Errorf("%s: got %q in\n%s", c.name, c.none[i], c.got)
		}
	}
	before, _, _ := strings.Cut(d.StackSet(template), "create-stack-set")
	if !strings.Contains(before, "activate-organizations-access") {
		t.Errorf("trusted access: got it not before the StackSet")
	}
}
