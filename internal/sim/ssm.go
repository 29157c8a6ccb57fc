package sim

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
)

func ssmService() service {
	return service{
		id: "SSM", name: "ssm",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"InternalServerError", "An error occurred on the server side.", 500}
			d.badToken = "InvalidNextToken"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.InternalServerError{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidNextToken{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidResourceId{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidResourceType{Message: m} },
		),
		operations: []operation{
			op(describeInstanceInformation, "MaxResults", "NextToken"),
			op(describeInstancePatchStates, "InstanceIds", "MaxResults", "NextToken"),
			op(ssmTags, "ResourceType", "ResourceId"),
		},
	}
}

// managed says whether the agent of a machine reports: its role has to let it,
// which that of Kubernetes nodes does not, and some agents are broken.
func (s *site) managed(m machine) bool {
	return m.iamRole != "" && m.role != "eks-node" && !m.seed.s("agent").draw().chance(10)
}

// hybrids are the machines in the company's own buildings that report here.
func (s *site) hybrids() int {
	if s.a.kind != kindWorkload {
		return 0
	}
	return s.Instances / 8
}

func (s *site) hybridID(n int) string { return "mi-0" + s.at("hybrid", n).draw().hex(16) }

// managedInstance is the nth machine: those of EC2, then the others.
func (s *site) managedInstance(n int) (types.InstanceInformation, bool) {
	i := types.InstanceInformation{
		AssociationStatus: aws.String("Success"), PingStatus: types.PingStatusOnline,
		AssociationOverview: &types.InstanceAggregatedAssociationOverview{
			DetailedStatus: aws.String("Success"), InstanceAssociationStatusAggregatedCount: map[string]int32{"Success": 2},
		},
	}
	if n >= s.Instances {
		n -= s.Instances
		d := s.at("hybrid", n).s("facts").draw()
		registered := d.before(s.o.anchor, 700)
		i.InstanceId, i.ResourceType, i.SourceType = aws.String(s.hybridID(n)), types.ResourceTypeManagedInstance, types.SourceTypeAwsSsmManagedinstance
		i.SourceId, i.ActivationId, i.RegistrationDate = i.InstanceId, aws.String(d.uuid()), &registered
		i.IamRole, i.Name = aws.String("service-role/AmazonEC2RunCommandRoleForManagedInstances"), aws.String(s.a.prod.name+"-on-premises-"+itoa(n+1))
		i.ComputerName, i.IPAddress = aws.String("srv"+d.digits(4)+".corp.example.com"), aws.String("192.0.2."+itoa(1+d.n(254)))
		s.reported(&i, d, d.chance(40))
		return i, true
	}
	m := s.machine(n)
	d := m.seed.s("agent facts").draw()
	address := s.address(m.subnet, m.n)
	i.InstanceId, i.ResourceType, i.SourceType, i.SourceId = &m.id, types.ResourceTypeEc2Instance, types.SourceTypeAwsEc2Instance, &m.id
	i.ComputerName, i.IPAddress = aws.String(s.privateDNS(address)), &address
	s.reported(&i, d, m.windows())
	if m.stopped {
		i.PingStatus, i.LastPingDateTime = types.PingStatusConnectionLost, aws.Time(later(d.before(s.o.anchor, 60), m.launched))
	}
	return i, s.managed(m)
}

// reported is what an agent tells of its machine.
func (s *site) reported(i *types.InstanceInformation, d *draw, windows bool) {
	i.PlatformType, i.PlatformName, i.PlatformVersion = types.PlatformTypeLinux, aws.String("Amazon Linux"), aws.String(pick(d, []string{"2023", "2023", "2"}))
	if windows {
		i.PlatformType, i.PlatformName, i.PlatformVersion = types.PlatformTypeWindows, aws.String("Microsoft Windows Server 2022 Datacenter"), aws.String("10.0.20348")
	}
	i.AgentVersion, i.IsLatestVersion = aws.String("3.3.3050.0"), aws.Bool(true)
	if d.chance(30) {
		i.AgentVersion, i.IsLatestVersion = aws.String("3.2.2303.0"), aws.Bool(false)
	}
	i.LastPingDateTime = aws.Time(s.now.Truncate(5 * time.Minute))
	i.LastAssociationExecutionDate = aws.Time(s.now.Truncate(24 * time.Hour))
	i.LastSuccessfulAssociationExecutionDate = i.LastAssociationExecutionDate
	if d.chance(6) {
		i.AssociationStatus, i.AssociationOverview.DetailedStatus = aws.String("Failed"), aws.String("Failed")
		i.AssociationOverview.InstanceAssociationStatusAggregatedCount = map[string]int32{"Success": 1, "Failed": 1}
		i.LastSuccessfulAssociationExecutionDate = aws.Time(i.LastAssociationExecutionDate.AddDate(0, 0, -9))
	}
}

