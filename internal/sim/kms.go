package sim

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

func kmsService() service {
	return service{
		id: "KMS", name: "kms",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"KMSInternalException", "The request failed on the server side.", 500}
			d.badToken = "InvalidMarkerException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.KMSInternalException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidMarkerException{Message: m} },
			func(m *string) smithy.APIError { return &types.NotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.UnsupportedOperationException{Message: m} },
		),
		operations: []operation{
			op(listKeys, "Limit", "Marker"),
			op(listAliases, "Limit", "Marker"),
			op(describeKey, "KeyId"),
			op(keyRotation, "KeyId"),
			op(keyTags, "KeyId", "Limit", "Marker"),
		},
	}
}

// keyPurposes are what the company encrypts by keys of its own.
var keyPurposes = []string{"ebs", "s3", "ecr", "eks", "rds", "secrets", "sns", "sqs", "dynamodb", "backup", "cloudtrail"}

// key is what is decided about a key.
type key struct {
	id, alias string // alias "": it has none
	purpose   string
	managed   bool // by AWS
	signs     bool
	dying     bool
	seed      seed
}

// inUse is a region where the account is at work.
func (s *site) inUse() bool { return s.o.activity(s.a, s.region) > empty }

func (s *site) key(purpose, alias string) key {
	arn := s.keyARN(purpose)
	return key{id: arn[strings.LastIndexByte(arn, '/')+1:], alias: "alias/" + alias, purpose: purpose, seed: s.seed.s("key facts").s(purpose)}
}

func (s *site) keys() []key {
	if !s.inUse() {
		return nil
	}
	var list []key
	for _, purpose := range keyPurposes {
		list = append(list, s.key(purpose, s.a.prod.name+"-"+purpose))
	}
	for _, service := range []string{"ebs", "rds", "s3", "sns"} {
		k := s.key("aws/"+service, "aws/"+service)
		k.managed = true
		list = append(list, k)
	}
	signing := s.key("signing", s.a.prod.name+"-signing")
	signing.signs = true
	list = append(list, signing)
	if retired := s.key("retired", ""); retired.seed.s("there").draw().chance(40) {
		retired.alias, retired.dying = "", true
		list = append(list, retired)
	}
	return list
}

func (k key) symmetric() bool { return !k.signs }

func (s *site) keyMetadata(k key) *types.KeyMetadata {
	item := &types.KeyMetadata{
		KeyId: aws.String(k.id), Arn: aws.String(s.arn("kms", "key/"+k.id)), AWSAccountId: aws.String(s.a.id), CreationDate: aws.Time(k.seed.draw().before(s.o.anchor, 1500)),
		Description: aws.String("encrypts what " + s.a.prod.name + " keeps in " + k.purpose), Enabled: true, KeyState: types.KeyStateEnabled,
		KeyManager: types.KeyManagerTypeCustomer, KeySpec: types.KeySpecSymmetricDefault, CustomerMasterKeySpec: types.CustomerMasterKeySpecSymmetricDefault,
		KeyUsage: types.KeyUsageTypeEncryptDecrypt, EncryptionAlgorithms: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault},
		MultiRegion: aws.Bool(false), Origin: types.OriginTypeAwsKms,
	}
	switch {
	case k.managed:
		item.KeyManager, item.Description = types.KeyManagerTypeAws, aws.String("Default key of "+strings.TrimPrefix(k.purpose, "aws/"))
	case k.signs:
		item.KeySpec, item.CustomerMasterKeySpec, item.KeyUsage = types.KeySpecRsa2048, types.CustomerMasterKeySpecRsa2048, types.KeyUsageTypeSignVerify
		item.EncryptionAlgorithms, item.SigningAlgorithms = nil, []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecRsassaPssSha256}
		item.Description = aws.String("signs artefacts")
	case k.dying:
		deletion, _ := cycle(k.seed.s("deletion").draw(), s.o.anchor, s.now, 30*24*time.Hour)
		item.Enabled, item.KeyState, item.DeletionDate = false, types.KeyStatePendingDeletion, aws.Time(deletion.AddDate(0, 0, 30))
	}
	return item
}

