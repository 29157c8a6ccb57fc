package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"
	"github.com/aws/smithy-go"
)

func efsService() service {
	return service{
		id: "EFS", name: "efs", prefix: "elasticfilesystem",
		dialect: restDialect.with(func(d *dialect) {
			d.throttled = Fault{"ThrottlingException", "Rate exceeded", 429}
			d.internal = Fault{"InternalServerError", "Internal server error", 500}
			d.badToken, d.badInput = "BadRequest", "BadRequest"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.ThrottlingException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalServerError{Message: m} },
			func(m *string) smithy.APIError { return &types.BadRequest{Message: m} },
			func(m *string) smithy.APIError { return &types.FileSystemNotFound{Message: m} },
			func(m *string) smithy.APIError { return &types.MountTargetNotFound{Message: m} },
			func(m *string) smithy.APIError { return &types.PolicyNotFound{Message: m} },
		),
		operations: []operation{
			op(describeEFSFileSystems, "Marker", "MaxItems"),
			op(fileSystemPolicy, "FileSystemId"),
			op(fileSystemBackups, "FileSystemId"),
			op(fileSystemLifecycle, "FileSystemId"),
			op(describeAccessPoints, "MaxResults", "NextToken"),
			op(describeMountTargets, "FileSystemId", "Marker", "MaxItems"),
			op(mountTargetGroups, "MountTargetId"),
		},
	}
}

var efsPages = limits{least: 1, most: 1000, page: 100}

// File systems: each Kubernetes cluster shares one among its pods, mounted in the subnets of the cluster.

func (s *site) fileSystemID(f int) string { return "fs-0" + s.at("file system", f).draw().hex(16) }

func (s *site) fileSystemARN(f int) string {
	return s.arn("elasticfilesystem", "file-system/"+s.fileSystemID(f))
}

// openFileSystem tells of the one that anyone in the network may write to.
func (s *site) openFileSystem(f int) bool { return s.at("file system policy", f).draw().chance(40) }

func (s *site) fileSystem(f int) types.FileSystemDescription {
	at := s.at("file system", f).s("facts")
	d := at.draw()
	name := s.clusterName(f) + "-shared"
	tags := s.o.resourceTags(s.a, at, name, "storage")
	size := int64(1+d.n(4000)) << 28
	item := types.FileSystemDescription{
		FileSystemId: aws.String(s.fileSystemID(f)), FileSystemArn: aws.String(s.fileSystemARN(f)), OwnerId: aws.String(s.a.id), CreationToken: aws.String(d.uuid()),
		CreationTime: aws.Time(d.before(s.o.anchor, 900)), LifeCycleState: types.LifeCycleStateAvailable, NumberOfMountTargets: int32(len(s.mountSubnets())),
		PerformanceMode: types.PerformanceModeGeneralPurpose, ThroughputMode: pick(d, throughputModes), Encrypted: aws.Bool(!d.chance(12)),
		FileSystemProtection: &types.FileSystemProtectionDescription{ReplicationOverwriteProtection: types.ReplicationOverwriteProtectionEnabled},
		SizeInBytes: &types.FileSystemSize{
			Value: size, Timestamp: aws.Time(d.before(s.o.anchor, 1)), ValueInStandard: aws.Int64(size - size/4), ValueInIA: aws.Int64(size / 4), ValueInArchive: aws.Int64(0),
		},
		Tags: tagList(tags, efsTag),
	}
	if item.ThroughputMode == types.ThroughputModeProvisioned {
		item.ProvisionedThroughputInMibps = aws.Float64(64)
	}
	if *item.Encrypted {
		item.KmsKeyId = aws.String(s.keyARN("efs"))
	}
	if len(tags) > 0 && tags[0].key == "Name" {
		item.Name = aws.String(name)
	}
	return item
}

var throughputModes = []types.ThroughputMode{types.ThroughputModeElastic, types.ThroughputModeElastic, types.ThroughputModeBursting, types.ThroughputModeProvisioned}

func efsTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

func describeEFSFileSystems(c *call, in *efs.DescribeFileSystemsInput) (*efs.DescribeFileSystemsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.Marker, in.MaxItems}, efsPages, s.Clusters, all(s.fileSystem))
	return &efs.DescribeFileSystemsOutput{FileSystems: items, Marker: in.Marker, NextMarker: next}, err
}

// ofFileSystem finds the file system that an operation names.
func (c *call) ofFileSystem(id *string) (*site, int, error) {
	s := c.site()
	f := indexOf(s.Clusters, func(f int) bool { return s.fileSystemID(f) == aws.ToString(id) })
	if f < 0 {
		return nil, 0, c.fault("FileSystemNotFound", 404, "File system '%s' does not exist.", aws.ToString(id))
	}
	return s, f, nil
}

func fileSystemPolicy(c *call, in *efs.DescribeFileSystemPolicyInput) (*efs.DescribeFileSystemPolicyOutput, error) {
	s, f, err := c.ofFileSystem(in.FileSystemId)
	if err != nil {
		return nil, err
	}
	if s.openFileSystem(f) {
		return nil, c.fault("PolicyNotFound", 404, "File system policy for file system '%s' does not exist", s.fileSystemID(f))
	}
	p := policy(
		statement{
			Sid: "nodes", Effect: "Allow", Principal: map[string]any{"AWS": s.o.directory(s.a).roleARNOf("~eks-node")},
			Action: []string{"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"}, Resource: s.fileSystemARN(f),
		},
		statement{
			Sid: "encrypted-only", Effect: "Deny", Principal: map[string]any{"AWS": "*"}, Action: "*", Resource: s.fileSystemARN(f),
			Condition: map[string]any{"Bool": map[string]string{"aws:SecureTransport": "false"}},
		})
	return &efs.DescribeFileSystemPolicyOutput{FileSystemId: in.FileSystemId, Policy: aws.String(p.json())}, nil
}

