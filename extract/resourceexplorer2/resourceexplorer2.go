// Package resourceexplorer2 collects the indexes and views of Resource Explorer,
// and the resources that it has found.
package resourceexplorer2

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2/types"

	"stocktake/extract"
)

var service = extract.Service[resourceexplorer2.Client, resourceexplorer2.Options]{
	Info: extract.ServiceInfo{Name: "resourceexplorer2", ID: resourceexplorer2.ServiceID, IAM: "resource-explorer-2", Actions: map[string][]string{
		"ListResources": {"resource-explorer-2:Search"},
	}},
	New: resourceexplorer2.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{explorer}

const (
	indexesTable   = "aws_resourceexplorer2_indexes"
	viewsTable     = "aws_resourceexplorer2_views"
	resourcesTable = "aws_resourceexplorer2_resources"
)

// View is a types.View with its tags, in the region that lists it.
type View struct {
	types.View
	extract.Incomplete
	Region string
	Tags   map[string]string

	deleted bool // since it was listed
}

// Resource is a types.Resource whose tags stand apart from its other properties,
// so that what is secret about them is removed like that of all tags.
type Resource struct {
	types.Resource
	extract.Incomplete
	Tags       map[string]string
	Properties []types.ResourceProperty // over the embedded ones, among which the tags are
}

// explorer reads all tables from one list of indexes: it says in which regions
// there are views, and where the resources of all regions are gathered.
var explorer = extract.Collector{
	Service:   service.Info,
	Scope:     extract.Global,
	AnyRegion: true,
	Tables: []extract.Table{
		extract.TableOf[types.Index](indexesTable),
		extract.TableOf[View](viewsTable).Under(indexesTable),
		extract.TableOf[Resource](resourcesTable).Under(indexesTable),
	},
	Calls: []extract.Call{
		{Operation: "ListIndexes", Table: indexesTable, Page: 100},
		{Operation: "ListViews", Table: viewsTable, Page: 50},
		{Operation: "GetView", Table: viewsTable, Per: viewsTable, Known: []string{"arn"}},
		{Operation: "ListResources", Table: resourcesTable, Page: resourcesPage},
		{Operation: "Search", Table: resourcesTable, Instead: "ListResources"},
	},
	Administrator: organization,
	Walk: func(ctx context.Context, u *extract.Unit) error {
		w := &walk{unit: u, views: map[string][]View{}}
		if len(u.Covers) > 0 {
			return newReader(u, u.AskedRegion(), &u.Param).read(ctx)
		}
		indexes, err := w.listIndexes(ctx)
		switch {
		case err != nil:
			return err
		case len(indexes) == 0:
			return extract.Off("Resource Explorer has no index in the account; turn it on in the Resource Explorer console (Quick setup), or create an index with resource-explorer-2:CreateIndex in each region to be searched")
		}
		if u.Wants(viewsTable) {
			if err := u.FailApart(ctx, viewsTable, w.emitViews(ctx, regionsOf(indexes, ""))); err != nil {
				return err
			}
		}
		if !u.Wants(resourcesTable) {
			return nil
		}
		regions := regionsOf(indexes, types.IndexTypeAggregator)
		if len(regions) == 0 {
			regions = regionsOf(indexes, "")
		}
		return u.FailApart(ctx, resourcesTable, w.resources(ctx, regions))
	},
}

// viewDetails are what the list of views does not say.
var viewDetails = []extract.Detail[resourceexplorer2.Client, View]{{
	Operation: "GetView",
	Columns:   []string{"filters", "included_properties", "last_updated_at", "owner", "scope", "tags", "view_name"},
	Absent:    []string{"ResourceNotFoundException"},
	Read: func(ctx context.Context, c *resourceexplorer2.Client, v *View) error {
		o, err := c.GetView(ctx, &resourceexplorer2.GetViewInput{ViewArn: v.ViewArn})
		switch {
		case extract.Code(err) == "ResourceNotFoundException":
			v.deleted = true
		case err == nil && o.View != nil:
			v.View, v.Tags = *o.View, o.Tags
		}
		return err
	},
}}

// walk reads an account.
type walk struct {
	unit  *extract.Unit
	views map[string][]View // by region, where they have been read
}

func (w *walk) listIndexes(ctx context.Context) ([]types.Index, error) {
	var indexes []types.Index
	pager := resourceexplorer2.NewListIndexesPaginator(service.Client(w.unit), &resourceexplorer2.ListIndexesInput{MaxResults: aws.Int32(100)})
	err := extract.EachPage(ctx, pager, func(o *resourceexplorer2.ListIndexesOutput) error {
		indexes = append(indexes, o.Indexes...)
		return extract.Emit(w.unit, indexesTable, o.Indexes)
	})
	return indexes, err
}

// regionsOf returns the regions that have an index of a type; "" is any.
func regionsOf(indexes []types.Index, of types.IndexType) []string {
	var regions []string
	for _, i := range indexes {
		if region := aws.ToString(i.Region); region != "" && (of == "" || i.Type == of) {
			regions = append(regions, region)
		}
	}
	slices.Sort(regions)
	return slices.Compact(regions)
}

// emitViews keeps the views, since one of them may be needed for the resources.
func (w *walk) emitViews(ctx context.Context, regions []string) error {
	type place struct {
		region string
		views  []View
	}
	places := extract.Map(regions, func(region string) place { return place{region: region} })
	err := extract.Parallel(ctx, places, func(ctx context.Context, p *place) (err error) {
		p.views, err = w.readViews(ctx, p.region)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range places {
		w.views[p.region] = p.views
		if err := extract.Emit(w.unit, viewsTable, p.views); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) readViews(ctx context.Context, region string) ([]View, error) {
	client := service.In(w.unit, region)
	var views []View
	pager := resourceexplorer2.NewListViewsPaginator(client, &resourceexplorer2.ListViewsInput{MaxResults: aws.Int32(50)})
	err := extract.EachPage(ctx, pager, func(o *resourceexplorer2.ListViewsOutput) error {
		views = append(views, extract.Map(o.Views, func(name string) View {
			return View{View: types.View{ViewArn: &name}, Region: region}
		})...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := w.describe(ctx, client, views); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(views, func(v View) bool { return v.deleted }), nil
}

// describe reads what the list does not say. A view whose description is refused
// is of use for its table only.
func (w *walk) describe(ctx context.Context, client *resourceexplorer2.Client, views []View) error {
	if w.unit.Wants(viewsTable) {
		return extract.Enrich(ctx, w.unit, viewsTable, views, extract.Same[View](client), viewDetails)
	}
	return extract.Parallel(ctx, views, func(ctx context.Context, v *View) error {
		err := viewDetails[0].Read(ctx, client, v)
		if w.unit.Expect(err, viewDetails[0].Absent) {
			return nil
		}
		return err
	})
}

// unfiltered returns a view of a region that leaves nothing out, "" where there
// is none: one of the account alone before one of the organization, and one that
// shows tags before one that does not.
func (w *walk) unfiltered(ctx context.Context, region string) (string, error) {
	views, read := w.views[region]
	if !read {
		var err error
		if views, err = w.readViews(ctx, region); err != nil {
			return "", err
		}
	}
	views = slices.DeleteFunc(slices.Clone(views), func(v View) bool {
		return v.Scope == nil || v.filtered()
	})
	if len(views) == 0 {
		return "", nil
	}
	slices.SortFunc(views, better)
	return aws.ToString(views[0].ViewArn), nil
}

// better orders views by how well they serve.
func better(a, b View) int {
	return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(aws.ToString(a.ViewArn), aws.ToString(b.ViewArn)))
}

// filtered reports whether the view leaves resources out.
func (v *View) filtered() bool { return v.Filters != nil && aws.ToString(v.Filters.FilterString) != "" }

func (v *View) rank() (rank int) {
	if v.ofOrganization() {
		rank += 2
	}
	if !v.showsTags() {
		rank++
	}
	return rank
}

// ofOrganization reports whether the view reaches beyond its account.
func (v *View) ofOrganization() bool {
	scope, err := arn.Parse(aws.ToString(v.Scope))
	return err == nil && scope.Service == "organizations"
}

func (v *View) showsTags() bool {
	return slices.ContainsFunc(v.IncludedProperties, func(p types.IncludedProperty) bool { return aws.ToString(p.Name) == tagsProperty })
}
