package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/connect"
	"github.com/aws/aws-sdk-go-v2/service/connect/types"
	"github.com/aws/smithy-go"
)

func connectService() service {
	return service{
		id: "Connect", name: "connect",
		dialect: restDialect.with(func(d *dialect) {
			d.throttled = Fault{"ThrottlingException", "Too Many Requests", 429}
			d.internal = Fault{"InternalServiceException", "Request processing failed because of an error or failure with the service.", 500}
			d.badToken, d.badInput = "InvalidRequestException", "InvalidParameterException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.ThrottlingException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalServiceException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidRequestException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(listConnectInstances, "MaxResults", "NextToken").taking("ds:DescribeDirectories"),
			op(listConnectTags, "ResourceArn"),
			op(listConnectUsers, "InstanceId", "MaxResults", "NextToken"),
			op(describeConnectUser, "InstanceId", "UserId"),
			op(listSecurityProfiles, "InstanceId", "MaxResults", "NextToken"),
			op(describeSecurityProfile, "InstanceId", "SecurityProfileId"),
			op(listProfilePermissions, "InstanceId", "SecurityProfileId", "MaxResults", "NextToken"),
		},
	}
}

var connectPages = limits{least: 1, most: 1000}

// callCentres is the number of instances: each product in production has a hotline.
func (s *site) callCentres() int {
	if s.a.env != "prod" || s.Functions == 0 || s.Clusters == 0 {
		return 0
	}
	return 1
}

func (s *site) connectID(n int) string { return s.at("connect", n).draw().uuid() }

func (s *site) connectARN(n int) string { return s.arn("connect", "instance/"+s.connectID(n)) }

func (s *site) connectInstance(n int) types.InstanceSummary {
	alias := s.a.prod.name + "-hotline-" + s.region
	return types.InstanceSummary{
		Id: aws.String(s.connectID(n)), Arn: aws.String(s.connectARN(n)), InstanceAlias: &alias, InstanceStatus: types.InstanceStatusActive,
		IdentityManagementType: types.DirectoryTypeSaml, InboundCallsEnabled: aws.Bool(true), OutboundCallsEnabled: aws.Bool(s.at("outbound calls", n).draw().chance(40)),
		InstanceAccessUrl: aws.String("https://" + alias + ".my.connect.aws"), CreatedTime: aws.Time(s.at("connect since", n).draw().before(s.o.anchor, 800)),
		ServiceRole: aws.String(s.o.arn("iam", "", s.a.id, "role/aws-service-role/connect.amazonaws.com/AWSServiceRoleForAmazonConnect")),
	}
}

func listConnectInstances(c *call, in *connect.ListInstancesInput) (*connect.ListInstancesOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 10}, s.callCentres(), all(s.connectInstance))
	return &connect.ListInstancesOutput{InstanceSummaryList: items, NextToken: next}, err
}

func listConnectTags(c *call, in *connect.ListTagsForResourceInput) (*connect.ListTagsForResourceOutput, error) {
	s := c.site()
	n := indexOf(s.callCentres(), func(n int) bool { return s.connectARN(n) == aws.ToString(in.ResourceArn) })
	if n < 0 {
		return nil, c.fault("ResourceNotFoundException", 404, "Resource %s not found.", aws.ToString(in.ResourceArn))
	}
	return &connect.ListTagsForResourceOutput{Tags: tagMap(s.o.resourceTags(s.a, s.at("connect", n), "", "hotline"))}, nil
}

// inCallCentre finds the instance that an operation names.
func (c *call) inCallCentre(id *string) (*site, int, error) {
	s := c.site()
	n := indexOf(s.callCentres(), func(n int) bool { return s.connectID(n) == aws.ToString(id) })
	if n < 0 {
		return nil, 0, c.fault("ResourceNotFoundException", 404, "Instance not found.")
	}
	return s, n, nil
}

// partOfCallCentre names the ith thing of a kind in an instance.
func (s *site) partOfCallCentre(instance int, kind string, i int) (at seed, id, arn *string) {
	at = s.at("connect "+kind, instance).i(i)
	name := at.draw().uuid()
	return at, &name, aws.String(s.connectARN(instance) + "/" + kind + "/" + name)
}

// Agents are few, and every fourth of them leads the others.
func (s *site) agents() int { return s.Functions }

func (s *site) connectUser(instance, i int) types.UserSummary {
	at, id, arn := s.partOfCallCentre(instance, "agent", i)
	return types.UserSummary{
		Id: id, Arn: arn, Username: aws.String(s.agent(instance, i).email()), LastModifiedRegion: aws.String(s.region),
		LastModifiedTime: aws.Time(at.s("changed").draw().before(s.o.anchor, 300)),
	}
}

func (s *site) agent(instance, i int) person {
	return s.o.person(300 + s.at("agents", instance).draw().n(300) + i)
}

func listConnectUsers(c *call, in *connect.ListUsersInput) (*connect.ListUsersOutput, error) {
	s, n, err := c.inCallCentre(in.InstanceId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, connectPages, s.agents(), all(func(i int) types.UserSummary { return s.connectUser(n, i) }))
	return &connect.ListUsersOutput{UserSummaryList: items, NextToken: next}, err
}

