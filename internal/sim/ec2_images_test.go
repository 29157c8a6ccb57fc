package sim

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func ownImages(t *testing.T, client *ec2.Client, disabled bool) []types.Image {
	t.Helper()
	in := &ec2.DescribeImagesInput{Owners: []string{"self"}, IncludeDisabled: aws.Bool(disabled)}
	return must(drain(t.Context(), ec2.NewDescribeImagesPaginator(client, in), func(o *ec2.DescribeImagesOutput) []types.Image { return o.Images }))
}

func ownSnapshots(t *testing.T, client *ec2.Client) []types.Snapshot {
	t.Helper()
	in := &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}}
	return must(drain(t.Context(), ec2.NewDescribeSnapshotsPaginator(client, in), func(o *ec2.DescribeSnapshotsOutput) []types.Snapshot { return o.Snapshots }))
}

// TestImagesAndSnapshotsHold follows what images, snapshots, volumes and instances say of each other.
func TestImagesAndSnapshotsHold(t *testing.T) {
	o := New(Options{Accounts: 24, Seed: 3, PageSize: 7})
	baked, launched := map[string]bool{}, map[string]bool{}
	disabled, copies := 0, 0
	for _, a := range o.Accounts() {
		if a.State != "ACTIVE" {
			continue
		}
		for _, region := range o.regions {
			where := a.Name + " in " + region
			client := ec2.NewFromConfig(in(t, o, a.ID, region))
			inv := collect(t, o, a.ID, region, "instances", "volumes")
			ids, taken := map[string]bool{}, map[string]int{}
			for _, v := range list[ec2Volume](inv, "volumes") {
				ids[*v.VolumeId] = true
			}
			for _, i := range list[ec2Instance](inv, "instances") {
				ids[*i.InstanceId], launched[*i.ImageId] = true, true
			}
			for _, s := range ownSnapshots(t, client) {
				if taken[*s.SnapshotId]++; *s.OwnerId != a.ID || aws.ToBool(s.Encrypted) != (s.KmsKeyId != nil) || s.StartTime.After(o.Now()) {
					t.Errorf("%s: snapshot %s of %s began at %s with key %s", where, *s.SnapshotId, *s.OwnerId, s.StartTime, aws.ToString(s.KmsKeyId))
				}
				if !ids[*s.VolumeId] && *s.VolumeId != "vol-ffffffff" {
					t.Errorf("%s: snapshot %s is of %s, which is no volume", where, *s.SnapshotId, *s.VolumeId)
				}
			}
			images := ownImages(t, client, true)
			for _, i := range images {
				if snapshot := *i.BlockDeviceMappings[0].Ebs.SnapshotId; taken[snapshot] != 1 {
					t.Errorf("%s: image %s is kept in %s, which is listed %d times", where, *i.ImageId, snapshot, taken[snapshot])
				}
				if i.SourceInstanceId == nil {
					baked[*i.ImageId] = true
				} else if copies++; !ids[*i.SourceInstanceId] {
					t.Errorf("%s: image %s is of %s, which is no instance", where, *i.ImageId, *i.SourceInstanceId)
				}
			}
			shown := ownImages(t, client, false)
			disabled += len(images) - len(shown)
			if slices.ContainsFunc(shown, func(i types.Image) bool { return i.State == types.ImageStateDisabled }) {
				t.Errorf("%s: disabled images are shown unasked", where)
			}
		}
	}
	for id := range launched {
		if !baked[id] {
			t.Errorf("instances run %s, which nobody baked", id)
		}
	}
	if len(baked) == 0 || copies == 0 || disabled == 0 {
		t.Errorf("got %d baked images, %d copies and %d disabled images, want some of each", len(baked), copies, disabled)
	}
}

func TestKeyPairsAndLaunchTemplates(t *testing.T) {
	o := New(Options{Accounts: 24, Seed: 3, PageSize: 2})
	a := o.workloads[0]
	region := o.regions[0]
	client := ec2.NewFromConfig(in(t, o, a.id, region))
	known := map[string]bool{}
	for _, public := range []bool{true, false} {
		out, err := client.DescribeKeyPairs(t.Context(), &ec2.DescribeKeyPairsInput{IncludePublicKey: aws.Bool(public)})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range out.KeyPairs {
			known[*k.KeyName] = true
			if strings.HasPrefix(aws.ToString(k.PublicKey), "ssh-rsa ") != public {
				t.Errorf("key pair %s asked with IncludePublicKey %v: got public key %q", *k.KeyName, public, aws.ToString(k.PublicKey))
			}
		}
	}
	for _, i := range list[ec2Instance](collect(t, o, a.id, region, "instances"), "instances") {
		if i.KeyName != nil && !known[*i.KeyName] {
			t.Errorf("instance %s has key %s, want one of %v", *i.InstanceId, *i.KeyName, known)
		}
	}
	names := map[string]bool{}
	templates := must(drain(t.Context(), ec2.NewDescribeLaunchTemplatesPaginator(client, &ec2.DescribeLaunchTemplatesInput{}),
		func(o *ec2.DescribeLaunchTemplatesOutput) []types.LaunchTemplate { return o.LaunchTemplates }))
	for _, l := range templates {
		names[*l.LaunchTemplateName] = true
		if *l.DefaultVersionNumber < 1 || *l.DefaultVersionNumber > *l.LatestVersionNumber {
			t.Errorf("template %s: default version %d of %d", *l.LaunchTemplateName, *l.DefaultVersionNumber, *l.LatestVersionNumber)
		}
	}
	if want := len(templateNames) + len(nodegroupNames)*o.SizesOf(a.id, region).Clusters; len(templates) != want || len(names) != want {
		t.Errorf("got %d templates of %d names, want %d", len(templates), len(names), want)
	}
}

// TestOnlyOwn refuses lists that have no owner.
func TestOnlyOwn(t *testing.T) {
	o := New(Options{})
	client := ec2.NewFromConfig(in(t, o, o.workloads[0].id, o.regions[0]))
	_, images := client.DescribeImages(t.Context(), &ec2.DescribeImagesInput{})
	_, snapshots := client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"amazon"}})
	for what, err := range map[string]error{"images": images, "snapshots": snapshots} {
		if err == nil || !strings.Contains(err.Error(), "InvalidParameterValue") {
			t.Errorf("%s of others: got %v, want InvalidParameterValue", what, err)
		}
	}
}
