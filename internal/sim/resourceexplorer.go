package sim

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2"
	explorerdocument "github.com/aws/aws-sdk-go-v2/service/resourceexplorer2/document"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2/types"
	"github.com/aws/smithy-go"
)

func resourceexplorerService() service {
	return service{
		id: "Resource Explorer 2", name: "resourceexplorer2", prefix: "resource-explorer-2",
		dialect: restDialect.with(func(d *dialect) {
			d.throttled = Fault{"ThrottlingException", "Rate exceeded", 429}
		}),
		notEnabled: noExplorerView,
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalServerException{Message: m} },
			func(m *string) smithy.APIError { return &types.ThrottlingException{Message: m} },
			func(m *string) smithy.APIError { return &types.UnauthorizedException{Message: m} },
			func(m *string) smithy.APIError { return &types.ValidationException{Message: m} },
		),
		operations: []operation{
			op(listIndexes, "MaxResults", "NextToken"),
			op(listMemberIndexes, "AccountIdList", "MaxResults", "NextToken"),
			op(listViews, "MaxResults", "NextToken"),
			op(getView, "ViewArn"),
			op(listExplored, "Filters", "ViewArn", "MaxResults", "NextToken").as("resource-explorer-2:Search"),
			op(searchExplored, "QueryString", "ViewArn", "MaxResults", "NextToken"),
		},
	}
}

var noExplorerView = Fault{"UnauthorizedException", "You do not have a default view in this Region, or no permission to use it.", 401}

// explorer is how an account has set Resource Explorer up.
type explorer struct {
	indexed    []string // regions
	aggregator string   // region that gathers the others; "": none
	noDefault  bool     // no view is the default of its region
}

// explorer follows the organization's template, which the sandboxes never got. A few teams set theirs up by hand.
func (o *Organization) explorer(a *account) explorer {
	if a.kind == kindSandbox {
		return explorer{}
	}
	var e explorer
	d := o.seed.s("explorer").s(a.id).draw()
	byHand := a.kind == kindWorkload && d.chance(12)
	for _, region := range o.regions {
		if o.regionStatus(a, region).on() && (!byHand || o.activity(a, region) > empty) {
			e.indexed = append(e.indexed, region)
		}
	}
	if !byHand && slices.Contains(e.indexed, o.regions[0]) {
		e.aggregator = o.regions[0]
		e.noDefault = a.kind == kindWorkload && d.chance(8)
	}
	return e
}

func (o *Organization) index(a *account, region string) types.Index {
	i := types.Index{
		Arn:    aws.String(o.arn("resource-explorer-2", region, a.id, "index/"+o.seed.s("index").s(a.id).s(region).draw().uuid())),
		Region: aws.String(region), Type: types.IndexTypeLocal,
	}
	if region == o.explorer(a).aggregator {
		i.Type = types.IndexTypeAggregator
	}
	return i
}

func listIndexes(c *call, in *resourceexplorer2.ListIndexesInput) (*resourceexplorer2.ListIndexesOutput, error) {
	regions := c.o.explorer(c.account).indexed
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 100}, len(regions),
		all(func(i int) types.Index { return c.o.index(c.account, regions[i]) }))
	return &resourceexplorer2.ListIndexesOutput{Indexes: items, NextToken: next}, err
}

func listMemberIndexes(c *call, in *resourceexplorer2.ListIndexesForMembersInput) (*resourceexplorer2.ListIndexesForMembersOutput, error) {
	if c.account != c.o.security && c.account != c.o.management {
		return nil, c.denied(c.operation.action, "because the account administers nothing of the organization", false)
	}
	if n := len(in.AccountIdList); n == 0 || n > 10 {
		return nil, c.fault("ValidationException", 400, "Value at 'AccountIdList' failed to satisfy constraint: expected 1 to 10 accounts, got %d", n)
	}
	var indexes []types.MemberIndex
	for _, id := range in.AccountIdList {
		a, ok := c.o.byID[id]
		if !ok || !c.o.isMember(a) {
			continue
		}
		for _, region := range c.o.explorer(a).indexed {
			i := c.o.index(a, region)
			indexes = append(indexes, types.MemberIndex{AccountId: aws.String(a.id), Arn: i.Arn, Region: i.Region, Type: i.Type})
		}
	}
	n, at := of(indexes)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 10}, n, at)
	return &resourceexplorer2.ListIndexesForMembersOutput{Indexes: items, NextToken: next}, err
}

// explorerView is a view, and the rest of what the service knows of it.
type explorerView struct {
	types.View
	organization bool
	tags         map[string]string
}

