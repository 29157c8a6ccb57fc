// Package route53 collects DNS zones and what stands in them.
package route53

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"stocktake/extract"
)

var service = extract.Service[route53.Client, route53.Options]{
	Info: extract.ServiceInfo{Name: "route53", ID: route53.ServiceID},
	New:  route53.NewFromConfig,
}

// gone is the code of a zone that was deleted after it was listed.
var gone = []string{"NoSuchHostedZone"}

type (
	// HostedZone is a types.HostedZone with what further calls tell of it. Its Id
	// is without the path that AWS puts before it.
	HostedZone struct {
		types.HostedZone
		extract.Incomplete
		Tags               []types.Tag
		DelegationSet      *types.DelegationSet
		VPCs               []types.VPC
		DNSSECStatus       *types.DNSSECStatus
		KeySigningKeys     []types.KeySigningKey
		QueryLoggingConfig *types.QueryLoggingConfig
	}
	// RecordSet is a types.ResourceRecordSet of a zone.
	RecordSet struct {
		HostedZoneId *string
		types.ResourceRecordSet
	}
)

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[route53.Client, extract.Root, HostedZone]{
		Table: "aws_route53_hosted_zones",
		Rows: extract.Pages(service, route53.NewListHostedZonesPaginator,
			extract.Always(&route53.ListHostedZonesInput{MaxItems: aws.Int32(zonesPage)}),
			func(o *route53.ListHostedZonesOutput) []HostedZone { return extract.Map(o.HostedZones, hostedZone) }),
		Details:  details,
		Children: []extract.Branch[route53.Client, HostedZone]{recordSets},
	}).In(extract.Global),
}

const zonesPage = 100

func hostedZone(z types.HostedZone) HostedZone {
	z.Id = aws.String(strings.TrimPrefix(aws.ToString(z.Id), "/hostedzone/"))
	return HostedZone{HostedZone: z}
}

var recordSets = extract.Level[route53.Client, HostedZone, RecordSet]{
	Table: "aws_route53_record_sets",
	Gone:  gone,
	Rows: extract.Pages(service, route53.NewListResourceRecordSetsPaginator,
		func(z *HostedZone) *route53.ListResourceRecordSetsInput {
			return &route53.ListResourceRecordSetsInput{HostedZoneId: z.Id, MaxItems: aws.Int32(300)}
		},
		func(o *route53.ListResourceRecordSetsOutput) []RecordSet {
			return extract.Map(o.ResourceRecordSets, func(r types.ResourceRecordSet) RecordSet { return RecordSet{ResourceRecordSet: r} })
		}),
	Own: func(z *HostedZone, r *RecordSet) { r.HostedZoneId = z.Id },
}

var details = []extract.Detail[route53.Client, HostedZone]{
	{Operation: "ListTagsForResources", Columns: []string{"tags"}, Absent: gone, Batch: 10,
		ReadBatch: func(ctx context.Context, c *route53.Client, zones []HostedZone) error {
			o, err := c.ListTagsForResources(ctx, &route53.ListTagsForResourcesInput{
				ResourceType: types.TagResourceTypeHostedzone, ResourceIds: extract.Map(zones, func(z HostedZone) string { return aws.ToString(z.Id) }),
			})
			if err != nil {
				return err
			}
			found := map[string][]types.Tag{}
			for _, s := range o.ResourceTagSets {
				found[aws.ToString(s.ResourceId)] = s.Tags
			}
			for i := range zones {
				zones[i].Tags = found[aws.ToString(zones[i].Id)]
			}
			return nil
		}},
	{Operation: "GetHostedZone", Columns: []string{"delegation_set", "vpcs"}, Absent: gone,
		Read: func(ctx context.Context, c *route53.Client, z *HostedZone) error {
			o, err := c.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: z.Id})
			if err == nil {
				z.DelegationSet, z.VPCs = o.DelegationSet, o.VPCs
			}
			return err
		}},
	{Operation: "GetDNSSEC", Columns: []string{"dnssec_status", "key_signing_keys"}, Absent: gone,
		Read: func(ctx context.Context, c *route53.Client, z *HostedZone) error {
			if z.Config != nil && z.Config.PrivateZone {
				return nil // signs nothing, and to ask is an error
			}
			o, err := c.GetDNSSEC(ctx, &route53.GetDNSSECInput{HostedZoneId: z.Id})
			if err == nil {
				z.DNSSECStatus, z.KeySigningKeys = o.Status, o.KeySigningKeys
			}
			return err
		}},
	// A page of zones is a batch, so that the list is read once where they fit in one.
	{Operation: "ListQueryLoggingConfigs", Columns: []string{"query_logging_config"}, Batch: zonesPage,
		ReadBatch: func(ctx context.Context, c *route53.Client, zones []HostedZone) error {
			found := map[string]*types.QueryLoggingConfig{}
			pager := route53.NewListQueryLoggingConfigsPaginator(c, &route53.ListQueryLoggingConfigsInput{MaxResults: aws.Int32(100)})
			err := extract.EachPage(ctx, pager, func(o *route53.ListQueryLoggingConfigsOutput) error {
				for i := range o.QueryLoggingConfigs {
					q := &o.QueryLoggingConfigs[i]
					found[aws.ToString(q.HostedZoneId)] = q
				}
				return nil
			})
			if err != nil {
				return err
			}
			for i := range zones {
				zones[i].QueryLoggingConfig = found[aws.ToString(zones[i].Id)]
			}
			return nil
		}},
}
