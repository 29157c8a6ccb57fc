package sim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fsx"
	"github.com/aws/aws-sdk-go-v2/service/fsx/types"
	"github.com/aws/smithy-go"
)

func fsxService() service {
	return service{
		id: "FSx", name: "fsx",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"InternalServerError", "A generic error occurred.", 500}
			d.badToken, d.badInput = "BadRequest", "BadRequest"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.InternalServerError{Message: m} },
			func(m *string) smithy.APIError { return &types.BadRequest{Message: m} },
		),
		operations: []operation{
			op(describeFSxFileSystems, "MaxResults", "NextToken"),
			op(describeFSxBackups, "MaxResults", "NextToken"),
			op(describeFSxVolumes, "MaxResults", "NextToken"),
		},
	}
}

var fsxPages = limits{least: 1, most: 100, clamp: true}

// File systems: one for every second database, for what does not fit into one. The first holds volumes, the next
// ones are for Windows machines and for computing.

func (s *site) fsxFileSystems() int { return (s.Databases + 1) / 2 }

// share is what is decided about a file system.
type share struct {
	n       int
	seed    seed
	id      string
	kind    types.FileSystemType
	created time.Time
	subnet  int
}

func (s *site) share(n int) share {
	f := share{n: n, seed: s.at("fsx", n)}
	d := f.seed.draw()
	f.id = "fs-0" + d.hex(16)
	f.created = d.before(s.o.anchor, 900)
	kinds := []types.FileSystemType{types.FileSystemTypeOntap, types.FileSystemTypeOpenzfs}
	if n%2 == 1 {
		kinds = []types.FileSystemType{types.FileSystemTypeWindows, types.FileSystemTypeLustre}
	}
	f.kind = pick(d, kinds)
	_, vpc := s.groupFor(databaseRole)
	f.subnet = vpc + s.VPCs*min(3, s.subnetsIn(vpc)-1) // the first one for data, where there is one
	return f
}

func (s *site) shareARN(f share) string { return s.arn("fsx", "file-system/"+f.id) }

func fsxTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