// findKey takes an ID or an ARN.
func (c *call) findKey(id *string) (*site, key, error) {
	s := c.site()
	for _, k := range s.keys() {
		if name := aws.ToString(id); name == k.id || name == s.arn("kms", "key/"+k.id) {
			return s, k, nil
		}
	}
	return nil, key{}, c.fault("NotFoundException", 400, "Key '%s' does not exist", c.arn("key/"+aws.ToString(id)))
}

func listKeys(c *call, in *kms.ListKeysInput) (*kms.ListKeysOutput, error) {
	s := c.site()
	keys := s.keys()
	items, next, err := page(c, request{in.Marker, in.Limit}, limits{least: 1, most: 1000, standard: 100}, len(keys), all(func(i int) types.KeyListEntry {
		return types.KeyListEntry{KeyId: aws.String(keys[i].id), KeyArn: aws.String(s.arn("kms", "key/"+keys[i].id))}
	}))
	return &kms.ListKeysOutput{Keys: items, NextMarker: next, Truncated: next != nil}, err
}

// listAliases has aliases of keys that AWS makes at their first use, too.
func listAliases(c *call, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	s := c.site()
	list := []types.AliasListEntry{{AliasName: aws.String("alias/aws/dynamodb"), AliasArn: aws.String(s.arn("kms", "alias/aws/dynamodb"))}}
	for _, k := range s.keys() {
		if k.alias == "" {
			continue
		}
		made := s.keyMetadata(k).CreationDate
		list = append(list, types.AliasListEntry{
			AliasName: aws.String(k.alias), AliasArn: aws.String(s.arn("kms", k.alias)), TargetKeyId: aws.String(k.id), CreationDate: made, LastUpdatedDate: made,
		})
	}
	n, at := of(list)
	items, next, err := page(c, request{in.Marker, in.Limit}, limits{least: 1, most: 100, standard: 50}, n, at)
	return &kms.ListAliasesOutput{Aliases: items, NextMarker: next, Truncated: next != nil}, err
}

func describeKey(c *call, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	s, k, err := c.findKey(in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.DescribeKeyOutput{KeyMetadata: s.keyMetadata(k)}, nil
}

func keyRotation(c *call, in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	s, k, err := c.findKey(in.KeyId)
	if err != nil {
		return nil, err
	}
	if !k.symmetric() {
		return nil, c.fault("UnsupportedOperationException", 400, "The operation is not supported for keys of this kind")
	}
	out := &kms.GetKeyRotationStatusOutput{KeyId: aws.String(s.arn("kms", "key/"+k.id))}
	if d := k.seed.s("rotation").draw(); !k.dying && (k.managed || d.chance(70)) {
		last, _ := cycle(d, s.o.anchor, s.now, 365*24*time.Hour)
		out.KeyRotationEnabled, out.RotationPeriodInDays, out.NextRotationDate = true, aws.Int32(365), aws.Time(last.AddDate(0, 0, 365))
	}
	return out, nil
}

func keyTags(c *call, in *kms.ListResourceTagsInput) (*kms.ListResourceTagsOutput, error) {
	s, k, err := c.findKey(in.KeyId)
	if err != nil {
		return nil, err
	}
	var tags []types.Tag
	if !k.managed {
		tags = tagList(s.o.resourceTags(s.a, k.seed, "", "encryption"), func(k, v *string) types.Tag { return types.Tag{TagKey: k, TagValue: v} })
	}
	n, at := of(tags)
	items, next, err := page(c, request{in.Marker, in.Limit}, limits{least: 1, most: 50}, n, at)
	return &kms.ListResourceTagsOutput{Tags: items, NextMarker: next, Truncated: next != nil}, err
}
