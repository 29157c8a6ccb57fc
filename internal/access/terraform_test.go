package access

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// body parses a file of a module.
func body(t *testing.T, f ModuleFile) *hclsyntax.Body {
	t.Helper()
	if got := string(hclwrite.Format([]byte(f.Text))); got != f.Text {
		t.Errorf("%s: got a file that `terraform fmt` lays out in another way, as\n%s", f.Name, got)
	}
	file, problems := hclparse.NewParser().ParseHCL([]byte(f.Text), f.Name)
	if problems.HasErrors() {
		t.Fatalf("%s: %v\n%s", f.Name, problems, f.Text)
	}
	return file.Body.(*hclsyntax.Body)
}

// blockOf returns the block of that type and with those labels.
func blockOf(t *testing.T, b *hclsyntax.Body, kind string, labels ...string) *hclsyntax.Body {
	t.Helper()
	for _, block := range b.Blocks {
		if block.Type == kind && slices.Equal(block.Labels, labels) {
			return block.Body
		}
	}
	t.Fatalf("got no block %s %q", kind, labels)
	return nil
}

func value(t *testing.T, b *hclsyntax.Body, name string, c *hcl.EvalContext) cty.Value {
	t.Helper()
	a := b.Attributes[name]
	if a == nil {
		t.Fatalf("got no attribute %s", name)
	}
	v, problems := a.Expr.Value(c)
	if problems.HasErrors() {
		t.Fatalf("%s: %v", name, problems)
	}
	return v
}

func TestModule(t *testing.T) {
	const externalID = "example-external-id"
	for name, g := range grants(t) {
		files, err := g.Module()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := g.Module(); err != nil || !reflect.DeepEqual(again, files) {
			t.Errorf("%s: got another module the second time, error %v", name, err)
		}
		var names []string
		bodies := map[string]*hclsyntax.Body{}
		for _, f := range files {
			names = append(names, f.Name)
			bodies[f.Name] = body(t, f)
		}
		if want := []string{"main.tf", "variables.tf", "outputs.tf"}; !slices.Equal(names, want) {
			t.Fatalf("%s: got files %q, want %q", name, names, want)
		}

		given, ids := map[string]cty.Value{"external_id": cty.StringVal(externalID)}, []string{externalID}
		if name == "given" {
			given["previous_external_id"] = cty.StringVal("previous-external-id")
			ids = append(ids, "previous-external-id")
		}
		principal := g.TrustedPrincipal
		if principal == "" {
			principal = "999900001111"
			given["trusted_principal"] = cty.StringVal(principal)
		}
		for _, block := range bodies["variables.tf"].Blocks {
			variable := block.Labels[0]
			if _, ok := given[variable]; !ok {
				given[variable] = value(t, block.Body, "default", nil)
			}
		}
		c := &hcl.EvalContext{
			Variables: map[string]cty.Value{"var": cty.ObjectVal(given)},
			Functions: map[string]function.Function{"jsonencode": stdlib.JSONEncodeFunc, "merge": stdlib.MergeFunc},
		}

		main := bodies["main.tf"]
		role := blockOf(t, main, "resource", "aws_iam_role", "stocktake")
		want, err := Trust(TrustOptions{Principals: []string{principal}, ExternalIDs: ids, OrganizationID: g.OrganizationID})
		if err != nil {
			t.Fatal(err)
		}
		var trust Document
		if err := json.Unmarshal([]byte(value(t, role, "assume_role_policy", c).AsString()), &trust); err != nil || !reflect.DeepEqual(trust, want) {
			t.Errorf("%s: got trust %v, error %v, want %v", name, trust, err, want)
		}
		seconds, _ := value(t, role, "max_session_duration", c).AsBigFloat().Int64()
		if got := fmt.Sprint(value(t, role, "name", c).AsString(), value(t, role, "path", c).AsString(), seconds); got != fmt.Sprint(g.RoleName, g.Path, int(g.MaxSession.Seconds())) {
			t.Errorf("%s: got name, path and session %s", name, got)
		}
		if got := value(t, role, "permissions_boundary", c); got.IsNull() != (g.PermissionsBoundary == "") || !got.IsNull() && got.AsString() != g.PermissionsBoundary {
			t.Errorf("%s: got boundary %v, want %q", name, got, g.PermissionsBoundary)
		}

		policies := value(t, blockOf(t, main, "locals"), "policies", c).AsValueMap()
		documents := Policy(g.Needs)
		if len(policies) != len(documents) {
			t.Errorf("%s: got %d policies, want %d", name, len(policies), len(documents))
		}
		for i, want := range documents {
			v := policies[fmt.Sprint(i+1)]
			text, err := ctyjson.Marshal(v, v.Type())
			if err != nil {
				t.Fatal(err)
			}
			var got Document
			if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got policy %v, error %v, want %v", name, got, err, want)
			}
		}
		for _, output := range []string{"role_arn", "external_id"} {
			blockOf(t, bodies["outputs.tf"], "output", output)
		}
	}
}

func TestHCLString(t *testing.T) {
	for _, s := range []string{"", "plain", `a "quoted" \ back`, "${var.x} %{if} $${y} %%{z}", "line\nbreak\ttab\r", "ü"} {
		expression, problems := hclsyntax.ParseExpression([]byte(hclString(s)), "", hcl.InitialPos)
		if problems.HasErrors() {
			t.Errorf("%q: %v", s, problems)
			continue
		}
		if v, problems := expression.Value(nil); problems.HasErrors() || v.AsString() != s {
			t.Errorf("%q: got %v back, %v", s, v, problems)
		}
	}
}
