// Package cfntest has cfn-lint check the templates that stocktake writes,
// against the schemas of CloudFormation's resources in every partition.
package cfntest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stocktake/internal/access"
	"stocktake/internal/config"
)

func TestTemplates(t *testing.T) {
	lint := linter(t)
	needs, err := access.Of(&config.Source{
		Organization: &config.Organization{}, Regions: config.Regions{All: true},
		Collect: []string{"aws_*"}, OrganizationViews: []string{"resource_explorer"},
	})
	if err != nil {
		t.Fatal(err)
	}
	plain := access.Grant{Description: "Lets stocktake read this account", RoleName: "stocktake", Path: "/", MaxSession: time.Hour, Needs: needs.Member}
	discovery, given := plain, plain
	discovery.Needs = needs.Discovery
	given.Path, given.TrustedPrincipal, given.OrganizationID = "/audit/", "arn:aws:iam::999900001111:role/stocktake-runner", "o-a1b2c3d4e5"
	given.PermissionsBoundary, given.Tags = "arn:aws:iam::aws:policy/ReadOnlyAccess", map[string]string{"application": "stocktake"}

	dir := t.TempDir()
	files := map[string][]byte{}
	for name, g := range map[string]access.Grant{"member": plain, "discovery": discovery, "given": given} {
		template, err := g.Template()
		if err != nil {
			t.Fatal(err)
		}
		files[name+".yaml"], files[name+".json"] = template.YAML(), template.JSON()
		if name == "member" {
			// What the linter says nothing about would pass everything.
			files["wrong.yaml"] = []byte(strings.Replace(string(template.YAML()), "MaxSessionDuration:", "LongestSession:", 1))
		}
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), lint, "--format", "parseable",
			"--regions", "us-east-1", "cn-north-1", "us-gov-west-1", "--", path).CombinedOutput()
		if wrong := name == "wrong.yaml"; (err != nil) != wrong || wrong && !strings.Contains(string(out), "LongestSession") {
			t.Errorf("cfn-lint %s: got %v\n%s", name, err, out)
		}
	}
}

// linter returns the path of cfn-lint, in a virtual environment that is made once.
func linter(t *testing.T) string {
	t.Helper()
	const requirement = "cfn-lint==1.58.0"
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "stocktake-tests", "cfntest-"+requirement)
	path, stamp := filepath.Join(dir, "bin", "cfn-lint"), filepath.Join(dir, "ready")
	if _, err := os.Stat(stamp); err == nil {
		return path
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", dir},
		{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--no-input", requirement},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			missing := t.Skipf
			if os.Getenv("CI") != "" {
				missing = t.Fatalf
			}
			missing("the test needs %s, which could not be installed: %s: %v\n%s", requirement, strings.Join(command, " "), err, out)
		}
	}
	if err := os.WriteFile(stamp, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
