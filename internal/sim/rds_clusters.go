package sim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Clusters and snapshots. A database of an engine that has clusters is the only instance of one, and the snapshots are
// the cluster's.

func (b database) clusterName() string { return b.name + "-cluster" }

// joinCluster leaves to the cluster what is the cluster's.
func joinCluster(i *types.DBInstance, b database) {
	i.DBClusterIdentifier, i.PromotionTier = aws.String(b.clusterName()), aws.Int32(1)
	i.StorageType, i.AllocatedStorage, i.MultiAZ = aws.String("aurora"), aws.Int32(1), aws.Bool(false)
	i.MaxAllocatedStorage, i.Iops, i.StorageThroughput, i.LatestRestorableTime = nil, nil, nil, nil
	i.MasterUserSecret, i.PendingModifiedValues = nil, &types.PendingModifiedValues{}
}

func (s *site) dbCluster(n int) (types.DBCluster, bool) {
	b := s.database(n)
	if !b.engine.clustered {
		return types.DBCluster{}, false
	}
	i, name := s.dbInstance(n), b.clusterName()
	d := b.seed.s("cluster").draw()
	item := types.DBCluster{
		DBClusterIdentifier: aws.String(name), DBClusterArn: aws.String(s.arn("rds", "cluster:"+name)), DbClusterResourceId: aws.String("cluster-" + d.upper(26)),
		Status: i.DBInstanceStatus, Engine: i.Engine, EngineVersion: i.EngineVersion, EngineMode: aws.String("provisioned"), ClusterCreateTime: aws.Time(b.created),
		DatabaseName: i.DBName, MasterUsername: i.MasterUsername, Port: i.Endpoint.Port, HostedZoneId: i.Endpoint.HostedZoneId,
		Endpoint: aws.String(s.databaseHost(name, "cluster-")), ReaderEndpoint: aws.String(s.databaseHost(name, "cluster-ro-")),
		DBClusterMembers: []types.DBClusterMember{{
			DBInstanceIdentifier: i.DBInstanceIdentifier, IsClusterWriter: aws.Bool(true), PromotionTier: i.PromotionTier, DBClusterParameterGroupStatus: aws.String("in-sync"),
		}},
		DBSubnetGroup: i.DBSubnetGroup.DBSubnetGroupName, VpcSecurityGroups: i.VpcSecurityGroups, NetworkType: i.NetworkType, MultiAZ: aws.Bool(false),
		AllocatedStorage: aws.Int32(1), StorageType: i.StorageType, StorageEncrypted: i.StorageEncrypted, KmsKeyId: i.KmsKeyId,
		BackupRetentionPeriod: i.BackupRetentionPeriod, PreferredBackupWindow: i.PreferredBackupWindow, PreferredMaintenanceWindow: i.PreferredMaintenanceWindow,
		EarliestRestorableTime: aws.Time(s.earliest(b.created, *i.BackupRetentionPeriod)), LatestRestorableTime: aws.Time(s.now.Truncate(5 * time.Minute).Add(-5 * time.Minute)),
		CopyTagsToSnapshot: aws.Bool(true), DeletionProtection: i.DeletionProtection, IAMDatabaseAuthenticationEnabled: i.IAMDatabaseAuthenticationEnabled,
		AutoMinorVersionUpgrade: i.AutoMinorVersionUpgrade, EnabledCloudwatchLogsExports: i.EnabledCloudwatchLogsExports, CrossAccountClone: aws.Bool(false),
		DBClusterParameterGroup: aws.String("default." + b.engine.name), HttpEndpointEnabled: aws.Bool(false),
		PendingModifiedValues: &types.ClusterPendingModifiedValues{}, TagList: tagList(s.o.resourceTags(s.a, b.seed.s("cluster"), "", "database"), rdsTag),
	}
	for _, subnet := range i.DBSubnetGroup.Subnets {
		item.AvailabilityZones = append(item.AvailabilityZones, *subnet.SubnetAvailabilityZone.Name)
	}
	if d.chance(10) { // AWS masks the new password itself
		item.PendingModifiedValues.MasterUserPassword = aws.String("****")
	}
	return item, true
}

// earliest is the furthest moment that backups reach back to.
func (s *site) earliest(created time.Time, days int32) time.Time {
	if at := s.now.Truncate(time.Second).AddDate(0, 0, -int(days)); at.After(created) {
		return at
	}
	return created
}

// backup is a snapshot of a database: what a night left, or what somebody made by hand.
type backup struct {
	name, kind string
	seed       seed
	at         time.Time
}

const (
	backupNights = 3
	backupsMost  = backupNights + 1
)

// backup is the kth snapshot of a database, and whether there is one.
func (s *site) backup(b database, name string, days int32, k int) (backup, bool) {
	at := b.seed.s("backup")
	d := at.draw()
	if k == backupNights {
		made := d.between(b.created, s.o.anchor)
		return backup{name + "-before-upgrade", "manual", at.s("by hand"), made}, d.chance(40)
	}
	taken, night := s.night(d, k)
	return backup{"rds:" + name + "-" + taken.Format("2006-01-02-15-04"), "automated", at.i(night), taken}, k < int(days) && !taken.Before(b.created)
}

