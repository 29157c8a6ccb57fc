// Package iam collects users, groups, roles and policies, how people sign in,
// and what holds for the account as a whole.
package iam

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"stocktake/extract"
)

var service = extract.Service[iam.Client, iam.Options]{
	Info: extract.ServiceInfo{Name: "iam", ID: iam.ServiceID},
	New:  iam.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{
	principals, credentialReport, accountSummary, passwordPolicy, instanceProfiles, samlProviders, oidcProviders,
}

const (
	usersTable    = "aws_iam_users"
	groupsTable   = "aws_iam_groups"
	rolesTable    = "aws_iam_roles"
	policiesTable = "aws_iam_policies"
	keysTable     = "aws_iam_access_keys"
	devicesTable  = "aws_iam_mfa_devices"
)

const bulkOperation = "GetAccountAuthorizationDetails"

var page = aws.Int32(1000)

// User is a types.User with what the account's authorization details add.
type User struct {
	types.User
	extract.Incomplete
	GroupList               []string
	AttachedManagedPolicies []types.AttachedPolicy
	UserPolicyList          []types.PolicyDetail
}

// Role is a types.RoleDetail with what only ListRoles tells.
type Role struct {
	types.RoleDetail
	extract.Incomplete
	Description        *string
	MaxSessionDuration *int32
}

// AccessKey is a types.AccessKeyMetadata with its last use.
type AccessKey struct {
	types.AccessKeyMetadata
	extract.Incomplete
	LastUsedDate        *time.Time
	LastUsedRegion      *string
	LastUsedServiceName *string
}

// MFADevice is a types.MFADevice with its owner, or a virtual one that no IAM
// user has: the root user's, and what was never assigned.
type MFADevice struct {
	types.MFADevice
	extract.Incomplete
	Arn     string // empty for a piece of hardware, which has a number
	UserArn *string
	Tags    []types.Tag
}

var userDetails = []string{"tags", "permissions_boundary", "group_list", "attached_managed_policies", "user_policy_list"}

var keyDetails = []extract.Detail[iam.Client, AccessKey]{{
	Operation: "GetAccessKeyLastUsed", Columns: []string{"last_used_date", "last_used_region", "last_used_service_name"}, Absent: []string{gone},
	Read: func(ctx context.Context, c *iam.Client, k *AccessKey) error {
		o, err := c.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId})
		if err == nil && o.AccessKeyLastUsed != nil {
			used := o.AccessKeyLastUsed
			k.LastUsedDate, k.LastUsedRegion, k.LastUsedServiceName = used.LastUsedDate, used.Region, used.ServiceName
		}
		return err
	},
}}

var deviceDetails = []extract.Detail[iam.Client, MFADevice]{{
	Operation: "ListMFADeviceTags", Columns: []string{"tags"},
	Read: func(ctx context.Context, c *iam.Client, d *MFADevice) error {
		if !strings.Contains(d.Arn, ":mfa/") {
			return nil // only virtual devices take tags
		}
		pager := iam.NewListMFADeviceTagsPaginator(c, &iam.ListMFADeviceTagsInput{SerialNumber: d.SerialNumber, MaxItems: page})
		return extract.EachPage(ctx, pager, func(o *iam.ListMFADeviceTagsOutput) error {
			d.Tags = append(d.Tags, o.Tags...)
			return nil
		})
	},
}}

