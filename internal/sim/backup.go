package sim

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	backupapi "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/smithy-go"
)

func backupService() service {
	return service{
		id: "Backup", name: "backup",
		dialect: restDialect.with(func(d *dialect) {
			d.internal = Fault{"ServiceUnavailableException", "The request failed due to a temporary failure of the server.", 500}
			d.badToken, d.badInput = "InvalidParameterValueException", "InvalidParameterValueException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.ServiceUnavailableException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterValueException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(listBackupVaults, "MaxResults", "NextToken"),
			op(vaultTags, "ResourceArn", "MaxResults", "NextToken"),
			op(vaultPolicy, "BackupVaultName"),
			op(listProtectedResources, "MaxResults", "NextToken"),
		},
	}
}

var backupPages = limits{least: 1, most: 1000}

// vaults are there where something is worth a backup: the one that AWS makes, and the team's own.
func (s *site) vaults() []string {
	if s.Volumes+s.Databases == 0 {
		return nil
	}
	return []string{"Default", s.a.prod.name + "-daily"}
}

func (s *site) vaultARN(name string) string { return s.arn("backup", "backup-vault:"+name) }

// locked says whether backups are kept from being deleted.
func (s *site) locked(vault string) bool {
	return vault != "Default" && s.seed.s("vault lock").draw().chance(35)
}

func (s *site) vault(name string) types.BackupVaultListMember {
	d := s.seed.s("vault").s(name).draw()
	v := types.BackupVaultListMember{
		BackupVaultName: aws.String(name), BackupVaultArn: aws.String(s.vaultARN(name)), CreationDate: aws.Time(d.before(s.o.anchor, 1200)),
		CreatorRequestId: aws.String("Default"), EncryptionKeyArn: aws.String(s.keyARN("backup")), Locked: aws.Bool(s.locked(name)),
		VaultType: types.VaultTypeBackupVault, VaultState: types.VaultStateAvailable,
	}
	if name != "Default" {
		v.CreatorRequestId = aws.String(d.uuid())
		v.NumberOfRecoveryPoints = int64(30 * len(s.protected()))
	}
	if *v.Locked {
		v.MinRetentionDays, v.MaxRetentionDays, v.LockDate = aws.Int64(7), aws.Int64(365), aws.Time(v.CreationDate.AddDate(0, 0, 3))
	}
	return v
}

func listBackupVaults(c *call, in *backupapi.ListBackupVaultsInput) (*backupapi.ListBackupVaultsOutput, error) {
	s := c.site()
	names := s.vaults()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, backupPages, len(names), all(func(i int) types.BackupVaultListMember { return s.vault(names[i]) }))
	return &backupapi.ListBackupVaultsOutput{BackupVaultList: items, NextToken: next}, err
}

func (c *call) findVault(id *string) (*site, string, error) {
	s := c.site()
	for _, name := range s.vaults() {
		if name == aws.ToString(id) || s.vaultARN(name) == aws.ToString(id) {
			return s, name, nil
		}
	}
	return nil, "", c.fault("ResourceNotFoundException", 400, "Backup vault %s cannot be found.", aws.ToString(id))
}

func vaultTags(c *call, in *backupapi.ListTagsInput) (*backupapi.ListTagsOutput, error) {
	s, name, err := c.findVault(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if name == "Default" {
		return &backupapi.ListTagsOutput{Tags: map[string]string{}}, nil
	}
	count, at := of(s.o.resourceTags(s.a, s.seed.s("vault").s(name), "", "backup"))
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, backupPages, count, at)
	return &backupapi.ListTagsOutput{Tags: tagMap(items), NextToken: next}, err
}

func vaultPolicy(c *call, in *backupapi.GetBackupVaultAccessPolicyInput) (*backupapi.GetBackupVaultAccessPolicyOutput, error) {
	s, name, err := c.findVault(in.BackupVaultName)
	if err != nil {
		return nil, err
	}
	if name == "Default" {
		return nil, c.fault("ResourceNotFoundException", 400, "Access policy for vault %s cannot be found.", name)
	}
	p := policy(statement{
		Sid: "KeepBackups", Effect: "Deny", Principal: map[string]any{"AWS": "*"}, Action: []string{"backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"}, Resource: "*",
	})
	return &backupapi.GetBackupVaultAccessPolicyOutput{BackupVaultArn: aws.String(s.vaultARN(name)), BackupVaultName: &name, Policy: aws.String(p.json())}, nil
}

// protected are the databases, and each third volume.
func (s *site) protected() []types.ProtectedResource {
	var list []types.ProtectedResource
	add := func(kind, arn, point string) {
		at := s.seed.s("protected").s(arn)
		last, day := cycle(at.draw(), s.o.anchor, s.now, 24*time.Hour)
		list = append(list, types.ProtectedResource{
			ResourceArn: aws.String(arn), ResourceType: aws.String(kind), ResourceName: aws.String(arn[strings.LastIndexAny(arn, ":/")+1:]), LastBackupTime: &last,
			LastBackupVaultArn: aws.String(s.vaultARN(s.a.prod.name + "-daily")), LastRecoveryPointArn: aws.String(strings.Replace(point, "*", at.i(day).draw().hex(17), 1)),
		})
	}
	for n := range s.Databases {
		add("RDS", s.databaseARN(n), s.arn("rds", "snapshot:awsbackup:job-*"))
	}
	for n := 0; n < s.Volumes; n += 3 {
		add("EBS", s.arn("ec2", "volume/"+s.volumeID(n)), s.o.arn("ec2", s.region, "", "snapshot/snap-*"))
	}
	return list
}

func listProtectedResources(c *call, in *backupapi.ListProtectedResourcesInput) (*backupapi.ListProtectedResourcesOutput, error) {
	n, at := of(c.site().protected())
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, backupPages, n, at)
	return &backupapi.ListProtectedResourcesOutput{Results: items, NextToken: next}, err
}
