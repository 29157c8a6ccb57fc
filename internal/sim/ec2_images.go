package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// imageOperations are those of what instances are made from.
func imageOperations() []operation {
	return []operation{
		op(describeMachineImages, "Owners", "IncludeDeprecated", "IncludeDisabled", "MaxResults", "NextToken"),
		op(describeSnapshots, "OwnerIds", "MaxResults", "NextToken"),
		op(describeKeyPairs, "IncludePublicKey"),
		op(describeLaunchTemplates, "IncludeManagedResources", "MaxResults", "NextToken"),
	}
}

// Images. The account of the platform team has those that it bakes, two editions of each kind in every region. The
// others have copies of some of their application servers.

var bakedKinds = []string{"x86_64", "arm64", "windows", "x86_64-eks", "arm64-eks"}

const (
	editions    = 2
	copiedEvery = 10 // of so many machines one has an image
	copiedFirst = 2  // an application server by machineKinds
)

func (s *site) bakedID(kind string, edition int) string {
	return "ami-0" + s.o.seed.s("image").s(s.region).s(kind).i(edition).draw().hex(16)
}

// snapshotOf is the snapshot that an image keeps its root volume in.
func (s *site) snapshotOf(image string) string {
	return "snap-0" + s.o.seed.s("snapshot of").s(image).draw().hex(16)
}

func (s *site) bakedImages() int {
	if s.a != s.o.base || !slices.Contains(s.o.regions, s.region) {
		return 0
	}
	return len(bakedKinds) * editions
}

func (s *site) imageCount() int {
	return s.bakedImages() + (s.Instances+copiedEvery-copiedFirst-1)/copiedEvery
}

// ami is what is decided about an image.
type ami struct {
	seed      seed
	id, name  string
	about     string
	arch      types.ArchitectureValues
	windows   bool
	source    string // instance that it was made from
	volume    string // that its snapshot shows
	size      int32
	encrypted bool
	created   time.Time
	disabled  bool
}

func (s *site) ami(n int) ami {
	if n < s.bakedImages() {
		return s.bakedImage(bakedKinds[n/editions], n%editions)
	}
	m := s.machine((n-s.bakedImages())*copiedEvery + copiedFirst)
	disk, at := s.disk(m.n), m.seed.s("copy")
	d := at.draw()
	return ami{
		seed: at, id: "ami-0" + d.hex(16), name: m.name + "-before-upgrade", about: "copy of " + m.name + " before the upgrade",
		arch: m.arch(), source: m.id, volume: disk.id, size: *s.volume(m.n).Size, encrypted: disk.encrypted,
		created: d.between(m.launched, s.o.anchor), disabled: d.chance(15),
	}
}

func (s *site) bakedImage(kind string, edition int) ami {
	at := s.o.seed.s("baked").s(s.region).s(kind).i(edition)
	i := ami{
		seed: at, id: s.bakedID(kind, edition), about: "baked by the platform team", arch: types.ArchitectureValuesX8664, volume: "vol-ffffffff", size: 8,
		created: at.draw().before(s.o.anchor.AddDate(0, 0, -1000*(editions-edition)), 300),
	}
	i.name = "larkfield-" + kind + "-" + i.created.Format("20060102")
	if strings.HasPrefix(kind, "arm64") {
		i.arch = types.ArchitectureValuesArm64
	}
	if kind == "windows" {
		i.windows, i.size = true, 30
	}
	return i
}

const imageTime = "2006-01-02T15:04:05.000Z"

func (s *site) ec2Image(n int) types.Image {
	i := s.ami(n)
	item := types.Image{
		ImageId: aws.String(i.id), Name: aws.String(i.name), Description: aws.String(i.about), OwnerId: aws.String(s.a.id),
		ImageLocation: aws.String(s.a.id + "/" + i.name), ImageType: types.ImageTypeValuesMachine, State: types.ImageStateAvailable, Public: aws.Bool(false),
		Architecture: i.arch, VirtualizationType: types.VirtualizationTypeHvm, Hypervisor: types.HypervisorTypeXen, EnaSupport: aws.Bool(true),
		BootMode: types.BootModeValuesUefiPreferred, ImdsSupport: types.ImdsSupportValuesV20, PlatformDetails: aws.String("Linux/UNIX"),
		UsageOperation: aws.String("RunInstances"), CreationDate: aws.String(i.created.UTC().Format(imageTime)), ImageAllowed: aws.Bool(true),
		RootDeviceName: aws.String("/dev/xvda"), RootDeviceType: types.DeviceTypeEbs, DeregistrationProtection: aws.String("disabled"),
		FreeTierEligible: aws.Bool(false), SriovNetSupport: aws.String("simple"),
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"), Ebs: &types.EbsBlockDevice{
			SnapshotId: aws.String(s.snapshotOf(i.id)), VolumeSize: aws.Int32(i.size), VolumeType: types.VolumeTypeGp3, Iops: aws.Int32(3000),
			Throughput: aws.Int32(125), Encrypted: aws.Bool(i.encrypted), DeleteOnTermination: aws.Bool(true),
		}}},
		Tags: tagList(s.o.resourceTags(s.a, i.seed, i.name, "images"), ec2Tag),
	}
	if i.windows {
		item.Platform, item.PlatformDetails, item.UsageOperation = types.PlatformValuesWindows, aws.String("Windows"), aws.String("RunInstances:0002")
	}
	if i.source != "" {
		item.SourceInstanceId = aws.String(i.source)
		item.ImdsSupport = ""
	} else {
		item.DeprecationTime = aws.String(i.created.AddDate(2, 0, 0).UTC().Format(imageTime))
	}
	if i.disabled {
		item.State = types.ImageStateDisabled
	}
	return item
}

