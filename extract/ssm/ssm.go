// Package ssm collects what Systems Manager knows of the machines that its
// agent runs on. Parameters are never asked for.
package ssm

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"stocktake/extract"
)

var service = extract.Service[ssm.Client, ssm.Options]{
	Info: extract.ServiceInfo{Name: "ssm", ID: ssm.ServiceID},
	New:  ssm.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[ssm.Client, extract.Root, ManagedInstance]{
		Table: "aws_ssm_managed_instances",
		Rows: extract.Pages(service, ssm.NewDescribeInstanceInformationPaginator,
			extract.Always(&ssm.DescribeInstanceInformationInput{MaxResults: aws.Int32(50)}),
			func(o *ssm.DescribeInstanceInformationOutput) []ManagedInstance {
				return extract.Map(o.InstanceInformationList, managedInstance)
			}),
		Details: details,
	}),
}

// ManagedInstance is a types.InstanceInformation with what the last look for
// patches found.
type ManagedInstance struct {
	types.InstanceInformation
	extract.Incomplete
	Ec2InstanceId *string       // the same machine in EC2, where it is one
	Registration  *Registration // where it is not
	PatchState    *types.InstancePatchState
}

// Registration is what Systems Manager itself keeps of a machine. The tags of
// those of EC2 are unknown to it.
type Registration struct{ Tags []types.Tag }

// managedInstance tells machines of EC2 from those that were registered by
// hand, whose IDs begin with mi-.
func managedInstance(i types.InstanceInformation) ManagedInstance {
	row := ManagedInstance{InstanceInformation: i}
	if strings.HasPrefix(aws.ToString(i.InstanceId), "i-") {
		row.Ec2InstanceId = i.InstanceId
	} else {
		row.Registration = &Registration{}
	}
	return row
}

var details = []extract.Detail[ssm.Client, ManagedInstance]{
	{Operation: "DescribeInstancePatchStates", Columns: []string{"patch_state"}, Batch: 50,
		ReadBatch: func(ctx context.Context, c *ssm.Client, rows []ManagedInstance) error {
			states := map[string]*types.InstancePatchState{}
			pager := ssm.NewDescribeInstancePatchStatesPaginator(c, &ssm.DescribeInstancePatchStatesInput{
				InstanceIds: extract.Map(rows, func(r ManagedInstance) string { return aws.ToString(r.InstanceId) }), MaxResults: aws.Int32(100),
			})
			err := extract.EachPage(ctx, pager, func(o *ssm.DescribeInstancePatchStatesOutput) error {
				for i := range o.InstancePatchStates {
					states[aws.ToString(o.InstancePatchStates[i].InstanceId)] = &o.InstancePatchStates[i]
				}
				return nil
			})
			if err != nil {
				return err
			}
			for i := range rows {
				rows[i].PatchState = states[aws.ToString(rows[i].InstanceId)]
			}
			return nil
		}},
	{Operation: "ListTagsForResource", Columns: []string{"tags"}, Absent: []string{"InvalidResourceId"},
		Read: func(ctx context.Context, c *ssm.Client, r *ManagedInstance) error {
			if r.Registration == nil {
				return nil
			}
			o, err := c.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingManagedInstance, ResourceId: r.InstanceId})
			if err == nil {
				r.Registration.Tags = o.TagList
			}
			return err
		}},
}
