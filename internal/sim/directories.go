package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
	"github.com/aws/smithy-go"
)

func directoryService() service {
	return service{
		id: "Directory Service", name: "directoryservice", prefix: "ds",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"ServiceException", "An exception has occurred in AWS Directory Service.", 500}
			d.badToken, d.badInput = "InvalidNextTokenException", "InvalidParameterException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.ServiceException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidNextTokenException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterException{Message: m} },
			func(m *string) smithy.APIError { return &types.EntityDoesNotExistException{Message: m} },
		),
		operations: []operation{
			op(describeDirectories, "DirectoryIds", "Limit", "NextToken"),
			op(listDirectoryTags, "ResourceId", "Limit", "NextToken"),
		},
	}
}

var directoryPages = limits{least: 0, most: 1000, page: 100}

// directories is the number of directories: the shared account keeps the
// company's own, and one production account after another connects to it.
func (s *site) directories() int {
	if s.Subnets < 2 || s.a.kind != kindShared && (s.a.env != "prod" || s.Databases == 0) {
		return 0
	}
	return 1
}

func (s *site) adDirectoryID(n int) string { return "d-" + s.at("directory", n).draw().hex(10) }

func (s *site) adDirectory(n int) types.DirectoryDescription {
	at := s.at("directory facts", n)
	d := at.draw()
	since := d.before(s.o.anchor, 1200)
	group, vpc := s.groupFor(nodesRole)
	first, second := vpc, vpc+s.VPCs
	if second >= s.Subnets {
		second = first
	}
	subnets, zones, addresses := []string{s.subnetID(first), s.subnetID(second)}, []string{s.zone(first), s.zone(second)}, []string{s.address(first, 10), s.address(second, 11)}
	item := types.DirectoryDescription{
		DirectoryId: aws.String(s.adDirectoryID(n)), Name: aws.String("corp.example.com"), ShortName: aws.String("CORP"), Alias: aws.String(s.adDirectoryID(n)),
		AccessUrl: aws.String(s.adDirectoryID(n) + ".awsapps.com"), Type: types.DirectoryTypeAdConnector, Size: types.DirectorySizeSmall,
		Stage: types.DirectoryStageActive, LaunchTime: &since, StageLastUpdatedDateTime: &since, DnsIpAddrs: addresses, NetworkType: types.NetworkTypeIpv4Only,
		DesiredNumberOfDomainControllers: aws.Int32(0),
	}
	if s.a.kind == kindShared {
		item.Type, item.Size, item.Edition, item.OsVersion = types.DirectoryTypeMicrosoftAd, "", types.DirectoryEditionEnterprise, types.OSVersionVersion2019
		item.DesiredNumberOfDomainControllers, item.SsoEnabled = aws.Int32(2), true
		item.VpcSettings = &types.DirectoryVpcSettingsDescription{VpcId: aws.String(s.vpcID(vpc)), SubnetIds: subnets, AvailabilityZones: zones, SecurityGroupId: aws.String(s.groupID(group))}
		item.RegionsInfo = &types.RegionsInfo{PrimaryRegion: aws.String(s.region), AdditionalRegions: []string{}}
		item.RadiusStatus = types.RadiusStatusCompleted
		item.RadiusSettings = &types.RadiusSettings{
			RadiusServers: addresses, RadiusPort: aws.Int32(1812), RadiusTimeout: aws.Int32(5), RadiusRetries: 3, DisplayLabel: aws.String("Authenticator"),
			AuthenticationProtocol: types.RadiusAuthenticationProtocolMschapv2, UseSameUsername: true, SharedSecret: aws.String(s.o.canary(d.n(canaries))),
		}
		return item
	}
	item.ConnectSettings = &types.DirectoryConnectSettingsDescription{
		VpcId: aws.String(s.vpcID(vpc)), SubnetIds: subnets, AvailabilityZones: zones, SecurityGroupId: aws.String(s.groupID(group)),
		ConnectIps: addresses, CustomerUserName: aws.String("svc-ad-connector"),
	}
	return item
}

func describeDirectories(c *call, in *directoryservice.DescribeDirectoriesInput) (*directoryservice.DescribeDirectoriesOutput, error) {
	s := c.site()
	for _, id := range in.DirectoryIds {
		if _, err := c.findDirectory(s, id); err != nil {
			return nil, err
		}
	}
	items, next, err := page(c, request{in.NextToken, in.Limit}, directoryPages, s.directories(), func(n int) (types.DirectoryDescription, bool) {
		return s.adDirectory(n), len(in.DirectoryIds) == 0 || indexOf(len(in.DirectoryIds), func(i int) bool { return in.DirectoryIds[i] == s.adDirectoryID(n) }) >= 0
	})
	return &directoryservice.DescribeDirectoriesOutput{DirectoryDescriptions: items, NextToken: next}, err
}

func (c *call) findDirectory(s *site, id string) (int, error) {
	n := indexOf(s.directories(), func(n int) bool { return s.adDirectoryID(n) == id })
	if n < 0 {
		return 0, c.fault("EntityDoesNotExistException", 400, "Directory %s does not exist", id)
	}
	return n, nil
}

func listDirectoryTags(c *call, in *directoryservice.ListTagsForResourceInput) (*directoryservice.ListTagsForResourceOutput, error) {
	s := c.site()
	i, err := c.findDirectory(s, aws.ToString(in.ResourceId))
	if err != nil {
		return nil, err
	}
	tags := tagList(s.o.resourceTags(s.a, s.at("directory", i), "", "directory"), func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
	n, at := of(tags)
	items, next, err := page(c, request{in.NextToken, in.Limit}, directoryPages, n, at)
	return &directoryservice.ListTagsForResourceOutput{Tags: items, NextToken: next}, err
}
