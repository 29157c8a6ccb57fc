package sim

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/connect"
	connecttypes "github.com/aws/aws-sdk-go-v2/service/connect/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// TestIdentityOfAccountsHolds follows what the report, the devices, the summary and the providers of an account
// say of its users and roles.
func TestIdentityOfAccountsHolds(t *testing.T) {
	o := New(Options{Accounts: 24, Seed: 3})
	withMFA, withoutMFA, defaults := 0, 0, 0
	for _, a := range o.Accounts() {
		if a.State != "ACTIVE" {
			continue
		}
		client := iam.NewFromConfig(in(t, o, a.ID, o.regions[0]))
		users := map[string]types.User{}
		devices := int32(0)
		for _, u := range must(drain(t.Context(), iam.NewListUsersPaginator(client, &iam.ListUsersInput{}), func(o *iam.ListUsersOutput) []types.User { return o.Users })) {
			users[*u.UserName] = u
		}
		report := must(client.GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{}))
		lines := must(csv.NewReader(strings.NewReader(string(report.Content))).ReadAll())
		if len(lines) != len(users)+2 {
			t.Errorf("account %s: the report has %d lines, want a header, the root user and %d users", a.ID, len(lines), len(users))
		}
		for _, line := range lines[2:] {
			u, ok := users[line[0]]
			if !ok || line[1] != *u.Arn {
				t.Errorf("account %s: the report has user %q, %q: expected one of the list", a.ID, line[0], line[1])
			}
			worn := must(client.ListMFADevices(t.Context(), &iam.ListMFADevicesInput{UserName: &line[0]})).MFADevices
			if (line[7] == "true") != (len(worn) > 0) {
				t.Errorf("account %s: the report says MFA %s of user %s, who has %d devices", a.ID, line[7], line[0], len(worn))
			}
			devices += int32(len(worn))
			keys := must(client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &line[0]})).AccessKeyMetadata
			if active := len(keys) > 0 && keys[0].Status == types.StatusTypeActive; (line[8] == "true") != active {
				t.Errorf("account %s: the report says key %s of user %s, whose first is active: %v", a.ID, line[8], line[0], active)
			}
		}
		summary := must(client.GetAccountSummary(t.Context(), &iam.GetAccountSummaryInput{})).SummaryMap
		if root := lines[1][7] == "true"; root {
			withMFA, devices = withMFA+1, devices+1
		} else {
			withoutMFA++
		}
		if summary["Users"] != int32(len(users)) || summary["MFADevicesInUse"] != devices || (summary["AccountMFAEnabled"] == 1) != (lines[1][7] == "true") {
			t.Errorf("account %s: the summary says %v of %d users with %d devices, root user %s", a.ID, summary, len(users), devices, lines[1][7])
		}
		if _, err := client.GetAccountPasswordPolicy(t.Context(), &iam.GetAccountPasswordPolicyInput{}); code(err) == "NoSuchEntity" {
			defaults++
		} else if err != nil {
			t.Error(err)
		}
		providers := map[string]bool{}
		for _, p := range must(client.ListSAMLProviders(t.Context(), &iam.ListSAMLProvidersInput{})).SAMLProviderList {
			providers[*p.Arn] = true
		}
		for _, p := range must(client.ListOpenIDConnectProviders(t.Context(), &iam.ListOpenIDConnectProvidersInput{})).OpenIDConnectProviderList {
			providers[*p.Arn] = true
		}
		d := o.directory(o.byID[a.ID])
		for i := range d.Roles {
			for _, s := range d.trust(i).Statement {
				if federated, ok := s.Principal["Federated"].(string); ok && !providers[federated] {
					t.Errorf("account %s: role %s trusts %s, which is not among the providers", a.ID, d.roleName(i), federated)
				}
			}
		}
	}
	if withMFA == 0 || withoutMFA == 0 || defaults == 0 {
		t.Errorf("got %d root users with MFA, %d without, %d default password policies: expected some of each", withMFA, withoutMFA, defaults)
	}
}

// TestCallCentresHold follows users of Connect to their security profiles.
func TestCallCentresHold(t *testing.T) {
	o := New(Options{Accounts: 24, Seed: 3})
	agents := 0
	for _, a := range o.Accounts() {
		if a.State != "ACTIVE" {
			continue
		}
		for _, region := range o.regions {
			if !o.regionStatus(o.byID[a.ID], region).on() {
				continue
			}
			client := connect.NewFromConfig(in(t, o, a.ID, region))
			for _, i := range must(drain(t.Context(), connect.NewListInstancesPaginator(client, &connect.ListInstancesInput{}),
				func(o *connect.ListInstancesOutput) []connecttypes.InstanceSummary { return o.InstanceSummaryList })) {
				known := map[string]bool{}
				for _, p := range must(client.ListSecurityProfiles(t.Context(), &connect.ListSecurityProfilesInput{InstanceId: i.Id})).SecurityProfileSummaryList {
					known[*p.Id] = true
				}
				for _, listed := range must(client.ListUsers(t.Context(), &connect.ListUsersInput{InstanceId: i.Id})).UserSummaryList {
					u := must(client.DescribeUser(t.Context(), &connect.DescribeUserInput{InstanceId: i.Id, UserId: listed.Id})).User
					if aws.ToString(u.Arn) != *listed.Arn || len(u.SecurityProfileIds) != 1 || !known[u.SecurityProfileIds[0]] {
						t.Errorf("user %s: got profiles %v, want one of the instance", *listed.Arn, u.SecurityProfileIds)
					}
					agents++
				}
			}
		}
	}
	if agents == 0 {
		t.Error("there are no agents")
	}
}
