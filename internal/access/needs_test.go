package access

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"stocktake/internal/config"
)

func actions(needs []Need) []string {
	list := []string{}
	for _, n := range needs {
		list = append(list, n.Action)
	}
	return list
}

func TestOf(t *testing.T) {
	keys := config.Source{Keys: &config.Keys{}}
	role := config.Source{Role: &config.Role{}}
	whole := config.Source{Role: &config.Role{WholeOrganization: true}}
	organization := config.Source{Organization: &config.Organization{}}
	units := config.Source{Organization: &config.Organization{Accounts: config.AccountFilter{Units: []string{"ou-ab12-11111111"}}}}
	everywhere := keys
	everywhere.Regions.All = true
	store := organization
	store.IdentityStore = &config.IdentityStore{ID: "d-1234567890", Region: "eu-west-1"}
	viewed := organization
	viewed.OrganizationViews = []string{"resource_explorer"}
	listing := []string{"organizations:ListAccounts", "organizations:ListDelegatedAdministrators"}

	for _, c := range []struct {
		name      string
		source    config.Source
		collect   string
		discovery []string
		member    []string
	}{
		{"keys", keys, "aws_ec2_volumes", []string{}, []string{"ec2:DescribeVolumes"}},
		{"all regions", everywhere, "aws_ec2_volumes", []string{}, []string{"account:ListRegions", "ec2:DescribeRegions", "ec2:DescribeVolumes"}},
		{"role", role, "aws_inspector2_findings", []string{}, []string{"inspector2:ListFindings"}},
		{"a role's organization", whole, "aws_inspector2_findings", []string{}, append([]string{"inspector2:ListFindings", "inspector2:ListMembers"}, listing...)},
		{"organization with administrators", organization, "aws_inspector2_findings", listing, []string{"inspector2:ListFindings", "inspector2:ListMembers"}},
		{"organization with units", units, "aws_ec2_volumes",
			[]string{"organizations:ListAccounts", "organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"}, []string{"ec2:DescribeVolumes"}},
		{"identity center", organization, "aws_identitystore_users", []string{"identitystore:ListUsers", "organizations:ListAccounts", "sso:ListInstances"}, []string{}},
		{"identity store that is named", store, "aws_identitystore_users", []string{"identitystore:ListUsers", "organizations:ListAccounts"}, []string{}},
		{"on request", keys, "aws_cloudtrail_events", []string{}, []string{"cloudtrail:LookupEvents"}},
		{"view of the organization", viewed, "aws_resourceexplorer2_resources", listing,
			[]string{"resource-explorer-2:GetView", "resource-explorer-2:ListIndexes", "resource-explorer-2:ListIndexesForMembers", "resource-explorer-2:ListViews", "resource-explorer-2:Search"}},
	} {
		c.source.Collect = []string{c.collect}
		got, err := Of(&c.source)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d, m := actions(got.Discovery), actions(got.Member); !slices.Equal(d, c.discovery) || !slices.Equal(m, c.member) {
			t.Errorf("%s: got discovery %q and member %q, want %q and %q", c.name, d, m, c.discovery, c.member)
		}
	}
	none := keys
	none.Collect = []string{"no_such_table"}
	if _, err := Of(&none); err == nil || !strings.Contains(err.Error(), "no_such_table") {
		t.Errorf("unknown table: got %v, want an error that names it", err)
	}
}

// TestNeed checks what a need says is lost without it.
func TestNeed(t *testing.T) {
	s := config.Source{Organization: &config.Organization{}, Regions: config.Regions{All: true}, Collect: []string{"*", "aws_cloudtrail_events"}}
	got, err := Of(&s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Need{
		{Action: "organizations:ListParents", Columns: map[string][]string{"aws_organizations_accounts": {"parent_id"}}},
		{Action: "account:ListRegions", Why: "find the regions that an account uses", Tables: []string{"aws_account_regions"}},
		{Action: "cloudtrail:LookupEvents", Tables: []string{"aws_cloudtrail_events"}},
		{Action: "inspector2:ListMembers", Hints: []string{"aws_inspector2_coverage", "aws_inspector2_findings"}},
	} {
		i := slices.IndexFunc(append(slices.Clone(got.Discovery), got.Member...), func(n Need) bool { return n.Action == want.Action })
		if i < 0 {
			t.Errorf("%s: not needed, want it to be", want.Action)
			continue
		}
		if n := append(slices.Clone(got.Discovery), got.Member...)[i]; !reflect.DeepEqual(n, want) {
			t.Errorf("%s: got %+v, want %+v", want.Action, n, want)
		}
	}
	for _, needs := range [][]Need{got.Discovery, got.Member} {
		for _, n := range needs {
			if n.Why == "" && len(n.Tables)+len(n.Columns)+len(n.Hints) == 0 {
				t.Errorf("%s: got no reason, want one", n.Action)
			}
		}
	}
}
