// Package secretsmanager collects secrets: that they exist and how they are
// looked after. Their values are never asked for.
package secretsmanager

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"stocktake/extract"
)

var service = extract.Service[secretsmanager.Client, secretsmanager.Options]{
	Info: extract.ServiceInfo{Name: "secretsmanager", ID: secretsmanager.ServiceID},
	New:  secretsmanager.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[secretsmanager.Client, extract.Root, Secret]{
		Table: "aws_secretsmanager_secrets",
		Rows: extract.Pages(service, secretsmanager.NewListSecretsPaginator,
			extract.Always(&secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100), IncludePlannedDeletion: aws.Bool(true)}),
			func(o *secretsmanager.ListSecretsOutput) []Secret {
				return extract.Map(o.SecretList, func(s types.SecretListEntry) Secret { return Secret{SecretListEntry: s} })
			}),
		Details: details,
	}),
}

// Secret is a types.SecretListEntry with its policy.
type Secret struct {
	types.SecretListEntry
	extract.Incomplete
	ResourcePolicy *string
}

var details = []extract.Detail[secretsmanager.Client, Secret]{
	// A secret that is to be deleted keeps its policy to itself.
	{Operation: "GetResourcePolicy", Columns: []string{"resource_policy"}, Absent: []string{"InvalidRequestException", "ResourceNotFoundException"},
		Read: func(ctx context.Context, c *secretsmanager.Client, s *Secret) error {
			o, err := c.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: s.ARN})
			if err == nil {
				s.ResourcePolicy = o.ResourcePolicy
			}
			return err
		}},
}