func describeMachineImages(c *call, in *ec2.DescribeImagesInput) (*ec2.DescribeImagesOutput, error) {
	s := c.site()
	if err := c.ownedBySelf("Owners", in.Owners); err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, ec2Pages, s.imageCount(), func(n int) (types.Image, bool) {
		item := s.ec2Image(n)
		return item, item.State != types.ImageStateDisabled || aws.ToBool(in.IncludeDisabled)
	})
	return &ec2.DescribeImagesOutput{Images: items, NextToken: next}, err
}

// ownedBySelf refuses lists that would have what other companies share with the world, which is not played.
func (c *call) ownedBySelf(member string, owners []string) error {
	if len(owners) == 1 && (owners[0] == "self" || owners[0] == c.account.id) {
		return nil
	}
	return c.fault("InvalidParameterValue", 400, "Value %q for %s is not played: expected self", owners, member)
}

// Snapshots. First those of the images, then those that the nightly backup keeps of each volume.

const nightsKept = 2

// night is when the backup of a thing ran last, or so many nights before, and a number for it. It takes minutes.
func (s *site) night(d *draw, before int) (time.Time, int) {
	const day = 24 * time.Hour
	at := s.now.UTC().Truncate(day).Add(3*time.Hour + 10*time.Minute + time.Duration(d.n(20*60))*time.Second)
	if at.After(s.now.Add(-10 * time.Minute)) {
		at = at.Add(-day)
	}
	at = at.Add(-time.Duration(before) * day)
	return at, int(at.Unix() / int64(day/time.Second))
}

func (s *site) ec2Snapshot(n int) (types.Snapshot, bool) {
	if n < s.imageCount() {
		i := s.ami(n)
		about := "Copied for DestinationAmi " + i.id
		if i.source != "" {
			about = "Created by CreateImage(" + i.source + ") for " + i.id
		}
		item := s.snapshot(i.seed, i.size, i.encrypted, i.created)
		item.SnapshotId, item.VolumeId, item.Description = aws.String(s.snapshotOf(i.id)), aws.String(i.volume), aws.String(about)
		item.Tags = tagList(s.o.resourceTags(s.a, i.seed.s("snapshot"), i.name, "images"), ec2Tag)
		return item, true
	}
	n -= s.imageCount()
	disk := s.disk(n / nightsKept)
	at := disk.seed.s("backup")
	taken, night := s.night(at.draw(), n%nightsKept)
	item := s.snapshot(disk.seed, *s.volume(disk.n).Size, disk.encrypted, taken)
	item.SnapshotId, item.VolumeId = aws.String("snap-0"+at.i(night).draw().hex(16)), aws.String(disk.id)
	item.Description = aws.String("nightly backup of " + disk.id)
	item.Tags = tagList(s.o.resourceTags(s.a, at, "", "backup"), ec2Tag)
	return item, !taken.Before(disk.created)
}

// snapshot is one of a volume; all of the volume have its data key.
func (s *site) snapshot(volume seed, size int32, encrypted bool, at time.Time) types.Snapshot {
	item := types.Snapshot{
		OwnerId: aws.String(s.a.id), VolumeSize: aws.Int32(size), FullSnapshotSizeInBytes: aws.Int64(int64(size) << 29),
		StartTime: aws.Time(at), CompletionTime: aws.Time(at.Add(7 * time.Minute)), State: types.SnapshotStateCompleted, Progress: aws.String("100%"),
		StorageTier: types.StorageTierStandard, Encrypted: aws.Bool(encrypted), SseType: types.SSETypeNone,
	}
	if encrypted {
		item.SseType, item.KmsKeyId = types.SSETypeSseKms, aws.String(s.keyARN("ebs"))
		item.DataEncryptionKeyId = aws.String(volume.s("data key").draw().uuid())
	}
	return item
}

