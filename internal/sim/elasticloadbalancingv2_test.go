package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	dnstypes "github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// TestFrontsHold follows what records, distributions, load balancers, certificates and machines say of each other.
func TestFrontsHold(t *testing.T) {
	o := New(Options{Accounts: 24, Seed: 3})
	seen := map[string]int{}
	for _, a := range o.Accounts() {
		if a.State != "ACTIVE" {
			continue
		}
		hosts, certificates := map[string]bool{}, map[string]bool{}
		for _, region := range o.regions {
			client := acm.NewFromConfig(in(t, o, a.ID, region))
			every := &acm.ListCertificatesInput{Includes: &acmtypes.Filters{KeyTypes: acmtypes.KeyAlgorithm("").Values()}}
			for _, arn := range must(drain(t.Context(), acm.NewListCertificatesPaginator(client, every), func(o *acm.ListCertificatesOutput) []acmtypes.CertificateSummary { return o.CertificateSummaryList })) {
				certificates[*arn.CertificateArn] = true
			}
			for host := range frontsHold(t, o, a.ID, region, certificates) {
				hosts[host] = true
				seen["load balancers"]++
			}
		}
		client := cloudfront.NewFromConfig(in(t, o, a.ID, o.home()))
		for _, d := range must(client.ListDistributions(t.Context(), &cloudfront.ListDistributionsInput{})).DistributionList.Items {
			seen["distributions"]++
			origin := d.Origins.Items[0]
			if !certificates[*d.ViewerCertificate.ACMCertificateArn] || origin.CustomOriginConfig != nil && !hosts[*origin.DomainName] {
				t.Errorf("distribution %s has certificate %s and origin %s, one of which is not there", *d.Id, *d.ViewerCertificate.ACMCertificateArn, *origin.DomainName)
			}
			hosts[*d.DomainName] = true
		}
		seen["records"] += recordsHold(t, o, a.ID, hosts)
	}
	if seen["load balancers"] == 0 || seen["distributions"] == 0 || seen["records"] == 0 {
		t.Errorf("got %v, want some of each", seen)
	}
}

// frontsHold returns the names of the load balancers of a region.
func frontsHold(t *testing.T, o *Organization, account, region string, certificates map[string]bool) map[string]bool {
	t.Helper()
	cfg := in(t, o, account, region)
	client := elb.NewFromConfig(cfg)
	machines := map[string]ec2types.Instance{}
	for _, r := range must(drain(t.Context(), ec2.NewDescribeInstancesPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeInstancesInput{}),
		func(o *ec2.DescribeInstancesOutput) []ec2types.Reservation { return o.Reservations })) {
		for _, i := range r.Instances {
			machines[*i.InstanceId] = i
		}
	}
	groups := map[string]bool{}
	for _, g := range must(drain(t.Context(), elb.NewDescribeTargetGroupsPaginator(client, &elb.DescribeTargetGroupsInput{}),
		func(o *elb.DescribeTargetGroupsOutput) []types.TargetGroup { return o.TargetGroups })) {
		groups[*g.TargetGroupArn] = true
		for _, h := range must(client.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})).TargetHealthDescriptions {
			i, ok := machines[*h.Target.Id]
			if g.TargetType == types.TargetTypeEnumInstance && (!ok || *i.VpcId != *g.VpcId) {
				t.Errorf("target %s of group %s: known %v, in VPC %s; the group is in %s", *h.Target.Id, *g.TargetGroupName, ok, aws.ToString(i.VpcId), *g.VpcId)
			}
		}
	}
	hosts := map[string]bool{}
	var arns []string
	for _, b := range must(drain(t.Context(), elb.NewDescribeLoadBalancersPaginator(client, &elb.DescribeLoadBalancersInput{}),
		func(o *elb.DescribeLoadBalancersOutput) []types.LoadBalancer { return o.LoadBalancers })) {
		hosts[*b.DNSName] = true
		arns = append(arns, *b.LoadBalancerArn)
		for _, l := range must(client.DescribeListeners(t.Context(), &elb.DescribeListenersInput{LoadBalancerArn: b.LoadBalancerArn})).Listeners {
			arns = append(arns, *l.ListenerArn)
			for _, c := range l.Certificates {
				if !certificates[*c.CertificateArn] {
					t.Errorf("listener %s has certificate %s, which is not there", *l.ListenerArn, *c.CertificateArn)
				}
			}
			for _, action := range l.DefaultActions {
				if action.TargetGroupArn != nil && !groups[*action.TargetGroupArn] {
					t.Errorf("listener %s leads to %s, which is not there", *l.ListenerArn, *action.TargetGroupArn)
				}
			}
		}
	}
	if len(arns) > 0 {
		tags := must(client.DescribeTags(t.Context(), &elb.DescribeTagsInput{ResourceArns: arns})).TagDescriptions
		for i := range arns {
			if *tags[i].ResourceArn != arns[i] {
				t.Errorf("tags of %s were asked, and those of %s came", arns[i], *tags[i].ResourceArn)
			}
		}
	}
	return hosts
}

// recordsHold reads all records of an account, two to a page and all at once.
func recordsHold(t *testing.T, o *Organization, account string, hosts map[string]bool) int {
	t.Helper()
	client := route53.NewFromConfig(in(t, o, account, o.home()))
	all := 0
	for _, z := range must(drain(t.Context(), route53.NewListHostedZonesPaginator(client, &route53.ListHostedZonesInput{}),
		func(o *route53.ListHostedZonesOutput) []dnstypes.HostedZone { return o.HostedZones })) {
		read := func(size int32) (keys []string) {
			pager := route53.NewListResourceRecordSetsPaginator(client, &route53.ListResourceRecordSetsInput{HostedZoneId: z.Id, MaxItems: &size})
			for _, r := range must(drain(t.Context(), pager, func(o *route53.ListResourceRecordSetsOutput) []dnstypes.ResourceRecordSet {
				return o.ResourceRecordSets
			})) {
				keys = append(keys, fmt.Sprint(*r.Name, r.Type, aws.ToString(r.SetIdentifier)))
				if r.AliasTarget != nil && !hosts[strings.TrimSuffix(*r.AliasTarget.DNSName, ".")] {
					t.Errorf("record %s leads to %s, which is not there", *r.Name, *r.AliasTarget.DNSName)
				}
			}
			return keys
		}
		once, distinct := read(300), map[string]bool{}
		for _, key := range once {
			distinct[key] = true
		}
		if paged := read(2); fmt.Sprint(paged) != fmt.Sprint(once) || len(distinct) != len(once) || int64(len(once)) != *z.ResourceRecordSetCount {
			t.Errorf("zone %s says %d records; got %q at once, and %q by pages", *z.Name, *z.ResourceRecordSetCount, once, paged)
		}
		all += len(once)
	}
	return all
}
