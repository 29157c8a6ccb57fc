package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// settingsOperations are those of what an account has set for a region as a whole.
func settingsOperations() []operation {
	return []operation{
		op(ebsEncryptionByDefault), op(ebsDefaultKey), op(snapshotPublicAccess), op(imagePublicAccess), op(metadataDefaults), op(serialConsoleAccess),
	}
}

// hardened tells of regions that somebody has gone through setting by setting: the busy ones, of most accounts.
func (s *site) hardened() bool {
	return s.VPCs > 0 && !s.unowned() && !s.exposed() && s.o.seed.s("hardened").s(s.a.id).draw().chance(70)
}

func ebsEncryptionByDefault(c *call, _ *ec2.GetEbsEncryptionByDefaultInput) (*ec2.GetEbsEncryptionByDefaultOutput, error) {
	s := c.site()
	out := &ec2.GetEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: aws.Bool(s.hardened()), SseType: types.SSETypeNone}
	if s.hardened() {
		out.SseType = types.SSETypeSseKms
	}
	return out, nil
}

func ebsDefaultKey(c *call, _ *ec2.GetEbsDefaultKmsKeyIdInput) (*ec2.GetEbsDefaultKmsKeyIdOutput, error) {
	out := &ec2.GetEbsDefaultKmsKeyIdOutput{KmsKeyId: aws.String("alias/aws/ebs")}
	if s := c.site(); s.hardened() {
		out.KmsKeyId = aws.String(s.keyARN("ebs"))
	}
	return out, nil
}

func snapshotPublicAccess(c *call, _ *ec2.GetSnapshotBlockPublicAccessStateInput) (*ec2.GetSnapshotBlockPublicAccessStateOutput, error) {
	out := &ec2.GetSnapshotBlockPublicAccessStateOutput{State: types.SnapshotBlockPublicAccessStateUnblocked, ManagedBy: types.ManagedByAccount}
	if c.site().hardened() {
		out.State = types.SnapshotBlockPublicAccessStateBlockAllSharing
	}
	return out, nil
}

// imagePublicAccess is blocked where an account has no public image: AWS does so for new accounts.
func imagePublicAccess(c *call, _ *ec2.GetImageBlockPublicAccessStateInput) (*ec2.GetImageBlockPublicAccessStateOutput, error) {
	state := "block-new-sharing"
	if c.site().unowned() {
		state = "unblocked"
	}
	return &ec2.GetImageBlockPublicAccessStateOutput{ImageBlockPublicAccessState: aws.String(state), ManagedBy: types.ManagedByAccount}, nil
}

func metadataDefaults(c *call, _ *ec2.GetInstanceMetadataDefaultsInput) (*ec2.GetInstanceMetadataDefaultsOutput, error) {
	defaults := &types.InstanceMetadataDefaultsResponse{ManagedBy: types.ManagedByAccount}
	if c.site().hardened() {
		defaults.HttpTokens, defaults.HttpPutResponseHopLimit = types.HttpTokensStateRequired, aws.Int32(2)
	}
	return &ec2.GetInstanceMetadataDefaultsOutput{AccountLevel: defaults}, nil
}

func serialConsoleAccess(c *call, _ *ec2.GetSerialConsoleAccessStatusInput) (*ec2.GetSerialConsoleAccessStatusOutput, error) {
	return &ec2.GetSerialConsoleAccessStatusOutput{SerialConsoleAccessEnabled: aws.Bool(c.site().unowned()), ManagedBy: types.ManagedByAccount}, nil
}
