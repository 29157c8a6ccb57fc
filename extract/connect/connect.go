// Package connect collects the instances of Amazon Connect, their users, and
// the security profiles that say what users may do.
package connect

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/connect"
	"github.com/aws/aws-sdk-go-v2/service/connect/types"

	"stocktake/extract"
)

var service = extract.Service[connect.Client, connect.Options]{
	Info: extract.ServiceInfo{Name: "connect", ID: connect.ServiceID, Actions: map[string][]string{
		"ListInstances": {"connect:ListInstances", "ds:DescribeDirectories"},
	}},
	New: connect.NewFromConfig,
}

var page = aws.Int32(1000)

const gone = "ResourceNotFoundException"

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[connect.Client, extract.Root, Instance]{
		Table: "aws_connect_instances",
		Rows: extract.Pages(service, connect.NewListInstancesPaginator, extract.Always(&connect.ListInstancesInput{MaxResults: aws.Int32(10)}),
			func(o *connect.ListInstancesOutput) []Instance {
				return extract.Map(o.InstanceSummaryList, func(i types.InstanceSummary) Instance { return Instance{InstanceSummary: i} })
			}),
		Details: []extract.Detail[connect.Client, Instance]{
			{Operation: "ListTagsForResource", Columns: []string{"tags"},
				Read: func(ctx context.Context, c *connect.Client, i *Instance) error {
					o, err := c.ListTagsForResource(ctx, &connect.ListTagsForResourceInput{ResourceArn: i.Arn})
					if err == nil {
						i.Tags = o.Tags
					}
					return err
				}},
		},
		Children: []extract.Branch[connect.Client, Instance]{users, securityProfiles},
	}),
}

var users = extract.Level[connect.Client, Instance, User]{
	Table: "aws_connect_users",
	Gone:  []string{gone},
	Rows: extract.Described(
		extract.Pages(service, connect.NewListUsersPaginator,
			func(in *Instance) *connect.ListUsersInput {
				return &connect.ListUsersInput{InstanceId: in.Id, MaxResults: page}
			},
			func(o *connect.ListUsersOutput) []types.UserSummary { return o.UserSummaryList }),
		extract.DescribeNamed((*connect.Client).DescribeUser,
			func(in *Instance, listed types.UserSummary) *connect.DescribeUserInput {
				return &connect.DescribeUserInput{InstanceId: in.Id, UserId: listed.Id}
			},
			func(listed types.UserSummary, o *connect.DescribeUserOutput) User {
				u := extract.Copy(User{}, *o.User)
				u.UserSummary = listed
				return u
			}).Gone(gone).
			Else(func(in *Instance, listed types.UserSummary) User { return User{UserSummary: listed} },
				"id", "instance_id", "last_modified_region", "last_modified_time", "username", "arn")),
	Own: func(in *Instance, row *User) { row.InstanceId = in.Id },
}

var securityProfiles = extract.Level[connect.Client, Instance, SecurityProfile]{
	Table: "aws_connect_security_profiles",
	Gone:  []string{gone},
	Rows: extract.Described(
		extract.Pages(service, connect.NewListSecurityProfilesPaginator,
			func(in *Instance) *connect.ListSecurityProfilesInput {
				return &connect.ListSecurityProfilesInput{InstanceId: in.Id, MaxResults: page}
			},
			func(o *connect.ListSecurityProfilesOutput) []types.SecurityProfileSummary {
				return o.SecurityProfileSummaryList
			}),
		extract.DescribeNamed((*connect.Client).DescribeSecurityProfile,
			func(in *Instance, listed types.SecurityProfileSummary) *connect.DescribeSecurityProfileInput {
				return &connect.DescribeSecurityProfileInput{InstanceId: in.Id, SecurityProfileId: listed.Id}
			},
			securityProfile).Gone(gone).
			Else(func(in *Instance, listed types.SecurityProfileSummary) SecurityProfile {
				return SecurityProfile{SecurityProfileSummary: listed}
			}, "id", "instance_id", "last_modified_region", "last_modified_time", "name", "permissions", "arn")),
	Own: func(in *Instance, row *SecurityProfile) { row.InstanceId = in.Id },
	Details: []extract.Detail[connect.Client, SecurityProfile]{
		{Operation: "ListSecurityProfilePermissions", Columns: []string{"permissions"},
			Read: func(ctx context.Context, c *connect.Client, p *SecurityProfile) error {
				p.Permissions = []string{}
				pager := connect.NewListSecurityProfilePermissionsPaginator(c, &connect.ListSecurityProfilePermissionsInput{
					InstanceId: p.InstanceId, SecurityProfileId: p.Id, MaxResults: page,
				})
				return extract.EachPage(ctx, pager, func(o *connect.ListSecurityProfilePermissionsOutput) error {
					p.Permissions = append(p.Permissions, o.Permissions...)
					return nil
				})
			}},
	},
}

// Instance is a types.InstanceSummary with its tags.
type Instance struct {
	types.InstanceSummary
	extract.Incomplete
	Tags map[string]string
}

// User is a types.UserSummary with what a types.User adds to it.
type User struct {
	types.UserSummary
	extract.Incomplete
	InstanceId                  *string
	AfterContactWorkConfigs     []types.AfterContactWorkConfigPerChannel
	AutoAcceptConfigs           []types.AutoAcceptConfig
	DirectoryUserId             *string
	HierarchyGroupId            *string
	IdentityInfo                *types.UserIdentityInfo
	PersistentConnectionConfigs []types.PersistentConnectionConfig
	PhoneConfig                 *types.UserPhoneConfig
	PhoneNumberConfigs          []types.PhoneNumberConfig
	RoutingProfileId            *string
	SecurityProfileIds          []string
	Tags                        map[string]string
	VoiceEnhancementConfigs     []types.VoiceEnhancementConfig
}

// SecurityProfile is a types.SecurityProfileSummary with what a
// types.SecurityProfile adds to it, and what the profile permits.
type SecurityProfile struct {
	types.SecurityProfileSummary
	extract.Incomplete
	InstanceId                           *string
	AllowedAccessControlHierarchyGroupId *string
	AllowedAccessControlTags             map[string]string
	Description                          *string
	GranularAccessControlConfiguration   *types.GranularAccessControlConfiguration
	HierarchyRestrictedResources         []string
	OrganizationResourceId               *string
	Permissions                          []string
	TagRestrictedResources               []string
	Tags                                 map[string]string
}

func securityProfile(listed types.SecurityProfileSummary, o *connect.DescribeSecurityProfileOutput) SecurityProfile {
	d := o.SecurityProfile
	return SecurityProfile{
		SecurityProfileSummary:               listed,
		AllowedAccessControlHierarchyGroupId: d.AllowedAccessControlHierarchyGroupId, AllowedAccessControlTags: d.AllowedAccessControlTags,
		Description: d.Description, GranularAccessControlConfiguration: d.GranularAccessControlConfiguration,
		HierarchyRestrictedResources: d.HierarchyRestrictedResources, OrganizationResourceId: d.OrganizationResourceId,
		TagRestrictedResources: d.TagRestrictedResources, Tags: d.Tags,
	}
}