func (s *site) fsxFileSystem(n int) types.FileSystem {
	f := s.share(n)
	d := f.seed.s("facts").draw()
	item := types.FileSystem{
		FileSystemId: aws.String(f.id), ResourceARN: aws.String(s.shareARN(f)), OwnerId: aws.String(s.a.id), CreationTime: aws.Time(f.created), FileSystemType: f.kind,
		Lifecycle: types.FileSystemLifecycleAvailable, StorageCapacity: aws.Int32(int32(1024 << d.n(4))), StorageType: types.StorageTypeSsd, KmsKeyId: aws.String(s.keyARN("fsx")),
		VpcId: aws.String(s.vpcID(f.subnet % s.VPCs)), SubnetIds: []string{s.subnetID(f.subnet)}, NetworkInterfaceIds: []string{newCard(f.seed).id}, NetworkType: types.NetworkTypeIpv4,
		DNSName: aws.String(f.id + ".fsx." + s.region + "." + s.o.suffix()), Tags: tagList(s.o.resourceTags(s.a, f.seed, s.a.prod.name+"-share-"+itoa(n+1), "storage"), fsxTag),
	}
	retention, at, week := aws.Int32(int32(shareBackups(f))), aws.String("03:00"), aws.String("7:04:30")
	address := s.address(f.subnet, 200+n)
	switch f.kind {
	case types.FileSystemTypeOntap:
		item.DNSName = nil
		item.OntapConfiguration = &types.OntapFileSystemConfiguration{
			AutomaticBackupRetentionDays: retention, DailyAutomaticBackupStartTime: at, WeeklyMaintenanceStartTime: week, DeploymentType: types.OntapDeploymentTypeSingleAz1,
			DiskIopsConfiguration: &types.DiskIopsConfiguration{Mode: types.DiskIopsConfigurationModeAutomatic, Iops: aws.Int64(3072)}, HAPairs: aws.Int32(1),
			PreferredSubnetId: aws.String(s.subnetID(f.subnet)), ThroughputCapacity: aws.Int32(128), ThroughputCapacityPerHAPair: aws.Int32(128), FsxAdminPassword: aws.String("********"),
			Endpoints: &types.FileSystemEndpoints{Management: &types.FileSystemEndpoint{
				DNSName: aws.String("management." + f.id + ".fsx." + s.region + "." + s.o.suffix()), IpAddresses: []string{address},
			}},
		}
	case types.FileSystemTypeOpenzfs:
		item.OpenZFSConfiguration = &types.OpenZFSFileSystemConfiguration{
			AutomaticBackupRetentionDays: retention, DailyAutomaticBackupStartTime: at, WeeklyMaintenanceStartTime: week, DeploymentType: types.OpenZFSDeploymentTypeSingleAz2,
			DiskIopsConfiguration: &types.DiskIopsConfiguration{Mode: types.DiskIopsConfigurationModeAutomatic, Iops: aws.Int64(3072)}, CopyTagsToBackups: aws.Bool(true), CopyTagsToVolumes: aws.Bool(true),
			ThroughputCapacity: aws.Int32(160), RootVolumeId: aws.String(s.shareVolumeID(f, 0)), EndpointIpAddress: aws.String(address),
		}
	case types.FileSystemTypeWindows:
		item.WindowsConfiguration = &types.WindowsFileSystemConfiguration{
			AutomaticBackupRetentionDays: retention, DailyAutomaticBackupStartTime: at, WeeklyMaintenanceStartTime: week, DeploymentType: types.WindowsDeploymentTypeSingleAz2,
			CopyTagsToBackups: aws.Bool(true), ThroughputCapacity: aws.Int32(32), PreferredSubnetId: aws.String(s.subnetID(f.subnet)), PreferredFileServerIp: aws.String(address),
			RemoteAdministrationEndpoint: item.DNSName, MaintenanceOperationsInProgress: []types.FileSystemMaintenanceOperation{},
			AuditLogConfiguration: &types.WindowsAuditLogConfiguration{FileAccessAuditLogLevel: types.WindowsAccessAuditLogLevelDisabled, FileShareAccessAuditLogLevel: types.WindowsAccessAuditLogLevelDisabled},
			SelfManagedActiveDirectoryConfiguration: &types.SelfManagedActiveDirectoryAttributes{
				DomainName: aws.String("corp.example.com"), DnsIps: []string{"10.0.0.2", "10.0.1.2"}, FileSystemAdministratorsGroup: aws.String("Domain Admins"), UserName: aws.String("svc-fsx-join"),
			},
		}
	default:
		item.LustreConfiguration = &types.LustreFileSystemConfiguration{
			AutomaticBackupRetentionDays: retention, WeeklyMaintenanceStartTime: week, DeploymentType: types.LustreDeploymentTypePersistent2, CopyTagsToBackups: aws.Bool(true),
			DataCompressionType: types.DataCompressionTypeLz4, MountName: aws.String(d.lower(8)), PerUnitStorageThroughput: aws.Int32(125), EfaEnabled: aws.Bool(false),
			LogConfiguration: &types.LustreLogConfiguration{Level: types.LustreAccessAuditLogLevelDisabled},
		}
		item.StorageCapacity = aws.Int32(1200 << d.n(3))
		if *retention > 0 {
			item.LustreConfiguration.DailyAutomaticBackupStartTime = at
		}
	}
	return item
}

func describeFSxFileSystems(c *call, in *fsx.DescribeFileSystemsInput) (*fsx.DescribeFileSystemsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, fsxPages, s.fsxFileSystems(), all(s.fsxFileSystem))
	return &fsx.DescribeFileSystemsOutput{FileSystems: items, NextToken: next}, err
}

// Volumes: the root volume, and those that applications have.

var shareVolumes = []string{"root", "media", "archive"}

func (s *site) shareVolumeID(f share, v int) string {
	return "fsvol-0" + f.seed.s("volume").i(v).draw().hex(16)
}

func (f share) hasVolumes() bool {
	return f.kind == types.FileSystemTypeOntap || f.kind == types.FileSystemTypeOpenzfs
}

