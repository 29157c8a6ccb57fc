// Package kms collects keys: what they are, and never what they protect.
package kms

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"stocktake/extract"
)

var service = extract.Service[kms.Client, kms.Options]{
	Info: extract.ServiceInfo{Name: "kms", ID: kms.ServiceID},
	New:  kms.NewFromConfig,
}

const gone = "NotFoundException"

// Key is a types.KeyMetadata with its aliases, rotation and tags. Whose policy
// keeps the reader out has its ID and aliases alone.
type Key struct {
	types.KeyMetadata
	extract.Incomplete
	Tags                      []types.Tag
	Aliases                   []types.AliasListEntry
	KeyRotationEnabled        *bool
	RotationPeriodInDays      *int32
	NextRotationDate          *time.Time
	OnDemandRotationStartDate *time.Time
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[kms.Client, extract.Root, Key]{
		Table:  "aws_kms_keys",
		Asides: []extract.Aside[kms.Client, extract.Root, Key]{aliases},
		Rows: extract.Described(
			extract.Pages(service, kms.NewListKeysPaginator, extract.Always(&kms.ListKeysInput{Limit: aws.Int32(1000)}),
				func(o *kms.ListKeysOutput) []types.KeyListEntry { return o.Keys }),
			extract.DescribeEach((*kms.Client).DescribeKey,
				func(_ *extract.Root, k types.KeyListEntry) *kms.DescribeKeyInput {
					return &kms.DescribeKeyInput{KeyId: k.KeyId}
				},
				func(o *kms.DescribeKeyOutput) Key { return Key{KeyMetadata: *o.KeyMetadata} }).Gone(gone).
				Else(func(_ *extract.Root, k types.KeyListEntry) Key {
					return Key{KeyMetadata: types.KeyMetadata{KeyId: k.KeyId, Arn: k.KeyArn}}
				}, "key_id", "arn", "aliases", "tags")),
		Details: details,
	}),
}

// aliases reads those of all keys by one list: there is no call that takes
// several keys.
var aliases = extract.Aside[kms.Client, extract.Root, Key]{
	Operation: "ListAliases", Columns: []string{"aliases"},
	Read: func(ctx context.Context, c *kms.Client, _ *extract.Root) (func(*Key), error) {
		of := map[string][]types.AliasListEntry{}
		err := extract.EachPage(ctx, kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{Limit: aws.Int32(100)}), func(o *kms.ListAliasesOutput) error {
			for _, a := range o.Aliases {
				id := aws.ToString(a.TargetKeyId)
				of[id] = append(of[id], a)
			}
			return nil
		})
		return func(k *Key) { k.Aliases = append([]types.AliasListEntry{}, of[aws.ToString(k.KeyId)]...) }, err
	},
}

var details = []extract.Detail[kms.Client, Key]{
	{Operation: "ListResourceTags", Columns: []string{"tags"},
		Read: func(ctx context.Context, c *kms.Client, k *Key) error {
			tags := []types.Tag{}
			pager := kms.NewListResourceTagsPaginator(c, &kms.ListResourceTagsInput{KeyId: k.KeyId, Limit: aws.Int32(50)})
			err := extract.EachPage(ctx, pager, func(o *kms.ListResourceTagsOutput) error {
				tags = append(tags, o.Tags...)
				return nil
			})
			if err == nil {
				k.Tags = tags
			}
			return err
		}},
	{Operation: "GetKeyRotationStatus", Columns: []string{"key_rotation_enabled", "rotation_period_in_days", "next_rotation_date", "on_demand_rotation_start_date"},
		Absent: []string{"UnsupportedOperationException", "KMSInvalidStateException"}, // keys of custom stores, and half-made ones
		Read: func(ctx context.Context, c *kms.Client, k *Key) error {
			if k.KeyManager != types.KeyManagerTypeCustomer || k.KeySpec != types.KeySpecSymmetricDefault {
				return nil
			}
			o, err := c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: k.KeyId})
			if err == nil {
				k.KeyRotationEnabled, k.RotationPeriodInDays = &o.KeyRotationEnabled, o.RotationPeriodInDays
				k.NextRotationDate, k.OnDemandRotationStartDate = o.NextRotationDate, o.OnDemandRotationStartDate
			}
			return err
		}},
}