const (
	allResources = "all-resources"
	organization = "organization"
)

// views are those that an account has in a region.
func (o *Organization) views(a *account, region string) []explorerView {
	if !slices.Contains(o.explorer(a).indexed, region) {
		return nil
	}
	view := func(name, filter string) explorerView {
		s := o.seed.s("view").s(a.id).s(region).s(name)
		return explorerView{
			View: types.View{
				ViewArn:  aws.String(o.arn("resource-explorer-2", region, a.id, "view/"+name+"/"+s.draw().uuid())),
				ViewName: aws.String(name), Owner: aws.String(a.id), Scope: aws.String(o.arn("iam", "", a.id, "root")),
				Filters:            &types.SearchFilter{FilterString: aws.String(filter)},
				IncludedProperties: []types.IncludedProperty{{Name: aws.String("tags")}},
				LastUpdatedAt:      aws.Time(s.draw().before(o.anchor, 700)),
			},
			tags: tagMap(o.resourceTags(a, s, "", "resource-explorer")),
		}
	}
	views := []explorerView{view(allResources, "")}
	if region != o.explorer(a).aggregator {
		return views
	}
	if a == o.security {
		v := view(organization, "")
		v.organization, v.Scope = true, aws.String(o.orgARN("organization/"+o.orgID))
		views = append(views, v)
	}
	if a.env == "prod" {
		views = append(views, view("without-owner", "-tag.key:owner"))
	}
	return views
}

func (c *call) views() []explorerView { return c.o.views(c.account, c.region) }

func listViews(c *call, in *resourceexplorer2.ListViewsInput) (*resourceexplorer2.ListViewsOutput, error) {
	views := c.views()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 50}, len(views),
		all(func(i int) string { return *views[i].ViewArn }))
	return &resourceexplorer2.ListViewsOutput{Views: items, NextToken: next}, err
}

func getView(c *call, in *resourceexplorer2.GetViewInput) (*resourceexplorer2.GetViewOutput, error) {
	v, err := c.view(in.ViewArn)
	if err != nil {
		return nil, err
	}
	return &resourceexplorer2.GetViewOutput{View: &v.View, Tags: v.tags}, nil
}

// view is the one that a call names, else the default of its region.
func (c *call) view(arn *string) (explorerView, error) {
	for _, v := range c.views() {
		named := arn != nil && *arn == *v.ViewArn
		if named || arn == nil && *v.ViewName == allResources && !c.o.explorer(c.account).noDefault {
			return v, nil
		}
	}
	f := noExplorerView
	return explorerView{}, &f
}

// exploredTypes are the names that Resource Explorer has for kinds of things.
var exploredTypes = map[string]string{
	"AWS::EC2::VPC": "ec2:vpc", "AWS::EC2::Subnet": "ec2:subnet", "AWS::EC2::SecurityGroup": "ec2:security-group",
	"AWS::EC2::Instance": "ec2:instance", "AWS::EC2::Volume": "ec2:volume", "AWS::Lambda::Function": "lambda:function",
	"AWS::RDS::DBInstance": "rds:db",
}

// explored is what a view shows, in the order of accounts and regions.
func (c *call) explored(v explorerView) []types.Resource {
	accounts := []*account{c.account}
	if v.organization {
		accounts = slices.DeleteFunc(c.o.members(), func(a *account) bool { return c.o.explorer(a).aggregator != c.region })
	}
	var resources []types.Resource
	for _, a := range accounts {
		regions := []string{c.region}
		if e := c.o.explorer(a); e.aggregator == c.region {
			regions = e.indexed
		}
		for _, region := range regions {
			resources = append(resources, c.o.exploredIn(a, region)...)
		}
	}
	return resources
}

