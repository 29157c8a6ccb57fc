package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"stocktake/extract"
)

// AccountSettings are what is set for EC2 in an account and region as a whole.
type AccountSettings struct {
	ec2.GetEbsEncryptionByDefaultOutput
	extract.Incomplete
	EbsDefaultKmsKeyId        *string
	SnapshotBlockPublicAccess *SnapshotBlockPublicAccess
	ImageBlockPublicAccess    *ImageBlockPublicAccess
	InstanceMetadataDefaults  *types.InstanceMetadataDefaultsResponse
	SerialConsoleAccess       *SerialConsoleAccess
}

type (
	// SnapshotBlockPublicAccess says whether snapshots may be public.
	SnapshotBlockPublicAccess struct {
		State     types.SnapshotBlockPublicAccessState
		ManagedBy types.ManagedBy
	}
	// ImageBlockPublicAccess says whether images may be made public.
	ImageBlockPublicAccess struct {
		State     *string
		ManagedBy types.ManagedBy
	}
	// SerialConsoleAccess says whether serial consoles may be used.
	SerialConsoleAccess struct {
		Enabled   *bool
		ManagedBy types.ManagedBy
	}
)

var settings = []extract.Collector{
	extract.Tree(service, extract.Level[ec2.Client, extract.Root, AccountSettings]{
		Table: "aws_ec2_account_settings",
		Rows: extract.Once(service, (*ec2.Client).GetEbsEncryptionByDefault, extract.Always(&ec2.GetEbsEncryptionByDefaultInput{}),
			func(o *ec2.GetEbsEncryptionByDefaultOutput) []AccountSettings {
				return []AccountSettings{{GetEbsEncryptionByDefaultOutput: *o}}
			}),
		Details: []extract.Detail[ec2.Client, AccountSettings]{
			{Operation: "GetEbsDefaultKmsKeyId", Columns: []string{"ebs_default_kms_key_id"},
				Read: func(ctx context.Context, c *ec2.Client, s *AccountSettings) error {
					o, err := c.GetEbsDefaultKmsKeyId(ctx, &ec2.GetEbsDefaultKmsKeyIdInput{})
					if err == nil {
						s.EbsDefaultKmsKeyId = o.KmsKeyId
					}
					return err
				}},
			{Operation: "GetSnapshotBlockPublicAccessState", Columns: []string{"snapshot_block_public_access"},
				Read: func(ctx context.Context, c *ec2.Client, s *AccountSettings) error {
					o, err := c.GetSnapshotBlockPublicAccessState(ctx, &ec2.GetSnapshotBlockPublicAccessStateInput{})
					if err == nil {
						s.SnapshotBlockPublicAccess = &SnapshotBlockPublicAccess{State: o.State, ManagedBy: o.ManagedBy}
					}
					return err
				}},
			{Operation: "GetImageBlockPublicAccessState", Columns: []string{"image_block_public_access"},
				Read: func(ctx context.Context, c *ec2.Client, s *AccountSettings) error {
					o, err := c.GetImageBlockPublicAccessState(ctx, &ec2.GetImageBlockPublicAccessStateInput{})
					if err == nil {
						s.ImageBlockPublicAccess = &ImageBlockPublicAccess{State: o.ImageBlockPublicAccessState, ManagedBy: o.ManagedBy}
					}
					return err
				}},
			{Operation: "GetInstanceMetadataDefaults", Columns: []string{"instance_metadata_defaults"},
				Read: func(ctx context.Context, c *ec2.Client, s *AccountSettings) error {
					o, err := c.GetInstanceMetadataDefaults(ctx, &ec2.GetInstanceMetadataDefaultsInput{})
					if err == nil {
						s.InstanceMetadataDefaults = o.AccountLevel
					}
					return err
				}},
			{Operation: "GetSerialConsoleAccessStatus", Columns: []string{"serial_console_access"},
				Read: func(ctx context.Context, c *ec2.Client, s *AccountSettings) error {
					o, err := c.GetSerialConsoleAccessStatus(ctx, &ec2.GetSerialConsoleAccessStatusInput{})
					if err == nil {
						s.SerialConsoleAccess = &SerialConsoleAccess{Enabled: o.SerialConsoleAccessEnabled, ManagedBy: o.ManagedBy}
					}
					return err
				}},
		},
	}),
}
