// Package efs collects NFS file systems and the ways to reach them.
package efs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"

	"stocktake/extract"
)

var service = extract.Service[efs.Client, efs.Options]{
	Info: extract.ServiceInfo{Name: "efs", ID: efs.ServiceID, IAM: "elasticfilesystem"},
	New:  efs.NewFromConfig,
}

var page = aws.Int32(100)

// gone is the code of a file system that was deleted after it was listed.
const gone = "FileSystemNotFound"

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[efs.Client, extract.Root, FileSystem]{
		Table: "aws_efs_file_systems",
		Rows: extract.Pages(service, efs.NewDescribeFileSystemsPaginator,
			extract.Always(&efs.DescribeFileSystemsInput{MaxItems: page}),
			func(o *efs.DescribeFileSystemsOutput) []FileSystem {
				return extract.Map(o.FileSystems, func(f types.FileSystemDescription) FileSystem {
					return FileSystem{FileSystemDescription: f}
				})
			}),
		Details:  fileSystemDetails,
		Children: []extract.Branch[efs.Client, FileSystem]{mountTargets},
	}),

	extract.List(service, "aws_efs_access_points", efs.NewDescribeAccessPointsPaginator,
		&efs.DescribeAccessPointsInput{MaxResults: page},
		func(o *efs.DescribeAccessPointsOutput) []types.AccessPointDescription { return o.AccessPoints }),
}

// FileSystem is a types.FileSystemDescription with what further calls tell of it.
type FileSystem struct {
	types.FileSystemDescription
	extract.Incomplete
	Policy            *string
	BackupPolicy      *types.BackupPolicy
	LifecyclePolicies []types.LifecyclePolicy
}

// MountTarget is a types.MountTargetDescription with its security groups.
type MountTarget struct {
	types.MountTargetDescription
	extract.Incomplete
	SecurityGroups []string
}

var fileSystemDetails = []extract.Detail[efs.Client, FileSystem]{
	{Operation: "DescribeFileSystemPolicy", Columns: []string{"policy"}, Absent: []string{"PolicyNotFound", gone},
		Read: func(ctx context.Context, c *efs.Client, f *FileSystem) error {
			o, err := c.DescribeFileSystemPolicy(ctx, &efs.DescribeFileSystemPolicyInput{FileSystemId: f.FileSystemId})
			if err == nil {
				f.Policy = o.Policy
			}
			return err
		}},
	{Operation: "DescribeBackupPolicy", Columns: []string{"backup_policy"}, Absent: []string{"PolicyNotFound", gone},
		Read: func(ctx context.Context, c *efs.Client, f *FileSystem) error {
			o, err := c.DescribeBackupPolicy(ctx, &efs.DescribeBackupPolicyInput{FileSystemId: f.FileSystemId})
			if err == nil {
				f.BackupPolicy = o.BackupPolicy
			}
			return err
		}},
	{Operation: "DescribeLifecycleConfiguration", Columns: []string{"lifecycle_policies"}, Absent: []string{gone},
		Read: func(ctx context.Context, c *efs.Client, f *FileSystem) error {
			o, err := c.DescribeLifecycleConfiguration(ctx, &efs.DescribeLifecycleConfigurationInput{FileSystemId: f.FileSystemId})
			if err == nil {
				f.LifecyclePolicies = o.LifecyclePolicies
			}
			return err
		}},
}

var mountTargets = extract.Level[efs.Client, FileSystem, MountTarget]{
	Table: "aws_efs_mount_targets",
	If:    func(f *FileSystem) bool { return f.NumberOfMountTargets > 0 },
	Gone:  []string{gone},
	Rows: extract.Pages(service, efs.NewDescribeMountTargetsPaginator,
		func(f *FileSystem) *efs.DescribeMountTargetsInput {
			return &efs.DescribeMountTargetsInput{FileSystemId: f.FileSystemId, MaxItems: page}
		},
		func(o *efs.DescribeMountTargetsOutput) []MountTarget {
			return extract.Map(o.MountTargets, func(m types.MountTargetDescription) MountTarget {
				return MountTarget{MountTargetDescription: m}
			})
		}),
	Details: []extract.Detail[efs.Client, MountTarget]{
		// A mount target that is being made or deleted has no groups to tell.
		{Operation: "DescribeMountTargetSecurityGroups", Columns: []string{"security_groups"}, Absent: []string{"MountTargetNotFound", "IncorrectMountTargetState"},
			Read: func(ctx context.Context, c *efs.Client, m *MountTarget) error {
				o, err := c.DescribeMountTargetSecurityGroups(ctx, &efs.DescribeMountTargetSecurityGroupsInput{MountTargetId: m.MountTargetId})
				if err == nil {
					m.SecurityGroups = o.SecurityGroups
				}
				return err
			}},
	},
}