func describeSnapshots(c *call, in *ec2.DescribeSnapshotsInput) (*ec2.DescribeSnapshotsOutput, error) {
	s := c.site()
	if err := c.ownedBySelf("OwnerIds", in.OwnerIds); err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, ec2Pages, s.imageCount()+s.Volumes*nightsKept, s.ec2Snapshot)
	return &ec2.DescribeSnapshotsOutput{Snapshots: items, NextToken: next}, err
}

// keyNames are the key pairs of every site with machines.
var keyNames = []string{"ops-2021", "ops-2023", "emergency"}

func (s *site) keyPair(name string) types.KeyPairInfo {
	at := s.seed.s("key pair").s(name)
	d := at.draw()
	k := types.KeyPairInfo{
		KeyName: aws.String(name), KeyPairId: aws.String("key-0" + d.hex(16)), KeyType: types.KeyTypeRsa, CreateTime: aws.Time(d.before(s.o.anchor, 1200)),
		PublicKey: aws.String("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ" + d.alnum(334) + " " + name),
		Tags:      tagList(s.o.resourceTags(s.a, at, "", "access"), ec2Tag),
	}
	octets := make([]string, 20)
	for i := range octets {
		octets[i] = d.hex(2)
	}
	k.KeyFingerprint = aws.String(strings.Join(octets, ":"))
	return k
}

func describeKeyPairs(c *call, in *ec2.DescribeKeyPairsInput) (*ec2.DescribeKeyPairsOutput, error) {
	s, out := c.site(), &ec2.DescribeKeyPairsOutput{}
	if s.Instances == 0 {
		return out, nil
	}
	for _, name := range keyNames {
		k := s.keyPair(name)
		if !aws.ToBool(in.IncludePublicKey) {
			k.PublicKey = nil
		}
		out.KeyPairs = append(out.KeyPairs, k)
	}
	return out, nil
}

// Launch templates. First those of the product's autoscaling groups, then those that EKS keeps, one for each node group.

var templateNames = []string{"web", "worker", "batch"}

func (s *site) launchTemplates() int {
	n := s.Clusters * len(nodegroupNames)
	if s.Instances > 0 {
		n += len(templateNames)
	}
	return n
}

func (s *site) launchTemplate(n int) types.LaunchTemplate {
	at := s.at("launch template", n)
	d := at.draw()
	versions := int64(1 + d.n(30))
	item := types.LaunchTemplate{
		LaunchTemplateId: aws.String("lt-0" + d.hex(16)), CreateTime: aws.Time(d.before(s.o.anchor, 1000)),
		DefaultVersionNumber: aws.Int64(max(1, versions-int64(d.n(3)))), LatestVersionNumber: aws.Int64(versions), Operator: &types.OperatorResponse{Managed: aws.Bool(false)},
	}
	if s.Instances > 0 {
		if n < len(templateNames) {
			item.LaunchTemplateName = aws.String(s.a.prod.name + "-" + templateNames[n])
			item.CreatedBy = aws.String(s.assumed(s.a.prod.name+"-deploy", "pipeline"))
			item.Tags = tagList(s.o.resourceTags(s.a, at, *item.LaunchTemplateName, templateNames[n]), ec2Tag)
			return item
		}
		n -= len(templateNames)
	}
	item.DefaultVersionNumber = item.LatestVersionNumber
	item.LaunchTemplateName = aws.String("eks-" + d.uuid())
	item.CreatedBy = aws.String(s.assumed("AWSServiceRoleForAmazonEKSNodegroup", "EKS"))
	item.Tags = tagList([]tag{
		{"eks:cluster-name", s.clusterName(n / len(nodegroupNames))}, {"eks:nodegroup-name", nodegroupNames[n%len(nodegroupNames)]},
	}, ec2Tag)
	return item
}

// assumed is a session of a role of the account.
func (s *site) assumed(role, session string) string {
	return s.o.arn("sts", "", s.a.id, "assumed-role/"+role+"/"+session)
}

func describeLaunchTemplates(c *call, in *ec2.DescribeLaunchTemplatesInput) (*ec2.DescribeLaunchTemplatesOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 200}, s.launchTemplates(), all(s.launchTemplate))
	return &ec2.DescribeLaunchTemplatesOutput{LaunchTemplates: items, NextToken: next}, err
}
