// Package backup collects the vaults of AWS Backup and what is kept in them.
package backup

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"stocktake/extract"
)

var service = extract.Service[backup.Client, backup.Options]{
	Info: extract.ServiceInfo{Name: "backup", ID: backup.ServiceID},
	New:  backup.NewFromConfig,
}

var page = aws.Int32(1000)

// Vault is a types.BackupVaultListMember with its policy and tags.
type Vault struct {
	types.BackupVaultListMember
	extract.Incomplete
	Tags   map[string]string
	Policy *string
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[backup.Client, extract.Root, Vault]{
		Table: "aws_backup_vaults",
		Rows: extract.Pages(service, backup.NewListBackupVaultsPaginator, extract.Always(&backup.ListBackupVaultsInput{MaxResults: page}),
			func(o *backup.ListBackupVaultsOutput) []Vault {
				return extract.Map(o.BackupVaultList, func(v types.BackupVaultListMember) Vault { return Vault{BackupVaultListMember: v} })
			}),
		Details: details,
	}),
	extract.List(service, "aws_backup_protected_resources", backup.NewListProtectedResourcesPaginator,
		&backup.ListProtectedResourcesInput{MaxResults: page},
		func(o *backup.ListProtectedResourcesOutput) []types.ProtectedResource { return o.Results }),
}

var details = []extract.Detail[backup.Client, Vault]{
	{Operation: "ListTags", Columns: []string{"tags"},
		Read: func(ctx context.Context, c *backup.Client, v *Vault) error {
			tags := map[string]string{}
			pager := backup.NewListTagsPaginator(c, &backup.ListTagsInput{ResourceArn: v.BackupVaultArn, MaxResults: page})
			err := extract.EachPage(ctx, pager, func(o *backup.ListTagsOutput) error {
				maps.Copy(tags, o.Tags)
				return nil
			})
			if err == nil {
				v.Tags = tags
			}
			return err
		}},
	{Operation: "GetBackupVaultAccessPolicy", Columns: []string{"policy"}, Absent: []string{"ResourceNotFoundException"},
		Read: func(ctx context.Context, c *backup.Client, v *Vault) error {
			o, err := c.GetBackupVaultAccessPolicy(ctx, &backup.GetBackupVaultAccessPolicyInput{BackupVaultName: v.BackupVaultName})
			if err == nil {
				v.Policy = o.Policy
			}
			return err
		}},
}