// principals reads users by their own list, which every grant allows, and all
// else in bulk: one call for a thousand items in place of five for each.
var principals = extract.Collector{
	Name:    "aws_iam",
	Service: service.Info,
	Scope:   extract.Global,
	Tables: []extract.Table{
		extract.TableOf[User](usersTable),
		extract.TableOf[types.GroupDetail](groupsTable),
		extract.TableOf[Role](rolesTable),
		extract.TableOf[types.ManagedPolicyDetail](policiesTable),
		extract.TableOf[AccessKey](keysTable).Under(usersTable),
		extract.TableOf[MFADevice](devicesTable).Under(usersTable),
	},
	Calls: slices.Concat([]extract.Call{
		{Operation: "ListUsers", Table: usersTable, Page: 1000},
		{Operation: bulkOperation, Table: rolesTable, Page: 1000},
		{Operation: bulkOperation, Table: groupsTable},
		{Operation: bulkOperation, Table: policiesTable},
		{Operation: bulkOperation, Table: usersTable, Columns: userDetails},
		{Operation: "ListRoles", Table: rolesTable, Columns: []string{"description", "max_session_duration"}, Page: 1000},
		{Operation: "ListAccessKeys", Table: keysTable, Per: usersTable},
		{Operation: "ListMFADevices", Table: devicesTable, Per: usersTable},
		{Operation: "ListVirtualMFADevices", Table: devicesTable, Page: 1000},
	}, extract.Calls(keysTable, keyDetails), extract.Calls(devicesTable, deviceDetails)),
	Walk: func(ctx context.Context, u *extract.Unit) error {
		client := service.Client(u)
		users, err := listUsers(ctx, u, client)
		if err != nil {
			u.Fail(ctx, usersTable, err)
		}
		if err := bulk(ctx, u, client, users); err != nil {
			return err
		}
		if err := extract.Emit(u, usersTable, users); err != nil {
			return err
		}
		if err := perUser(ctx, u, client, keysTable, users, accessKeys, keyDetails); err != nil {
			return err
		}
		if err := perUser(ctx, u, client, devicesTable, users, mfaDevices, deviceDetails); err != nil {
			return err
		}
		return devicesOfNoUser(ctx, u, client)
	},
}

func listUsers(ctx context.Context, u *extract.Unit, client *iam.Client) ([]User, error) {
	if !u.Wants(usersTable) && !u.Wants(keysTable) && !u.Wants(devicesTable) {
		return nil, nil
	}
	var users []User
	pager := iam.NewListUsersPaginator(client, &iam.ListUsersInput{MaxItems: page})
	err := extract.EachPage(ctx, pager, func(o *iam.ListUsersOutput) error {
		for _, user := range o.Users {
			users = append(users, User{User: user})
		}
		return nil
	})
	return users, err
}

// bulk emits groups, roles and policies, and completes users. Where the call is
// refused, users keep what their list tells.
func bulk(ctx context.Context, u *extract.Unit, client *iam.Client, users []User) error {
	var filter []types.EntityType
	for _, f := range []struct {
		table  string
		entity types.EntityType
	}{{usersTable, types.EntityTypeUser}, {groupsTable, types.EntityTypeGroup}, {rolesTable, types.EntityTypeRole}, {policiesTable, types.EntityTypeLocalManagedPolicy}} {
		if u.Wants(f.table) {
			filter = append(filter, f.entity)
		}
	}
	if len(filter) == 0 {
		return nil
	}
	byARN := map[string]*User{}
	for i := range users {
		users[i].Miss(userDetails...)
		byARN[aws.ToString(users[i].Arn)] = &users[i]
	}
	described, undescribed := describeRoles(ctx, u, client)
	pager := iam.NewGetAccountAuthorizationDetailsPaginator(client, &iam.GetAccountAuthorizationDetailsInput{MaxItems: page, Filter: filter})
	err := extract.EachPage(ctx, pager, func(o *iam.GetAccountAuthorizationDetailsOutput) error {
		for i := range o.UserDetailList {
			if user := byARN[aws.ToString(o.UserDetailList[i].Arn)]; user != nil {
				user.complete(&o.UserDetailList[i])
			}
		}
		roles := make([]Role, len(o.RoleDetailList))
		for i, r := range o.RoleDetailList {
			roles[i] = Role{RoleDetail: r, Incomplete: undescribed}
			if d, ok := described[aws.ToString(r.Arn)]; ok {
				roles[i].Description, roles[i].MaxSessionDuration = d.Description, d.MaxSessionDuration
			}
		}
		return errors.Join(
			extract.Emit(u, groupsTable, o.GroupDetailList),
			extract.Emit(u, rolesTable, roles),
			extract.Emit(u, policiesTable, o.Policies))
	})
	if err == nil {
		return nil
	}
	for _, table := range []string{groupsTable, rolesTable, policiesTable} {
		u.Fail(ctx, table, err)
	}
	return u.Refused(ctx, usersTable, err)
}

func (user *User) complete(d *types.UserDetail) {
	user.NotCollected = nil
	user.Tags, user.PermissionsBoundary = d.Tags, d.PermissionsBoundary
	user.GroupList, user.AttachedManagedPolicies, user.UserPolicyList = d.GroupList, d.AttachedManagedPolicies, d.UserPolicyList
}