func fileSystemBackups(c *call, in *efs.DescribeBackupPolicyInput) (*efs.DescribeBackupPolicyOutput, error) {
	s, f, err := c.ofFileSystem(in.FileSystemId)
	if err != nil {
		return nil, err
	}
	status := types.StatusEnabled
	switch d := s.at("file system backups", f).draw(); {
	case d.chance(20):
		return nil, c.fault("PolicyNotFound", 404, "No backup policy is set for file system '%s'", s.fileSystemID(f))
	case d.chance(30):
		status = types.StatusDisabled
	}
	return &efs.DescribeBackupPolicyOutput{BackupPolicy: &types.BackupPolicy{Status: status}}, nil
}

func fileSystemLifecycle(c *call, in *efs.DescribeLifecycleConfigurationInput) (*efs.DescribeLifecycleConfigurationOutput, error) {
	s, f, err := c.ofFileSystem(in.FileSystemId)
	if err != nil {
		return nil, err
	}
	out := &efs.DescribeLifecycleConfigurationOutput{LifecyclePolicies: []types.LifecyclePolicy{}}
	if s.at("file system lifecycle", f).draw().chance(60) {
		out.LifecyclePolicies = []types.LifecyclePolicy{
			{TransitionToIA: types.TransitionToIARulesAfter30Days}, {TransitionToPrimaryStorageClass: types.TransitionToPrimaryStorageClassRulesAfter1Access},
		}
	}
	return out, nil
}

// Access points: one for each application that has a directory of its own in the file system.

var sharedDirectories = []string{"uploads", "reports"}

func (s *site) accessPoint(n int) types.AccessPointDescription {
	f, directory := n/len(sharedDirectories), sharedDirectories[n%len(sharedDirectories)]
	at := s.at("access point", n)
	d := at.draw()
	id := "fsap-0" + d.hex(16)
	user := int64(1000 + n%len(sharedDirectories))
	return types.AccessPointDescription{
		AccessPointId: aws.String(id), AccessPointArn: aws.String(s.arn("elasticfilesystem", "access-point/"+id)), FileSystemId: aws.String(s.fileSystemID(f)),
		ClientToken: aws.String(d.uuid()), LifeCycleState: types.LifeCycleStateAvailable, OwnerId: aws.String(s.a.id),
		PosixUser: &types.PosixUser{Uid: aws.Int64(user), Gid: aws.Int64(user)},
		RootDirectory: &types.RootDirectory{
			Path: aws.String("/" + directory), CreationInfo: &types.CreationInfo{OwnerUid: aws.Int64(user), OwnerGid: aws.Int64(user), Permissions: aws.String("0750")},
		},
		Tags: tagList(s.o.resourceTags(s.a, at, "", "storage"), efsTag),
	}
}

func describeAccessPoints(c *call, in *efs.DescribeAccessPointsInput) (*efs.DescribeAccessPointsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, efsPages, s.Clusters*len(sharedDirectories), all(s.accessPoint))
	return &efs.DescribeAccessPointsOutput{AccessPoints: items, NextToken: next}, err
}

// mountSubnets are the subnets of the clusters' network, one in each zone.
func (s *site) mountSubnets() []int {
	_, vpc := s.groupFor(nodesRole)
	var list []int
	for j := vpc; j < s.Subnets && len(list) < 3; j += s.VPCs {
		list = append(list, j)
	}
	return list
}

func (s *site) mountTargetID(f, i int) string {
	return "fsmt-0" + s.at("mount target", f).i(i).draw().hex(16)
}

func (s *site) mountTarget(f, i int) types.MountTargetDescription {
	subnet := s.mountSubnets()[i]
	at := s.at("mount target", f).i(i).s("interface")
	return types.MountTargetDescription{
		MountTargetId: aws.String(s.mountTargetID(f, i)), FileSystemId: aws.String(s.fileSystemID(f)), OwnerId: aws.String(s.a.id), LifeCycleState: types.LifeCycleStateAvailable,
		SubnetId: aws.String(s.subnetID(subnet)), VpcId: aws.String(s.vpcID(subnet % s.VPCs)), IpAddress: aws.String(s.address(subnet, 240-f)),
		AvailabilityZoneId: aws.String(s.zoneID(subnet)), AvailabilityZoneName: aws.String(s.zone(subnet)), NetworkInterfaceId: aws.String(newCard(at).id),
	}
}

func describeMountTargets(c *call, in *efs.DescribeMountTargetsInput) (*efs.DescribeMountTargetsOutput, error) {
	s, f, err := c.ofFileSystem(in.FileSystemId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.Marker, in.MaxItems}, efsPages, len(s.mountSubnets()), all(func(i int) types.MountTargetDescription { return s.mountTarget(f, i) }))
	return &efs.DescribeMountTargetsOutput{MountTargets: items, Marker: in.Marker, NextMarker: next}, err
}

func mountTargetGroups(c *call, in *efs.DescribeMountTargetSecurityGroupsInput) (*efs.DescribeMountTargetSecurityGroupsOutput, error) {
	s := c.site()
	id, targets := aws.ToString(in.MountTargetId), len(s.mountSubnets())
	if indexOf(s.Clusters*targets, func(n int) bool { return s.mountTargetID(n/targets, n%targets) == id }) < 0 {
		return nil, c.fault("MountTargetNotFound", 404, "Mount target '%s' does not exist.", id)
	}
	group, _ := s.groupFor(nodesRole)
	return &efs.DescribeMountTargetSecurityGroupsOutput{SecurityGroups: []string{s.groupID(group)}}, nil
}
