package sim

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// TestAssignments follows who has access to which account: to people and groups of the identity store, in accounts
// that are open, and in pages as in one answer.
func TestAssignments(t *testing.T) {
	o := New(Options{Accounts: 24, PageSize: 2})
	client, ctx := ssoadmin.NewFromConfig(in(t, o, o.Management(), o.IdentityRegion())), t.Context()
	instance := must(client.ListInstances(ctx, &ssoadmin.ListInstancesInput{})).Instances[0].InstanceArn
	var people, groups []string
	for n := range o.people().IdentityUsers {
		people = append(people, o.personID(n))
	}
	for g := range o.people().IdentityGroups {
		groups = append(groups, o.groupID(g))
	}
	sets := must(drain(ctx, ssoadmin.NewListPermissionSetsPaginator(client, &ssoadmin.ListPermissionSetsInput{InstanceArn: instance}),
		func(o *ssoadmin.ListPermissionSetsOutput) []string { return o.PermissionSets }))
	unused, direct, open := 0, 0, 0
	for _, set := range sets {
		accounts := must(drain(ctx, ssoadmin.NewListAccountsForProvisionedPermissionSetPaginator(client, &ssoadmin.ListAccountsForProvisionedPermissionSetInput{InstanceArn: instance, PermissionSetArn: &set}),
			func(o *ssoadmin.ListAccountsForProvisionedPermissionSetOutput) []string { return o.AccountIds }))
		if len(accounts) == 0 {
			unused++
		}
		for _, id := range accounts {
			list := must(drain(ctx, ssoadmin.NewListAccountAssignmentsPaginator(client, &ssoadmin.ListAccountAssignmentsInput{InstanceArn: instance, PermissionSetArn: &set, AccountId: &id}),
				func(o *ssoadmin.ListAccountAssignmentsOutput) []ssotypes.AccountAssignment {
					return o.AccountAssignments
				}))
			if len(list) == 0 {
				t.Errorf("account %s has permission set %s, and nobody is assigned", id, set)
			}
			for _, a := range list {
				known := groups
				if a.PrincipalType == ssotypes.PrincipalTypeUser {
					known = people
					direct++
				}
				if *a.AccountId != id || *a.PermissionSetArn != set || !slices.Contains(known, *a.PrincipalId) {
					t.Errorf("assignment of %s %s in account %s: got one of account %s and permission set %s, or a principal that does not exist", a.PrincipalType, *a.PrincipalId, id, *a.AccountId, *a.PermissionSetArn)
				}
			}
		}
		open = max(open, len(accounts))
	}
	active := 0
	for _, a := range o.Accounts() {
		if a.State == string(orgtypes.AccountStateActive) {
			active++
		}
	}
	if unused == 0 || direct == 0 || open != active {
		t.Errorf("got %d permission sets without accounts, %d assignments of people, and access to %d accounts, want some, some, and all %d that are open", unused, direct, open, active)
	}
	left := firstWorkload(o)
	o.Leave(left)
	if list := must(client.ListAccountAssignments(ctx, &ssoadmin.ListAccountAssignmentsInput{InstanceArn: instance, PermissionSetArn: &sets[0], AccountId: &left})).AccountAssignments; len(list) != 0 {
		t.Errorf("account %s left: got %d assignments, want none", left, len(list))
	}
	if _, err := client.ListPermissionSets(ctx, &ssoadmin.ListPermissionSetsInput{InstanceArn: &left}); code(err) != "ResourceNotFoundException" {
		t.Errorf("another instance: got %v, want ResourceNotFoundException", err)
	}
}

// TestOrganizationPolicies lists them by type: their contents are JSON, and what they are attached to is there.
func TestOrganizationPolicies(t *testing.T) {
	o := New(Options{Accounts: 24, PageSize: 2})
	client, ctx := organizations.NewFromConfig(in(t, o, o.Management(), "us-east-1")), t.Context()
	var things []string
	for _, u := range o.units {
		things = append(things, u.id)
	}
	for _, a := range o.Accounts() {
		things = append(things, a.ID)
	}
	unattached := 0
	for _, kind := range orgtypes.PolicyType("").Values() {
		for _, p := range must(drain(ctx, organizations.NewListPoliciesPaginator(client, &organizations.ListPoliciesInput{Filter: kind}),
			func(o *organizations.ListPoliciesOutput) []orgtypes.PolicySummary { return o.Policies })) {
			content := must(client.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: p.Id})).Policy.Content
			if p.Type != kind || !json.Valid([]byte(*content)) {
				t.Errorf("policy %s: got type %s and content %s, want %s and JSON", *p.Name, p.Type, *content, kind)
			}
			targets := must(drain(ctx, organizations.NewListTargetsForPolicyPaginator(client, &organizations.ListTargetsForPolicyInput{PolicyId: p.Id}),
				func(o *organizations.ListTargetsForPolicyOutput) []orgtypes.PolicyTargetSummary { return o.Targets }))
			if p.AwsManaged && len(targets) != len(things) {
				t.Errorf("policy %s is attached to %d things, want all %d", *p.Name, len(targets), len(things))
			}
			for _, target := range targets {
				if !slices.Contains(things, *target.TargetId) {
					t.Errorf("policy %s: target %s does not exist", *p.Name, *target.TargetId)
				}
			}
			if len(targets) == 0 {
				unattached++
			}
		}
	}
	if unattached != 1 {
		t.Errorf("got %d policies that are attached to nothing, want 1", unattached)
	}
}