// describeRoles reads the two fields that the bulk call lacks.
func describeRoles(ctx context.Context, u *extract.Unit, client *iam.Client) (map[string]types.Role, extract.Incomplete) {
	described := map[string]types.Role{}
	var missing extract.Incomplete
	if !u.Wants(rolesTable) {
		return described, missing
	}
	pager := iam.NewListRolesPaginator(client, &iam.ListRolesInput{MaxItems: page})
	err := extract.EachPage(ctx, pager, func(o *iam.ListRolesOutput) error {
		for _, r := range o.Roles {
			described[aws.ToString(r.Arn)] = types.Role{Description: r.Description, MaxSessionDuration: r.MaxSessionDuration}
		}
		return nil
	})
	if err != nil {
		missing.Miss("description", "max_session_duration")
		if err := u.Refused(ctx, rolesTable, err); err != nil {
			u.Fail(ctx, rolesTable, err)
		}
	}
	return described, missing
}

// perUser reads rows by a list for each user.
func perUser[R any](
	ctx context.Context, u *extract.Unit, client *iam.Client, table string, users []User,
	list func(context.Context, *iam.Client, *User) ([]R, error), details []extract.Detail[iam.Client, R],
) error {
	if !u.Wants(table) {
		return nil
	}
	err := extract.Parallel(ctx, users, func(ctx context.Context, user *User) error {
		rows, err := list(ctx, client, user)
		if err != nil {
			if u.Expect(err, []string{gone}) {
				return nil // the user was deleted after the list
			}
			return err
		}
		return emit(ctx, u, client, table, rows, details)
	})
	if err != nil {
		u.Fail(ctx, table, err)
	}
	return nil
}

func emit[R any](ctx context.Context, u *extract.Unit, client *iam.Client, table string, rows []R, details []extract.Detail[iam.Client, R]) error {
	if err := extract.Enrich(ctx, u, table, rows, extract.Same[R](client), details); err != nil {
		return err
	}
	return extract.Emit(u, table, rows)
}

func accessKeys(ctx context.Context, client *iam.Client, user *User) ([]AccessKey, error) {
	var keys []AccessKey
	pager := iam.NewListAccessKeysPaginator(client, &iam.ListAccessKeysInput{UserName: user.UserName, MaxItems: page})
	err := extract.EachPage(ctx, pager, func(o *iam.ListAccessKeysOutput) error {
		for _, k := range o.AccessKeyMetadata {
			keys = append(keys, AccessKey{AccessKeyMetadata: k})
		}
		return nil
	})
	return keys, err
}

func mfaDevices(ctx context.Context, client *iam.Client, user *User) ([]MFADevice, error) {
	var devices []MFADevice
	pager := iam.NewListMFADevicesPaginator(client, &iam.ListMFADevicesInput{UserName: user.UserName, MaxItems: page})
	err := extract.EachPage(ctx, pager, func(o *iam.ListMFADevicesOutput) error {
		for _, d := range o.MFADevices {
			devices = append(devices, mfaDevice(d, user.Arn))
		}
		return nil
	})
	return devices, err
}

func mfaDevice(d types.MFADevice, owner *string) MFADevice {
	row := MFADevice{MFADevice: d, UserArn: owner}
	if serial := aws.ToString(d.SerialNumber); strings.HasPrefix(serial, "arn:") {
		row.Arn = serial
	}
	return row
}

// devicesOfNoUser reads the virtual devices that no user's list has.
func devicesOfNoUser(ctx context.Context, u *extract.Unit, client *iam.Client) error {
	if !u.Wants(devicesTable) {
		return nil
	}
	pager := iam.NewListVirtualMFADevicesPaginator(client, &iam.ListVirtualMFADevicesInput{AssignmentStatus: types.AssignmentStatusTypeAny, MaxItems: page})
	err := extract.EachPage(ctx, pager, func(o *iam.ListVirtualMFADevicesOutput) error {
		var devices []MFADevice
		for _, d := range o.VirtualMFADevices {
			var owner *string
			if d.User != nil {
				owner = d.User.Arn
			}
			if owner == nil || strings.HasSuffix(*owner, ":root") {
				devices = append(devices, mfaDevice(types.MFADevice{SerialNumber: d.SerialNumber, EnableDate: d.EnableDate}, owner))
			}
		}
		return emit(ctx, u, client, devicesTable, devices, deviceDetails)
	})
	if err != nil {
		u.Fail(ctx, devicesTable, err)
	}
	return nil
}
