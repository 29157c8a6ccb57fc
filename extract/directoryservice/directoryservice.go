// Package directoryservice collects directories: those that AWS keeps, and the
// connectors to others.
package directoryservice

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice/types"

	"stocktake/extract"
)

var service = extract.Service[directoryservice.Client, directoryservice.Options]{
	Info: extract.ServiceInfo{Name: "ds", ID: directoryservice.ServiceID},
	New:  directoryservice.NewFromConfig,
}

// Directory is a types.DirectoryDescription with its tags.
type Directory struct {
	types.DirectoryDescription
	extract.Incomplete
	Tags []types.Tag
}

// Collectors of this service. Calls name no page size: without one, pages are
// as large as the service makes them.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[directoryservice.Client, extract.Root, Directory]{
		Table: "aws_ds_directories",
		Rows: extract.Pages(service, directoryservice.NewDescribeDirectoriesPaginator, extract.Always(&directoryservice.DescribeDirectoriesInput{}),
			func(o *directoryservice.DescribeDirectoriesOutput) []Directory {
				return extract.Map(o.DirectoryDescriptions, func(d types.DirectoryDescription) Directory { return Directory{DirectoryDescription: d} })
			}),
		Details: []extract.Detail[directoryservice.Client, Directory]{
			{Operation: "ListTagsForResource", Columns: []string{"tags"},
				Read: func(ctx context.Context, c *directoryservice.Client, d *Directory) error {
					pager := directoryservice.NewListTagsForResourcePaginator(c, &directoryservice.ListTagsForResourceInput{ResourceId: d.DirectoryId})
					return extract.EachPage(ctx, pager, func(o *directoryservice.ListTagsForResourceOutput) error {
						d.Tags = append(d.Tags, o.Tags...)
						return nil
					})
				}},
		},
	}),
}
