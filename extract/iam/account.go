package iam

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"stocktake/extract"
)

const gone = "NoSuchEntity"

// AccountSummary is an iam.GetAccountSummaryOutput with the account's aliases.
type AccountSummary struct {
	iam.GetAccountSummaryOutput
	extract.Incomplete
	AccountAliases []string
}

var accountSummary = extract.Tree(service, extract.Level[iam.Client, extract.Root, AccountSummary]{
	Table: "aws_iam_account_summaries",
	Rows: extract.Once(service, (*iam.Client).GetAccountSummary, extract.Always(&iam.GetAccountSummaryInput{}),
		func(o *iam.GetAccountSummaryOutput) []AccountSummary {
			return []AccountSummary{{GetAccountSummaryOutput: *o, AccountAliases: []string{}}}
		}),
	Details: []extract.Detail[iam.Client, AccountSummary]{
		{Operation: "ListAccountAliases", Columns: []string{"account_aliases"},
			Read: func(ctx context.Context, c *iam.Client, s *AccountSummary) error {
				pager := iam.NewListAccountAliasesPaginator(c, &iam.ListAccountAliasesInput{MaxItems: page})
				return extract.EachPage(ctx, pager, func(o *iam.ListAccountAliasesOutput) error {
					s.AccountAliases = append(s.AccountAliases, o.AccountAliases...)
					return nil
				})
			}},
	},
}).In(extract.Global)

// PasswordPolicy is an iam.GetAccountPasswordPolicyOutput, whose policy is nil
// where AWS's own holds.
type PasswordPolicy struct {
	iam.GetAccountPasswordPolicyOutput
	IsDefault bool
}

const passwordPoliciesTable = "aws_iam_password_policies"

// passwordPolicy makes a row of the refusal, too: it says that the account has
// no policy of its own.
var passwordPolicy = extract.Collector{
	Service: service.Info,
	Scope:   extract.Global,
	Tables:  []extract.Table{extract.TableOf[PasswordPolicy](passwordPoliciesTable)},
	Calls:   []extract.Call{{Operation: "GetAccountPasswordPolicy"}},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		o, err := service.Client(u).GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
		switch {
		case err == nil:
			return extract.Emit(u, passwordPoliciesTable, []PasswordPolicy{{GetAccountPasswordPolicyOutput: *o}})
		case u.Expect(err, []string{gone}):
			return extract.Emit(u, passwordPoliciesTable, []PasswordPolicy{{IsDefault: true}})
		}
		return err
	},
}

// InstanceProfile is a types.InstanceProfile whose tags, which the list leaves
// out, have a call of their own.
type InstanceProfile struct {
	types.InstanceProfile
	extract.Incomplete
}

var instanceProfiles = extract.Tree(service, extract.Level[iam.Client, extract.Root, InstanceProfile]{
	Table: "aws_iam_instance_profiles",
	Rows: extract.Pages(service, iam.NewListInstanceProfilesPaginator, extract.Always(&iam.ListInstanceProfilesInput{MaxItems: page}),
		func(o *iam.ListInstanceProfilesOutput) []InstanceProfile {
			return extract.Map(o.InstanceProfiles, func(p types.InstanceProfile) InstanceProfile { return InstanceProfile{InstanceProfile: p} })
		}),
	Details: []extract.Detail[iam.Client, InstanceProfile]{
		{Operation: "ListInstanceProfileTags", Columns: []string{"tags"},
			Read: func(ctx context.Context, c *iam.Client, p *InstanceProfile) error {
				p.Tags = nil
				pager := iam.NewListInstanceProfileTagsPaginator(c, &iam.ListInstanceProfileTagsInput{InstanceProfileName: p.InstanceProfileName, MaxItems: page})
				return extract.EachPage(ctx, pager, func(o *iam.ListInstanceProfileTagsOutput) error {
					p.Tags = append(p.Tags, o.Tags...)
					return nil
				})
			}},
	},
}).In(extract.Global)

// SAMLProvider is a types.SAMLProviderListEntry with what GetSAMLProvider adds
// to it, the metadata document aside.
type SAMLProvider struct {
	types.SAMLProviderListEntry
	extract.Incomplete
	AssertionEncryptionMode types.AssertionEncryptionModeType
	PrivateKeyList          []types.SAMLPrivateKey
	SAMLProviderUUID        *string
	Tags                    []types.Tag
}

var samlProviders = extract.Tree(service, extract.Level[iam.Client, extract.Root, SAMLProvider]{
	Table: "aws_iam_saml_providers",
	Rows: extract.Described(
		extract.Once(service, (*iam.Client).ListSAMLProviders, extract.Always(&iam.ListSAMLProvidersInput{}),
			func(o *iam.ListSAMLProvidersOutput) []types.SAMLProviderListEntry { return o.SAMLProviderList }),
		extract.DescribeNamed((*iam.Client).GetSAMLProvider,
			func(_ *extract.Root, listed types.SAMLProviderListEntry) *iam.GetSAMLProviderInput {
				return &iam.GetSAMLProviderInput{SAMLProviderArn: listed.Arn}
			},
			func(listed types.SAMLProviderListEntry, o *iam.GetSAMLProviderOutput) SAMLProvider {
				return SAMLProvider{
					SAMLProviderListEntry: listed, AssertionEncryptionMode: o.AssertionEncryptionMode,
					PrivateKeyList: o.PrivateKeyList, SAMLProviderUUID: o.SAMLProviderUUID, Tags: o.Tags,
				}
			}).Gone(gone).
			Else(func(_ *extract.Root, listed types.SAMLProviderListEntry) SAMLProvider {
				return SAMLProvider{SAMLProviderListEntry: listed}
			}, "create_date", "valid_until", "arn")),
}).In(extract.Global)

// OIDCProvider is an iam.GetOpenIDConnectProviderOutput with its ARN.
type OIDCProvider struct {
	types.OpenIDConnectProviderListEntry
	extract.Incomplete
	ClientIDList   []string
	CreateDate     *time.Time
	Tags           []types.Tag
	ThumbprintList []string
	Url            *string
}

var oidcProviders = extract.Tree(service, extract.Level[iam.Client, extract.Root, OIDCProvider]{
	Table: "aws_iam_oidc_providers",
	Rows: extract.Described(
		extract.Once(service, (*iam.Client).ListOpenIDConnectProviders, extract.Always(&iam.ListOpenIDConnectProvidersInput{}),
			func(o *iam.ListOpenIDConnectProvidersOutput) []types.OpenIDConnectProviderListEntry {
				return o.OpenIDConnectProviderList
			}),
		extract.DescribeNamed((*iam.Client).GetOpenIDConnectProvider,
			func(_ *extract.Root, listed types.OpenIDConnectProviderListEntry) *iam.GetOpenIDConnectProviderInput {
				return &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: listed.Arn}
			},
			func(listed types.OpenIDConnectProviderListEntry, o *iam.GetOpenIDConnectProviderOutput) OIDCProvider {
				return OIDCProvider{
					OpenIDConnectProviderListEntry: listed, ClientIDList: o.ClientIDList, CreateDate: o.CreateDate,
					Tags: o.Tags, ThumbprintList: o.ThumbprintList, Url: o.Url,
				}
			}).Gone(gone).
			Else(func(_ *extract.Root, listed types.OpenIDConnectProviderListEntry) OIDCProvider {
				return OIDCProvider{OpenIDConnectProviderListEntry: listed}
			}, "arn")),
}).In(extract.Global)