func describeInstanceInformation(c *call, in *ssm.DescribeInstanceInformationInput) (*ssm.DescribeInstanceInformationOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 5, most: 50, standard: 10}, s.Instances+s.hybrids(), s.managedInstance)
	return &ssm.DescribeInstanceInformationOutput{InstanceInformationList: items, NextToken: next}, err
}

// patchState is of the weekly look for patches; a machine in five was never looked at.
func (s *site) patchState(id string) (types.InstancePatchState, bool) {
	at := s.seed.s("patches").s(id)
	d := at.draw()
	if d.chance(20) {
		return types.InstancePatchState{}, false
	}
	started, week := cycle(d, s.o.anchor, s.now, 7*24*time.Hour)
	missing := int32(max(0, at.i(week).draw().n(12)-6))
	return types.InstancePatchState{
		InstanceId: &id, BaselineId: aws.String("pb-0" + s.seed.s("patch baseline").draw().hex(16)), PatchGroup: aws.String(s.a.env),
		Operation: types.PatchOperationTypeScan, OperationStartTime: &started, OperationEndTime: aws.Time(started.Add(time.Duration(40+d.n(200)) * time.Second)),
		SnapshotId: aws.String(d.uuid()), OwnerInformation: aws.String(""), RebootOption: types.RebootOptionNoReboot,
		InstalledCount: int32(100 + d.n(300)), InstalledOtherCount: int32(d.n(40)), NotApplicableCount: int32(d.n(900)), MissingCount: missing,
		InstalledPendingRebootCount: aws.Int32(int32(d.n(2))), InstalledRejectedCount: aws.Int32(0), UnreportedNotApplicableCount: aws.Int32(0),
		CriticalNonCompliantCount: aws.Int32(missing / 4), SecurityNonCompliantCount: aws.Int32(missing / 2), OtherNonCompliantCount: aws.Int32(0),
	}, true
}

func describeInstancePatchStates(c *call, in *ssm.DescribeInstancePatchStatesInput) (*ssm.DescribeInstancePatchStatesOutput, error) {
	if len(in.InstanceIds) == 0 || len(in.InstanceIds) > 50 {
		return nil, c.fault("ValidationException", 400, "Member must have a length of 1 to 50")
	}
	s := c.site()
	var known []string
	for n := range s.Instances + s.hybrids() {
		if i, ok := s.managedInstance(n); ok && slices.Contains(in.InstanceIds, *i.InstanceId) {
			known = append(known, *i.InstanceId)
		}
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 10, most: 100}, len(known), func(i int) (types.InstancePatchState, bool) { return s.patchState(known[i]) })
	return &ssm.DescribeInstancePatchStatesOutput{InstancePatchStates: items, NextToken: next}, err
}

func ssmTags(c *call, in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	s := c.site()
	if in.ResourceType != types.ResourceTypeForTaggingManagedInstance {
		return nil, c.fault("InvalidResourceType", 400, "The resource type %s is not played", in.ResourceType)
	}
	n := indexOf(s.hybrids(), func(n int) bool { return s.hybridID(n) == aws.ToString(in.ResourceId) })
	if n < 0 {
		return nil, c.fault("InvalidResourceId", 400, "%s is not a managed instance", aws.ToString(in.ResourceId))
	}
	tags := tagList(s.o.resourceTags(s.a, s.at("hybrid", n), "", "on-premises"), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
	return &ssm.ListTagsForResourceOutput{TagList: tags}, nil
}
