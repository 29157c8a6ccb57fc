// Package identitystore collects the users and groups of IAM Identity Center.
package identitystore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"stocktake/extract"
)

var service = extract.Service[identitystore.Client, identitystore.Options]{
	Info: extract.ServiceInfo{Name: "identitystore", ID: identitystore.ServiceID},
	New:  identitystore.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{users, groups}

const (
	usersTable       = "aws_identitystore_users"
	groupsTable      = "aws_identitystore_groups"
	membershipsTable = "aws_identitystore_group_memberships"
)

var page = aws.Int32(100)

var users = extract.Collector{
	Service: service.Info,
	Scope:   extract.IdentityCenter,
	Tables:  []extract.Table{extract.TableOf[types.User](usersTable)},
	Calls:   []extract.Call{{Operation: "ListUsers", Page: 100}},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		pager := identitystore.NewListUsersPaginator(service.Client(u), &identitystore.ListUsersInput{
			IdentityStoreId: &u.Param, MaxResults: page,
		})
		return extract.EachPage(ctx, pager, func(o *identitystore.ListUsersOutput) error { return extract.Emit(u, usersTable, o.Users) })
	},
}

// Membership is a types.GroupMembership with the member out of its union.
type Membership struct {
	types.GroupMembership
	UserId *string
}

// groups leads from groups to their members, by a call for each group.
var groups = extract.Collector{
	Service: service.Info,
	Scope:   extract.IdentityCenter,
	Tables: []extract.Table{
		extract.TableOf[types.Group](groupsTable),
		extract.TableOf[Membership](membershipsTable).Under(groupsTable),
	},
	Calls: []extract.Call{
		{Operation: "ListGroups", Table: groupsTable, Page: 100},
		{Operation: "ListGroupMemberships", Table: membershipsTable, Per: groupsTable},
	},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		client := service.Client(u)
		pager := identitystore.NewListGroupsPaginator(client, &identitystore.ListGroupsInput{IdentityStoreId: &u.Param, MaxResults: page})
		return extract.EachPage(ctx, pager, func(o *identitystore.ListGroupsOutput) error {
			if err := extract.Emit(u, groupsTable, o.Groups); err != nil {
				return err
			}
			if !u.Wants(membershipsTable) {
				return nil
			}
			err := extract.Parallel(ctx, o.Groups, func(ctx context.Context, g *types.Group) error { return memberships(ctx, u, client, g) })
			if err != nil {
				u.Fail(ctx, membershipsTable, err)
			}
			return nil
		})
	},
}

func memberships(ctx context.Context, u *extract.Unit, client *identitystore.Client, g *types.Group) error {
	pager := identitystore.NewListGroupMembershipsPaginator(client, &identitystore.ListGroupMembershipsInput{
		IdentityStoreId: &u.Param, GroupId: g.GroupId, MaxResults: page,
	})
	err := extract.EachPage(ctx, pager, func(o *identitystore.ListGroupMembershipsOutput) error {
		rows := make([]Membership, len(o.GroupMemberships))
		for i, m := range o.GroupMemberships {
			rows[i].GroupMembership = m
			if user, ok := m.MemberId.(*types.MemberIdMemberUserId); ok {
				rows[i].UserId = &user.Value
			}
		}
		return extract.Emit(u, membershipsTable, rows)
	})
	if u.Expect(err, []string{"ResourceNotFoundException"}) {
		return nil // the group was deleted after the list
	}
	return err
}
