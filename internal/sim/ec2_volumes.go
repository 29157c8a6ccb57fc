package sim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Volumes. The first ones are the root volumes of the instances of the same number; of the rest two thirds are
// data volumes, dealt out to the instances in turn, and the others are attached to nothing.

// disk is what is decided about a volume.
type disk struct {
	n         int
	seed      seed
	id        string
	root      bool
	device    string
	machine   int // -1: attached to none
	encrypted bool
	created   time.Time
}

func (s *site) dataVolumes() int {
	if s.Instances == 0 {
		return 0
	}
	return (s.Volumes - s.Instances) * 2 / 3
}

func (s *site) disk(n int) disk {
	v := disk{n: n, seed: s.at("volume", n), machine: -1}
	switch extra := n - s.Instances; {
	case n < s.Instances:
		v.machine, v.root, v.device = n, true, "/dev/xvda"
	case extra < s.dataVolumes():
		v.machine, v.device = extra%s.Instances, "/dev/sd"+string(rune('f'+extra/s.Instances%11))
	}
	v.created = v.seed.draw().before(s.o.anchor, 900)
	if v.machine >= 0 {
		m := s.machine(v.machine)
		v.created = m.launched
		if v.root {
			v.seed = m.seed.s("root volume")
		}
	}
	d := v.seed.draw()
	v.id = "vol-0" + d.hex(16)
	unprotected := 3
	if s.a.env == "dev" || s.a.env == "sandbox" {
		unprotected = 25
	}
	v.encrypted = !d.chance(unprotected)
	if s.exposed() && n%4 == 1 {
		v.encrypted = false
	}
	return v
}

// disksOf lists the volumes of a machine, the root volume first.
func (s *site) disksOf(m machine) []disk {
	disks := []disk{s.disk(m.n)}
	for n := m.n; n < s.dataVolumes(); n += s.Instances {
		disks = append(disks, s.disk(s.Instances+n))
	}
	return disks
}

func (s *site) volumeID(n int) string { return s.disk(n).id }

func (s *site) volume(n int) types.Volume {
	disk := s.disk(n)
	d := disk.seed.s("facts").draw()
	v := types.Volume{
		VolumeId: aws.String(disk.id), VolumeArn: aws.String(s.arn("ec2", "volume/"+disk.id)), OwnerId: aws.String(s.a.id),
		CreateTime: aws.Time(disk.created), Encrypted: aws.Bool(disk.encrypted), MultiAttachEnabled: aws.Bool(false),
		Size: aws.Int32(int32(8 << d.n(7))), VolumeType: types.VolumeTypeGp3, Iops: aws.Int32(3000), Throughput: aws.Int32(125),
		State: types.VolumeStateAvailable, SnapshotId: aws.String(""), Attachments: []types.VolumeAttachment{},
		Tags: tagList(s.o.resourceTags(s.a, disk.seed, s.a.prod.name+"-volume-"+itoa(n+1), "storage"), ec2Tag),
	}
	if d.chance(25) {
		v.VolumeType, v.Throughput = types.VolumeTypeGp2, nil
		v.Iops = aws.Int32(max(100, *v.Size*3))
	}
	if disk.encrypted {
		v.KmsKeyId, v.SseType = aws.String(s.keyARN("ebs")), types.SSETypeSseKms
	}
	zone := d.n(max(1, min(3, s.Subnets)))
	if disk.machine >= 0 {
		m := s.machine(disk.machine)
		v.State = types.VolumeStateInUse
		v.Attachments = []types.VolumeAttachment{{
			VolumeId: v.VolumeId, InstanceId: aws.String(m.id), Device: aws.String(disk.device), AttachTime: aws.Time(m.launched),
			DeleteOnTermination: aws.Bool(disk.root), State: types.VolumeAttachmentStateAttached,
		}}
		zone = s.slot(m.subnet) % 3
		if disk.root {
			v.SnapshotId = aws.String(s.snapshotOf(s.imageID(m)))
		}
	}
	v.AvailabilityZone = aws.String(s.region + string(rune('a'+zone)))
	v.AvailabilityZoneId = aws.String(zoneIDPrefix(s.region) + "-az" + itoa(zone+1))
	return v
}

// keyARN is the key that an account uses for one purpose in a region.
func (s *site) keyARN(purpose string) string {
	return s.arn("kms", "key/"+s.seed.s("key").s(purpose).draw().uuid())
}

func describeVolumes(c *call, in *ec2.DescribeVolumesInput) (*ec2.DescribeVolumesOutput, error) {
	s := c.site()
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, s.Volumes, in.VolumeIds, "InvalidVolume.NotFound", s.volumeID, s.volume)
	return &ec2.DescribeVolumesOutput{Volumes: items, NextToken: next}, err
}
