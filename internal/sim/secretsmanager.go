package sim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
)

func secretsmanagerService() service {
	return service{
		id: "Secrets Manager", name: "secretsmanager",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"InternalServiceError", "An error occurred on the server side.", 500}
			d.badToken, d.badInput = "InvalidNextTokenException", "InvalidParameterException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.InternalServiceError{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidNextTokenException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidRequestException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(listSecrets, "MaxResults", "NextToken", "IncludePlannedDeletion"),
			op(secretPolicy, "SecretId"),
		},
	}
}

var secretNames = []string{"database", "payment-provider", "smtp", "jwt-signing", "partner-api", "webhook"}

func secretTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

// secrets are those that RDS keeps for databases, and those of the functions.
func (s *site) secrets() []types.SecretListEntry {
	var list []types.SecretListEntry
	for n := range s.Databases {
		item := s.dbInstance(n)
		if item.MasterUserSecret == nil {
			continue
		}
		arn := *item.MasterUserSecret.SecretArn
		e := s.secret(s.at("database secret", n), arn[len(s.arn("secretsmanager", "secret:")):], arn)
		e.OwningService, e.KmsKeyId, e.CreatedDate = aws.String("rds"), item.MasterUserSecret.KmsKeyId, item.InstanceCreateTime
		e.Tags = []types.Tag{{Key: aws.String("aws:rds:primaryDBInstanceArn"), Value: item.DBInstanceArn}, {Key: aws.String("aws:secretsmanager:owningService"), Value: e.OwningService}}
		rotated, _ := cycle(s.at("database secret", n).s("rotation").draw(), s.o.anchor, s.now, 7*24*time.Hour)
		e.RotationEnabled, e.LastRotatedDate, e.NextRotationDate = aws.Bool(true), &rotated, aws.Time(rotated.AddDate(0, 0, 7))
		e.RotationRules = &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(7)}
		list = append(list, e)
	}
	for n := range (s.Functions + 1) / 2 {
		at := s.at("secret", n)
		d := at.draw()
		name := s.a.prod.name + "/" + s.a.env + "/" + pickOf(secretNames, n)
		e := s.secret(at, name, s.arn("secretsmanager", "secret:"+name+"-"+d.alnum(6)))
		e.Description, e.Tags = aws.String("used by "+s.a.prod.name), tagList(s.o.resourceTags(s.a, at, "", "credentials"), secretTag)
		if d.chance(60) {
			e.KmsKeyId = aws.String(s.keyARN("secrets"))
		}
		if d.chance(8) {
			deleted, _ := cycle(at.s("deletion").draw(), s.o.anchor, s.now, 30*24*time.Hour)
			e.DeletedDate = &deleted
		}
		list = append(list, e)
	}
	return list
}

func (s *site) secret(at seed, name, arn string) types.SecretListEntry {
	d := at.s("facts").draw()
	created := d.before(s.o.anchor, 1200)
	changed := later(d.before(s.o.anchor, 400), created)
	return types.SecretListEntry{
		ARN: &arn, Name: &name, CreatedDate: &created, LastChangedDate: &changed, LastAccessedDate: aws.Time(s.now.Truncate(24 * time.Hour)),
		SecretVersionsToStages: map[string][]string{d.uuid(): {"AWSCURRENT"}, d.uuid(): {"AWSPREVIOUS"}},
	}
}

func listSecrets(c *call, in *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
	list := c.site().secrets()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 100}, len(list), func(i int) (types.SecretListEntry, bool) {
		return list[i], list[i].DeletedDate == nil || aws.ToBool(in.IncludePlannedDeletion)
	})
	return &secretsmanager.ListSecretsOutput{SecretList: items, NextToken: next}, err
}

func secretPolicy(c *call, in *secretsmanager.GetResourcePolicyInput) (*secretsmanager.GetResourcePolicyOutput, error) {
	s := c.site()
	for n, e := range s.secrets() {
		if id := aws.ToString(in.SecretId); id != *e.ARN && id != *e.Name {
			continue
		}
		if e.DeletedDate != nil {
			return nil, c.fault("InvalidRequestException", 400, "The secret was marked for deletion.")
		}
		out := &secretsmanager.GetResourcePolicyOutput{ARN: e.ARN, Name: e.Name}
		if s.at("secret policy", n).draw().chance(25) {
			p := policy(statement{
				Sid: "Pipeline", Effect: "Allow", Principal: map[string]any{"AWS": s.o.directory(s.a).roleARNOf("~deploy")},
				Action: "secretsmanager:DescribeSecret", Resource: "*",
			})
			out.ResourcePolicy = aws.String(p.json())
		}
		return out, nil
	}
	return nil, c.fault("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret.")
}
