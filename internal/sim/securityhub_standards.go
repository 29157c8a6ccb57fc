package sim

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

var hubPages = limits{least: 1, most: 100}

// hubControl is one of Security Hub's own checks.
type hubControl struct {
	id, title string
	severity  types.SeverityLabel
}

// hubControls are those that the company's findings come from.
var hubControls = []hubControl{
	{"Config.1", "Configuration recording is on for all resources", types.SeverityLabelMedium},
	{"EC2.3", "Attached volumes are encrypted", types.SeverityLabelMedium},
	{"EC2.8", "Instances ask for a token before they answer metadata requests", types.SeverityLabelHigh},
	{"EC2.19", "Security groups keep ports with a high risk closed to the internet", types.SeverityLabelCritical},
	{"EKS.1", "Cluster endpoints are not open to the public", types.SeverityLabelHigh},
	{"IAM.3", "Access keys are changed every 90 days", types.SeverityLabelMedium},
	{"Lambda.2", "Functions use supported runtimes", types.SeverityLabelMedium},
	{"RDS.2", "Database instances are not publicly accessible", types.SeverityLabelCritical},
	{"S3.8", "Buckets block public access", types.SeverityLabelHigh},
}

// hubRequirements are what the controls help to fulfil.
var hubRequirements = []string{"NIST.800-53.r5 AC-3", "NIST.800-53.r5 SC-7"}

func (k hubControl) description() string {
	return "Checks that this holds: " + strings.ToLower(k.title[:1]) + k.title[1:] + "."
}

func (k hubControl) remediation() string {
	return "https://docs.aws.amazon.com/console/securityhub/" + k.id + "/remediation"
}

// hubStandard is a set of controls.
type hubStandard struct {
	path, name, description string
	byDefault               bool
	every                   int // it has one of so many controls
}

var hubStandards = []hubStandard{
	{"aws-foundational-security-best-practices/v/1.0.0", "AWS Foundational Security Best Practices v1.0.0", "What AWS recommends to everybody.", true, 1},
	{"cis-aws-foundations-benchmark/v/1.4.0", "CIS AWS Foundations Benchmark v1.4.0", "What the Center for Internet Security recommends for accounts.", false, 2},
	{"nist-800-53/v/5.0.0", "NIST Special Publication 800-53 Revision 5", "Controls for systems of the federal government.", false, 1},
	{"pci-dss/v/3.2.1", "PCI DSS v3.2.1", "Controls for those who handle payment cards.", false, 3},
}

// standards are the ones that the account has on: the default one everywhere, others where there is something to check.
func (s *site) standards() []hubStandard {
	return slices.DeleteFunc(slices.Clone(hubStandards), func(h hubStandard) bool {
		d := s.o.seed.s("standard").s(h.path).s(s.a.id).draw()
		return !h.byDefault && (s.Findings == 0 || !d.chance(40))
	})
}

func (s *site) standardARN(h hubStandard) string {
	return s.o.arn("securityhub", s.region, "", "standards/"+h.path)
}

func (s *site) subscriptionARN(h hubStandard) string {
	return s.arn("securityhub", "subscription/"+h.path)
}

func describeStandards(c *call, in *securityhub.DescribeStandardsInput) (*securityhub.DescribeStandardsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, hubPages, len(hubStandards), all(func(i int) types.Standard {
		h := hubStandards[i]
		return types.Standard{
			StandardsArn: aws.String(s.standardARN(h)), Name: aws.String(h.name), Description: aws.String(h.description), EnabledByDefault: aws.Bool(h.byDefault),
			StandardsManagedBy: &types.StandardsManagedBy{Company: aws.String("AWS")},
		}
	}))
	return &securityhub.DescribeStandardsOutput{Standards: items, NextToken: next}, err
}

func enabledStandards(c *call, in *securityhub.GetEnabledStandardsInput) (*securityhub.GetEnabledStandardsOutput, error) {
	s := c.site()
	standards := s.standards()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, hubPages, len(standards), all(func(i int) types.StandardsSubscription {
		h := standards[i]
		return types.StandardsSubscription{
			StandardsArn: aws.String(s.standardARN(h)), StandardsSubscriptionArn: aws.String(s.subscriptionARN(h)), StandardsInput: map[string]string{},
			StandardsStatus: types.StandardsStatusReady, StandardsControlsUpdatable: types.StandardsControlsUpdatableReadyForUpdates,
		}
	}))
	return &securityhub.GetEnabledStandardsOutput{StandardsSubscriptions: items, NextToken: next}, err
}

func standardsControls(c *call, in *securityhub.DescribeStandardsControlsInput) (*securityhub.DescribeStandardsControlsOutput, error) {
	s := c.site()
	standards := s.standards()
	n := slices.IndexFunc(standards, func(h hubStandard) bool { return s.subscriptionARN(h) == aws.ToString(in.StandardsSubscriptionArn) })
	if n < 0 {
		return nil, c.fault("ResourceNotFoundException", 404, "Subscription %s was not found", aws.ToString(in.StandardsSubscriptionArn))
	}
	h := standards[n]
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, hubPages, len(hubControls), func(i int) (types.StandardsControl, bool) {
		return s.standardsControl(h, hubControls[i]), i%h.every == 0
	})
	return &securityhub.DescribeStandardsControlsOutput{Controls: items, NextToken: next}, err
}

func (s *site) standardsControl(h hubStandard, k hubControl) types.StandardsControl {
	d := s.seed.s("control").s(h.path).s(k.id).draw()
	item := types.StandardsControl{
		StandardsControlArn: aws.String(s.arn("securityhub", "control/"+h.path+"/"+k.id)), ControlId: aws.String(k.id), Title: aws.String(k.title),
		Description: aws.String(k.description()), RemediationUrl: aws.String(k.remediation()), SeverityRating: types.SeverityRating(k.severity),
		RelatedRequirements: slices.Clone(hubRequirements), ControlStatus: types.ControlStatusEnabled, ControlStatusUpdatedAt: aws.Time(s.a.joined.AddDate(0, 0, 2)),
	}
	if d.chance(5) {
		item.ControlStatus, item.DisabledReason = types.ControlStatusDisabled, aws.String("Covered by a rule of our own.")
		item.ControlStatusUpdatedAt = aws.Time(later(d.before(s.o.anchor, 300), s.a.joined.AddDate(0, 0, 3)))
	}
	return item
}