func (s *site) dbSnapshot(n int) (types.DBSnapshot, bool) {
	b := s.database(n / backupsMost)
	if b.engine.clustered {
		return types.DBSnapshot{}, false
	}
	i := s.dbInstance(b.n)
	k, kept := s.backup(b, b.name, *i.BackupRetentionPeriod, n%backupsMost)
	return types.DBSnapshot{
		DBSnapshotIdentifier: aws.String(k.name), DBSnapshotArn: aws.String(s.arn("rds", "snapshot:"+k.name)), SnapshotType: aws.String(k.kind),
		DBInstanceIdentifier: i.DBInstanceIdentifier, DbiResourceId: i.DbiResourceId, InstanceCreateTime: i.InstanceCreateTime,
		SnapshotCreateTime: aws.Time(k.at), OriginalSnapshotCreateTime: aws.Time(k.at), SnapshotDatabaseTime: aws.Time(k.at), SnapshotTarget: aws.String("region"),
		Status: aws.String("available"), PercentProgress: aws.Int32(100), Engine: i.Engine, EngineVersion: i.EngineVersion, LicenseModel: i.LicenseModel,
		MasterUsername: i.MasterUsername, Port: i.Endpoint.Port, AvailabilityZone: i.AvailabilityZone, VpcId: i.DBSubnetGroup.VpcId,
		AllocatedStorage: i.AllocatedStorage, StorageType: i.StorageType, Iops: i.Iops, StorageThroughput: i.StorageThroughput,
		FullSnapshotSizeInBytes: aws.Int64(int64(*i.AllocatedStorage) << 29), Encrypted: i.StorageEncrypted, KmsKeyId: i.KmsKeyId,
		IAMDatabaseAuthenticationEnabled: i.IAMDatabaseAuthenticationEnabled, OptionGroupName: aws.String("default:" + b.engine.name), DedicatedLogVolume: aws.Bool(false),
		BackupRetentionPeriod: i.BackupRetentionPeriod, PreferredBackupWindow: i.PreferredBackupWindow,
		TagList: tagList(s.o.resourceTags(s.a, k.seed, "", "backup"), rdsTag),
	}, kept
}

func (s *site) dbClusterSnapshot(n int) (types.DBClusterSnapshot, bool) {
	cluster, ok := s.dbCluster(n / backupsMost)
	if !ok {
		return types.DBClusterSnapshot{}, false
	}
	b := s.database(n / backupsMost)
	k, kept := s.backup(b, b.clusterName(), *cluster.BackupRetentionPeriod, n%backupsMost)
	_, vpc := s.groupFor(databaseRole)
	return types.DBClusterSnapshot{
		DBClusterSnapshotIdentifier: aws.String(k.name), DBClusterSnapshotArn: aws.String(s.arn("rds", "cluster-snapshot:"+k.name)), SnapshotType: aws.String(k.kind),
		DBClusterIdentifier: cluster.DBClusterIdentifier, DbClusterResourceId: cluster.DbClusterResourceId, ClusterCreateTime: cluster.ClusterCreateTime,
		SnapshotCreateTime: aws.Time(k.at), Status: aws.String("available"), PercentProgress: aws.Int32(100), Engine: cluster.Engine, EngineVersion: cluster.EngineVersion,
		EngineMode: cluster.EngineMode, LicenseModel: aws.String(b.engine.license), MasterUsername: cluster.MasterUsername, Port: cluster.Port,
		AvailabilityZones: cluster.AvailabilityZones, VpcId: aws.String(s.vpcID(vpc)), AllocatedStorage: cluster.AllocatedStorage, StorageType: cluster.StorageType,
		StorageEncrypted: cluster.StorageEncrypted, KmsKeyId: cluster.KmsKeyId, IAMDatabaseAuthenticationEnabled: cluster.IAMDatabaseAuthenticationEnabled,
		BackupRetentionPeriod: cluster.BackupRetentionPeriod, PreferredBackupWindow: cluster.PreferredBackupWindow,
		TagList: tagList(s.o.resourceTags(s.a, k.seed, "", "backup"), rdsTag),
	}, kept
}

var rdsPages = limits{least: 20, most: 100}

func describeDBClusters(c *call, in *rds.DescribeDBClustersInput) (*rds.DescribeDBClustersOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.Marker, in.MaxRecords}, rdsPages, s.Databases, s.dbCluster)
	return &rds.DescribeDBClustersOutput{DBClusters: items, Marker: next}, err
}

func describeDBSnapshots(c *call, in *rds.DescribeDBSnapshotsInput) (*rds.DescribeDBSnapshotsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.Marker, in.MaxRecords}, rdsPages, s.Databases*backupsMost, s.dbSnapshot)
	return &rds.DescribeDBSnapshotsOutput{DBSnapshots: items, Marker: next}, err
}

func describeDBClusterSnapshots(c *call, in *rds.DescribeDBClusterSnapshotsInput) (*rds.DescribeDBClusterSnapshotsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.Marker, in.MaxRecords}, rdsPages, s.Databases*backupsMost, s.dbClusterSnapshot)
	return &rds.DescribeDBClusterSnapshotsOutput{DBClusterSnapshots: items, Marker: next}, err
}