// exploredIn is what the index of a region holds.
func (o *Organization) exploredIn(a *account, region string) []types.Resource {
	var resources []types.Resource
	add := func(kind, region, arn string, tags []tag) {
		service, _, _ := strings.Cut(kind, ":")
		reported := aws.Time(o.seed.s("explored").s(arn).draw().before(o.anchor, 2).Truncate(time.Second))
		r := types.Resource{
			Arn: aws.String(arn), OwningAccountId: aws.String(a.id), Region: aws.String(region),
			ResourceType: aws.String(kind), Service: aws.String(service), LastReportedAt: reported, Properties: []types.ResourceProperty{},
		}
		if len(tags) > 0 {
			list := tagList(tags, func(key, value *string) any { return map[string]any{"Key": *key, "Value": *value} })
			r.Properties = append(r.Properties, types.ResourceProperty{Name: aws.String("tags"), LastReportedAt: reported, Data: explorerdocument.NewLazyDocument(list)})
		}
		resources = append(resources, r)
	}
	s := o.site(a, region)
	for _, k := range s.inventory() {
		for n := range k.n {
			t := k.at(n)
			add(exploredTypes[k.name], region, t.arn, t.tags)
		}
	}
	for n := range s.Clusters {
		add("eks:cluster", region, s.clusterARN(n), nil)
	}
	for n := range s.Repositories {
		add("ecr:repository", region, s.repositoryARN(n), nil)
	}
	buckets := o.sizes(a, busy).Buckets
	for n := range buckets {
		if b := o.bucket(a, n, buckets); b.region == region {
			add("s3:bucket", region, o.arn("s3", "", "", b.name), o.bucketTags(a, b))
		}
	}
	if region == o.regions[0] { // what is global is in one index; tags of IAM are not in any
		d := o.directory(a)
		for n := range d.Roles {
			add("iam:role", "global", d.roleARN(n), nil)
		}
	}
	return resources
}

func listExplored(c *call, in *resourceexplorer2.ListResourcesInput) (*resourceexplorer2.ListResourcesOutput, error) {
	query := ""
	if in.Filters != nil {
		query = aws.ToString(in.Filters.FilterString)
	}
	v, found, err := c.showing(in.ViewArn, query)
	if err != nil {
		return nil, err
	}
	n, at := of(found)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 1000, standard: 100}, n, at)
	if aws.ToInt32(in.MaxResults) == 1000 {
		next = nil // who asks for the most gets no second page
	}
	return &resourceexplorer2.ListResourcesOutput{Resources: items, ViewArn: v.ViewArn, NextToken: next}, err
}

func searchExplored(c *call, in *resourceexplorer2.SearchInput) (*resourceexplorer2.SearchOutput, error) {
	v, found, err := c.showing(in.ViewArn, aws.ToString(in.QueryString))
	if err != nil {
		return nil, err
	}
	count := &types.ResourceCount{Complete: aws.Bool(len(found) <= 1000), TotalResources: aws.Int64(int64(min(len(found), 1000)))}
	n, at := of(found[:min(len(found), 1000)])
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 1000, standard: 100}, n, at)
	return &resourceexplorer2.SearchOutput{Resources: items, Count: count, ViewArn: v.ViewArn, NextToken: next}, err
}

// showing is what a query finds through a view.
func (c *call) showing(view *string, query string) (explorerView, []types.Resource, error) {
	v, err := c.view(view)
	if err != nil {
		return v, nil, err
	}
	found := c.explored(v)
	for term := range strings.FieldsSeq(query + " " + *v.Filters.FilterString) {
		fits, err := c.term(term)
		if err != nil {
			return v, nil, err
		}
		found = slices.DeleteFunc(found, func(r types.Resource) bool { return !fits(r) })
	}
	return v, found, nil
}

// term understands a filter, with a minus before it and an asterisk at its end. Words without a filter are not played.
func (c *call) term(term string) (func(types.Resource) bool, error) {
	term, not := strings.CutPrefix(strings.ToLower(term), "-")
	filter, value, _ := strings.Cut(term, ":")
	value, begins := strings.CutSuffix(value, "*")
	of := map[string]func(types.Resource) []string{
		"region":       func(r types.Resource) []string { return []string{*r.Region} },
		"service":      func(r types.Resource) []string { return []string{*r.Service} },
		"resourcetype": func(r types.Resource) []string { return []string{*r.ResourceType} },
		"accountid":    func(r types.Resource) []string { return []string{*r.OwningAccountId} },
		"id":           func(r types.Resource) []string { return []string{*r.Arn} },
		"tag.key":      exploredKeys,
	}[filter]
	if of == nil {
		return nil, c.fault("ValidationException", 400, "The query has a filter that is not known: %s", filter)
	}
	return func(r types.Resource) bool {
		fits := slices.ContainsFunc(of(r), func(text string) bool {
			text = strings.ToLower(text)
			return text == value || begins && strings.HasPrefix(text, value)
		})
		return fits != not
	}, nil
}

// exploredKeys are the keys of a resource's tags.
func exploredKeys(r types.Resource) (keys []string) {
	for _, p := range r.Properties {
		var tags []struct{ Key string }
		if text, err := p.Data.MarshalSmithyDocument(); err == nil && json.Unmarshal(text, &tags) == nil {
			for _, t := range tags {
				keys = append(keys, t.Key)
			}
		}
	}
	return keys
}