func (s *site) shareVolume(f share, v int) types.Volume {
	id := s.shareVolumeID(f, v)
	item := types.Volume{
		VolumeId: aws.String(id), ResourceARN: aws.String(s.arn("fsx", "volume/"+f.id+"/"+id)), FileSystemId: aws.String(f.id), Name: aws.String(shareVolumes[v]),
		CreationTime: aws.Time(f.created.Add(time.Duration(10+v) * time.Minute)), Tags: tagList(s.o.resourceTags(s.a, f.seed.s("volume").i(v), "", "storage"), fsxTag),
	}
	d := f.seed.s("volume facts").i(v).draw()
	if f.kind == types.FileSystemTypeOntap {
		item.VolumeType, item.Lifecycle = types.VolumeTypeOntap, types.VolumeLifecycleCreated
		size := 1 + int32(d.n(500))
		item.OntapConfiguration = &types.OntapVolumeConfiguration{
			StorageVirtualMachineId: aws.String("svm-0" + f.seed.s("virtual machine").draw().hex(16)), StorageVirtualMachineRoot: aws.Bool(v == 0), OntapVolumeType: types.OntapVolumeTypeRw,
			SizeInMegabytes: aws.Int32(size * 1024), SizeInBytes: aws.Int64(int64(size) << 30), SecurityStyle: types.SecurityStyleUnix, StorageEfficiencyEnabled: aws.Bool(v > 0),
			SnapshotPolicy: aws.String("default"), TieringPolicy: &types.TieringPolicy{Name: types.TieringPolicyNameAuto, CoolingPeriod: aws.Int32(31)}, UUID: aws.String(d.uuid()),
			VolumeStyle: types.VolumeStyleFlexvol, CopyTagsToBackups: aws.Bool(false), JunctionPath: aws.String("/" + shareVolumes[v]),
		}
		if v == 0 {
			item.OntapConfiguration.JunctionPath = aws.String("/")
		}
		return item
	}
	item.VolumeType, item.Lifecycle = types.VolumeTypeOpenzfs, types.VolumeLifecycleAvailable
	clients := "10.0.0.0/8"
	if d.chance(25) {
		clients = "*"
	}
	item.OpenZFSConfiguration = &types.OpenZFSVolumeConfiguration{
		VolumePath: aws.String("/fsx"), DataCompressionType: types.OpenZFSDataCompressionTypeZstd, ReadOnly: aws.Bool(false), RecordSizeKiB: aws.Int32(128), CopyTagsToSnapshots: aws.Bool(true),
		StorageCapacityQuotaGiB: aws.Int32(-1), StorageCapacityReservationGiB: aws.Int32(-1), UserAndGroupQuotas: []types.OpenZFSUserOrGroupQuota{},
		NfsExports: []types.OpenZFSNfsExport{{ClientConfigurations: []types.OpenZFSClientConfiguration{{Clients: aws.String(clients), Options: []string{"rw", "crossmnt"}}}}},
	}
	if v > 0 {
		item.OpenZFSConfiguration.VolumePath = aws.String("/fsx/" + shareVolumes[v])
		item.OpenZFSConfiguration.ParentVolumeId = aws.String(s.shareVolumeID(f, 0))
	}
	return item
}

func describeFSxVolumes(c *call, in *fsx.DescribeVolumesInput) (*fsx.DescribeVolumesOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, fsxPages, s.fsxFileSystems()*len(shareVolumes), func(k int) (types.Volume, bool) {
		f := s.share(k / len(shareVolumes))
		if !f.hasVolumes() {
			return types.Volume{}, false
		}
		return s.shareVolume(f, k%len(shareVolumes)), true
	})
	return &fsx.DescribeVolumesOutput{Volumes: items, NextToken: next}, err
}

// Backups: those of the last nights, of the whole file system, or of one volume of ONTAP's.

const shareNights = 3

// shareBackups is for how many days backups are kept; 0: none are made.
func shareBackups(f share) int { return pick(f.seed.s("backups").draw(), []int{0, 7, 7, 30}) }

func (s *site) fsxBackup(k int) (types.Backup, bool) {
	f := s.share(k / shareNights)
	at := f.seed.s("backup")
	taken, night := s.night(at.draw(), k%shareNights)
	if shareBackups(f) <= k%shareNights || taken.Before(f.created) {
		return types.Backup{}, false
	}
	at = at.i(night)
	d := at.draw()
	id := "backup-0" + d.hex(16)
	whole := s.fsxFileSystem(f.n)
	whole.Tags = nil
	item := types.Backup{
		BackupId: aws.String(id), ResourceARN: aws.String(s.arn("fsx", "backup/"+id)), OwnerId: aws.String(s.a.id), CreationTime: aws.Time(taken), Type: types.BackupTypeAutomatic,
		Lifecycle: types.BackupLifecycleAvailable, ProgressPercent: aws.Int32(100), KmsKeyId: whole.KmsKeyId, FileSystem: &whole, ResourceType: types.ResourceTypeFileSystem,
		SizeInBytes: aws.Int64(int64(1+d.n(800)) << 30), Tags: tagList(s.o.resourceTags(s.a, f.seed, "", "backup"), fsxTag),
	}
	if f.kind == types.FileSystemTypeOntap {
		volume := s.shareVolume(f, 1)
		volume.Tags = nil
		item.Volume, item.ResourceType = &volume, types.ResourceTypeVolume
	}
	return item, true
}

func describeFSxBackups(c *call, in *fsx.DescribeBackupsInput) (*fsx.DescribeBackupsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, fsxPages, s.fsxFileSystems()*shareNights, s.fsxBackup)
	return &fsx.DescribeBackupsOutput{Backups: items, NextToken: next}, err
}
