package sim

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"
)

func cloudtrailService() service {
	return service{
		id: "CloudTrail", name: "cloudtrail",
		dialect: jsonDialect.with(func(d *dialect) {
			d.badToken, d.badInput = "InvalidNextTokenException", "InvalidMaxResultsException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.InvalidNextTokenException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidMaxResultsException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidTimeRangeException{Message: m} },
			func(m *string) smithy.APIError { return &types.TrailNotFoundException{Message: m} },
		),
		operations: []operation{
			op(describeTrails, "IncludeShadowTrails"),
			op(trailStatus, "Name"),
			op(trailSelectors, "TrailName"),
			op(trailTags, "ResourceIdList", "NextToken"),
			op(lookupEvents, "StartTime", "EndTime", "LookupAttributes", "MaxResults", "NextToken"),
		},
	}
}

// trail is what is decided about a trail: who made it, and where.
type trail struct {
	name, region string
	owner        *account
	organization bool
	stopped      bool
	seed         seed
}

// trailsOf are the trails that an account made. The organization's is that of
// the management account; here and there one from before it is left.
func (o *Organization) trailsOf(a *account) []trail {
	at := o.seed.s("trail").s(a.id)
	if a == o.management {
		return []trail{{name: "organization", region: o.regions[0], owner: a, organization: true, seed: at}}
	}
	d := at.draw()
	if a.kind != kindWorkload || !d.chance(20) {
		return nil
	}
	return []trail{{name: "management-events", region: o.regions[0], owner: a, stopped: d.chance(30), seed: at}}
}

func (o *Organization) trailARN(t trail) string {
	return o.arn("cloudtrail", t.region, t.owner.id, "trail/"+t.name)
}

// trailsSeen are the trails that a site tells of, with the shadows of trails of
// other regions, and of the organization's in its members.
func (s *site) trailsSeen(shadows bool) []trail {
	list := s.o.trailsOf(s.a)
	if s.a != s.o.management {
		list = append(list, s.o.trailsOf(s.o.management)...)
	}
	return slices.DeleteFunc(list, func(t trail) bool { return !shadows && (t.region != s.region || t.owner != s.a) })
}

func (o *Organization) trail(t trail) types.Trail {
	archive := t.owner
	if i := slices.IndexFunc(o.accounts, func(a *account) bool { return a.kind == kindLogs }); i >= 0 {
		archive = o.accounts[i]
	}
	d := t.seed.s("facts").draw()
	item := types.Trail{
		Name: aws.String(t.name), TrailARN: aws.String(o.trailARN(t)), HomeRegion: aws.String(t.region), S3BucketName: aws.String(o.bucketName(archive, logsBucket)),
		S3KeyPrefix: aws.String("cloudtrail"), IsMultiRegionTrail: aws.Bool(true), IsOrganizationTrail: aws.Bool(t.organization), IncludeGlobalServiceEvents: aws.Bool(true),
		LogFileValidationEnabled: aws.Bool(t.organization || d.chance(50)), HasCustomEventSelectors: aws.Bool(t.organization), HasInsightSelectors: aws.Bool(false),
	}
	if t.organization {
		item.KmsKeyId = aws.String(o.site(t.owner, t.region).keyARN("cloudtrail"))
	}
	return item
}

func describeTrails(c *call, in *cloudtrail.DescribeTrailsInput) (*cloudtrail.DescribeTrailsOutput, error) {
	out := &cloudtrail.DescribeTrailsOutput{TrailList: []types.Trail{}}
	for _, t := range c.site().trailsSeen(in.IncludeShadowTrails == nil || *in.IncludeShadowTrails) {
		out.TrailList = append(out.TrailList, c.o.trail(t))
	}
	return out, nil
}

// findTrail takes the name of a trail of this region, or the ARN of any.
func (c *call) findTrail(name *string) (trail, error) {
	for _, t := range c.site().trailsSeen(true) {
		if id := aws.ToString(name); id == c.o.trailARN(t) || id == t.name && t.region == c.region {
			return t, nil
		}
	}
	return trail{}, c.fault("TrailNotFoundException", 400, "Unknown trail: %s for the user: %s", aws.ToString(name), c.account.id)
}

func trailStatus(c *call, in *cloudtrail.GetTrailStatusInput) (*cloudtrail.GetTrailStatusOutput, error) {
	t, err := c.findTrail(in.Name)
	if err != nil {
		return nil, err
	}
	d := t.seed.s("status").draw()
	started := d.before(c.o.anchor, 1200)
	last := c.o.Now().Truncate(5 * time.Minute)
	out := &cloudtrail.GetTrailStatusOutput{IsLogging: aws.Bool(!t.stopped), StartLoggingTime: &started, TimeLoggingStarted: aws.String(started.Format(time.RFC3339))}
	if t.stopped {
		last = later(d.before(c.o.anchor, 300), started)
		out.StopLoggingTime, out.TimeLoggingStopped = &last, aws.String(last.Format(time.RFC3339))
	}
	out.LatestDeliveryTime, out.LatestDeliveryAttemptTime, out.LatestDeliveryAttemptSucceeded = &last, aws.String(last.Format(time.RFC3339)), aws.String(last.Format(time.RFC3339))
	return out, nil
}

func trailSelectors(c *call, in *cloudtrail.GetEventSelectorsInput) (*cloudtrail.GetEventSelectorsOutput, error) {
	t, err := c.findTrail(in.TrailName)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.GetEventSelectorsOutput{TrailARN: aws.String(c.o.trailARN(t))}
	if t.organization {
		equals := func(field, value string) types.AdvancedFieldSelector {
			return types.AdvancedFieldSelector{Field: &field, Equals: []string{value}}
		}
		out.AdvancedEventSelectors = []types.AdvancedEventSelector{
			{Name: aws.String("management"), FieldSelectors: []types.AdvancedFieldSelector{equals("eventCategory", "Management")}},
			{Name: aws.String("object writes"), FieldSelectors: []types.AdvancedFieldSelector{
				equals("eventCategory", "Data"), equals("resources.type", "AWS::S3::Object"), equals("readOnly", "false"),
			}},
		}
		return out, nil
	}
	out.EventSelectors = []types.EventSelector{{
		IncludeManagementEvents: aws.Bool(true), ReadWriteType: types.ReadWriteTypeAll, DataResources: []types.DataResource{}, ExcludeManagementEventSources: []string{},
	}}
	return out, nil
}

func trailTags(c *call, in *cloudtrail.ListTagsInput) (*cloudtrail.ListTagsOutput, error) {
	out := &cloudtrail.ListTagsOutput{}
	if len(in.ResourceIdList) > 20 {
		return nil, c.fault("InvalidParameterCombinationException", 400, "At most 20 resources can be named")
	}
	for _, arn := range in.ResourceIdList {
		t, err := c.findTrail(&arn)
		if err != nil {
			return nil, err
		}
		tags := tagList(c.o.resourceTags(t.owner, t.seed, "", "audit"), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
		out.ResourceTagList = append(out.ResourceTagList, types.ResourceTag{ResourceId: &arn, TagsList: tags})
	}
	return out, nil
}