func describeConnectUser(c *call, in *connect.DescribeUserInput) (*connect.DescribeUserOutput, error) {
	s, n, err := c.inCallCentre(in.InstanceId)
	if err != nil {
		return nil, err
	}
	i := indexOf(s.agents(), func(i int) bool { return *s.connectUser(n, i).Id == aws.ToString(in.UserId) })
	if i < 0 {
		return nil, c.fault("ResourceNotFoundException", 404, "User not found.")
	}
	at, _, _ := s.partOfCallCentre(n, "agent", i)
	d, p, listed := at.s("settings").draw(), s.agent(n, i), s.connectUser(n, i)
	profile := agentProfile
	if i%4 == 3 {
		profile = managerProfile
	}
	_, profileID, _ := s.partOfCallCentre(n, "security-profile", profile)
	_, routing, _ := s.partOfCallCentre(n, "routing-profile", 0)
	u := &types.User{
		Id: listed.Id, Arn: listed.Arn, Username: listed.Username, LastModifiedRegion: listed.LastModifiedRegion, LastModifiedTime: listed.LastModifiedTime,
		IdentityInfo:       &types.UserIdentityInfo{FirstName: aws.String(p.given), LastName: aws.String(p.family), Email: aws.String(p.email())},
		PhoneConfig:        &types.UserPhoneConfig{PhoneType: types.PhoneTypeSoftPhone, AutoAccept: d.chance(50), AfterContactWorkTimeLimit: int32(30 * d.n(5))},
		SecurityProfileIds: []string{*profileID}, RoutingProfileId: routing, Tags: tagMap(s.o.resourceTags(s.a, at, "", "hotline")),
	}
	if d.chance(20) {
		u.PhoneConfig.PhoneType, u.PhoneConfig.DeskPhoneNumber = types.PhoneTypeDeskPhone, aws.String("+3120555"+d.digits(4))
	}
	return &connect.DescribeUserOutput{User: u}, nil
}

// Security profiles are those that an instance comes with.
const (
	agentProfile   = 1
	managerProfile = 2
)

var profiles = []struct {
	name, purpose string
	permissions   []string
}{
	{"Admin", "may do everything", []string{"Users.Create", "Users.Delete", "Users.Edit", "Users.View", "SecurityProfiles.Edit", "RoutingPolicies.Edit", "ContactFlows.Publish"}},
	{"Agent", "takes calls", []string{"BasicAgentAccess", "OutboundCallAccess"}},
	{"CallCenterManager", "watches queues and people", []string{"Users.View", "RoutingPolicies.View", "RealtimeContactMetrics", "HistoricalMetrics"}},
	{"QualityAnalyst", "listens to recordings", []string{"AccessMetrics", "ListenCallRecordings"}},
}

func (s *site) securityProfile(instance, i int) types.SecurityProfileSummary {
	_, id, arn := s.partOfCallCentre(instance, "security-profile", i)
	return types.SecurityProfileSummary{
		Id: id, Arn: arn, Name: aws.String(profiles[i].name), LastModifiedRegion: aws.String(s.region), LastModifiedTime: s.connectInstance(instance).CreatedTime,
	}
}

func listSecurityProfiles(c *call, in *connect.ListSecurityProfilesInput) (*connect.ListSecurityProfilesOutput, error) {
	s, n, err := c.inCallCentre(in.InstanceId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, connectPages, len(profiles), all(func(i int) types.SecurityProfileSummary { return s.securityProfile(n, i) }))
	return &connect.ListSecurityProfilesOutput{SecurityProfileSummaryList: items, NextToken: next}, err
}

// profileOf finds the security profile that an operation names.
func (c *call) profileOf(instance, id *string) (s *site, n, i int, err error) {
	if s, n, err = c.inCallCentre(instance); err != nil {
		return nil, 0, 0, err
	}
	i = indexOf(len(profiles), func(i int) bool { return *s.securityProfile(n, i).Id == aws.ToString(id) })
	if i < 0 {
		return nil, 0, 0, c.fault("ResourceNotFoundException", 404, "Security profile not found.")
	}
	return s, n, i, nil
}

func describeSecurityProfile(c *call, in *connect.DescribeSecurityProfileInput) (*connect.DescribeSecurityProfileOutput, error) {
	s, n, i, err := c.profileOf(in.InstanceId, in.SecurityProfileId)
	if err != nil {
		return nil, err
	}
	listed := s.securityProfile(n, i)
	return &connect.DescribeSecurityProfileOutput{SecurityProfile: &types.SecurityProfile{
		Id: listed.Id, Arn: listed.Arn, SecurityProfileName: listed.Name, Description: aws.String(profiles[i].purpose), OrganizationResourceId: aws.String(s.connectID(n)),
		LastModifiedRegion: listed.LastModifiedRegion, LastModifiedTime: listed.LastModifiedTime, Tags: map[string]string{},
	}}, nil
}

func listProfilePermissions(c *call, in *connect.ListSecurityProfilePermissionsInput) (*connect.ListSecurityProfilePermissionsOutput, error) {
	_, _, i, err := c.profileOf(in.InstanceId, in.SecurityProfileId)
	if err != nil {
		return nil, err
	}
	n, at := of(profiles[i].permissions)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, connectPages, n, at)
	return &connect.ListSecurityProfilePermissionsOutput{Permissions: items, NextToken: next}, err
}
