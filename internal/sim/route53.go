package sim

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
)

func route53Service() service {
	return service{
		id: "Route 53", name: "route53", global: true,
		dialect: queryDialect.with(func(d *dialect) { d.badToken, d.badInput = "InvalidPaginationToken", "InvalidInput" }),
		errors: model(
			func(m *string) smithy.APIError { return &types.InvalidInput{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidPaginationToken{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidArgument{Message: m} },
			func(m *string) smithy.APIError { return &types.NoSuchHostedZone{Message: m} },
		),
		operations: []operation{
			op(listHostedZones, "Marker", "MaxItems"),
			op(getHostedZone, "Id"),
			op(getDNSSEC, "HostedZoneId"),
			op(zoneTags, "ResourceIds", "ResourceType"),
			op(listQueryLoggingConfigs, "MaxResults", "NextToken"),
			op(listResourceRecordSets, "HostedZoneId", "MaxItems", "StartRecordName", "StartRecordType", "StartRecordIdentifier"),
		},
	}
}

// zone is what is decided about a hosted zone: the public one of an account, or the private one of a site.
type zone struct {
	o    *Organization
	a    *account
	site *site // nil: public
	seed seed
	name string // with the final dot
}

// zones lists those of an account. One that runs nothing has none.
func (o *Organization) zones(a *account) []zone {
	var list []zone
	if len(o.distributions(a)) > 0 {
		list = append(list, zone{o: o, a: a, seed: o.seed.s("zone").s(a.id), name: a.webName() + "."})
	}
	for _, region := range o.regions {
		if s := o.site(a, region); s.VPCs > 0 {
			list = append(list, zone{o: o, a: a, site: s, seed: s.seed.s("zone"), name: region + "." + a.name + ".internal."})
		}
	}
	return list
}

func (z zone) id() string { return "Z" + z.seed.draw().upper(20) }

// signed zones are public ones of which DNSSEC proves the answers.
func (z zone) signed() bool { return z.site == nil && z.seed.s("signed").draw().chance(20) }

func (z zone) logged() bool {
	return z.site == nil && !z.o.problem(z.a, 0) && z.seed.s("logged").draw().chance(60)
}

func (z zone) servers() []string {
	d := z.seed.s("servers").draw()
	var list []string
	for i, top := range []string{"com", "net", "org", "co.uk"} {
		list = append(list, "ns-"+itoa(512*i+d.n(512))+".awsdns-"+itoa(10+d.n(53))+"."+top)
	}
	return list
}

func (z zone) item() types.HostedZone {
	item := types.HostedZone{
		Id: aws.String("/hostedzone/" + z.id()), Name: aws.String(z.name), CallerReference: aws.String("terraform-" + z.seed.s("reference").draw().digits(26)),
		ResourceRecordSetCount: aws.Int64(int64(len(z.records()))), Config: &types.HostedZoneConfig{Comment: aws.String("Managed by Terraform")},
	}
	if z.site != nil {
		item.Config.PrivateZone = true
	}
	return item
}

func plainRecord(ttl int, name string, kind types.RRType, values ...string) types.ResourceRecordSet {
	r := types.ResourceRecordSet{Name: aws.String(name), Type: kind, TTL: aws.Int64(int64(ttl))}
	for i := range values {
		r.ResourceRecords = append(r.ResourceRecords, types.ResourceRecord{Value: &values[i]})
	}
	return r
}

func aliasRecord(name, target, zone string) types.ResourceRecordSet {
	return types.ResourceRecordSet{Name: aws.String(name), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{
		DNSName: aws.String(target + "."), HostedZoneId: aws.String(zone), EvaluateTargetHealth: false,
	}}
}

// edgeZone is the zone of Route 53 that all distributions are in.
const edgeZone = "Z2FDTNDATAQYW2"

// records are in the order in which Route 53 lists them: by name from the last label on, then by type and identifier.
func (z zone) records() []types.ResourceRecordSet {
	servers := z.servers()
	soa := servers[0] + ". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
	for i := range servers {
		servers[i] += "."
	}
	list := []types.ResourceRecordSet{plainRecord(172800, z.name, types.RRTypeNs, servers...), plainRecord(900, z.name, types.RRTypeSoa, soa)}
	if z.site != nil {
		list = append(list, z.privateRecords()...)
	} else {
		list = append(list, z.publicRecords()...)
	}
	slices.SortStableFunc(list, func(x, y types.ResourceRecordSet) int {
		return cmp.Or(cmp.Compare(reversed(*x.Name), reversed(*y.Name)), cmp.Compare(x.Type, y.Type), cmp.Compare(aws.ToString(x.SetIdentifier), aws.ToString(y.SetIdentifier)))
	})
	return list
}

func reversed(name string) string {
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

func (z zone) publicRecords() []types.ResourceRecordSet {
	list := []types.ResourceRecordSet{
		plainRecord(300, z.name, types.RRTypeTxt, `"v=spf1 -all"`), plainRecord(300, "_dmarc."+z.name, types.RRTypeTxt, `"v=DMARC1; p=reject"`),
		plainRecord(300, z.name, types.RRTypeCaa, `0 issue "amazon.com"`),
	}
	for _, n := range z.o.distributions(z.a) {
		list = append(list, aliasRecord(z.a.distributionAlias(n)+".", z.o.distributionHost(z.a, n), edgeZone))
	}
	front := z.o.front(z.a)
	if front == nil {
		return list
	}
	proof := front.validation(balancerCertificate)
	list = append(list, plainRecord(60, *proof.Name, types.RRTypeCname, *proof.Value))
	app := aliasRecord("app."+z.name, front.balancerHost(0), front.balancerZone())
	app.AliasTarget.EvaluateTargetHealth = true
	list = append(list, app)
	if z.a.env == "prod" { // most callers of the API get the release, some the next one
		for i, share := range []int64{90, 10} {
			r := aliasRecord("api."+z.name, front.balancerHost(0), front.balancerZone())
			r.SetIdentifier, r.Weight = aws.String([]string{"release", "canary"}[i]), aws.Int64(share)
			list = append(list, r)
		}
	} else {
		list = append(list, plainRecord(60, `\052.`+z.name, types.RRTypeCname, "app."+z.name))
	}
	if z.o.problem(z.a, 0) { // it leads to a bucket that is gone, which anyone may make again
		list = append(list, plainRecord(300, "promo."+z.name, types.RRTypeCname, "larkfield-promo-2021.s3-website-"+front.region+"."+z.o.suffix()))
	}
	return list
}

func (z zone) privateRecords() []types.ResourceRecordSet {
	var list []types.ResourceRecordSet
	for n := range z.site.Databases {
		b := z.site.database(n)
		list = append(list, plainRecord(60, b.name+".db."+z.name, types.RRTypeCname, z.site.databaseHost(b.name, "")))
	}
	for k := range z.site.Clusters {
		n := z.site.publicBalancers() + k
		list = append(list, aliasRecord(z.site.clusterName(k)+"."+z.name, z.site.balancerHost(n), z.site.balancerZone()))
	}
	return list
}

// ofZone finds the zone that an operation names.
func (c *call) ofZone(id *string) (zone, error) {
	for _, z := range c.o.zones(c.account) {
		if z.id() == strings.TrimPrefix(aws.ToString(id), "/hostedzone/") {
			return z, nil
		}
	}
	return zone{}, c.fault("NoSuchHostedZone", 404, "No hosted zone found with ID: %s", aws.ToString(id))
}

func listHostedZones(c *call, in *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput, error) {
	zones := c.o.zones(c.account)
	items, next, err := page(c, request{in.Marker, in.MaxItems}, limits{least: 1, most: 100, clamp: true}, len(zones), all(func(i int) types.HostedZone { return zones[i].item() }))
	return &route53.ListHostedZonesOutput{HostedZones: items, NextMarker: next, Marker: in.Marker, MaxItems: in.MaxItems, IsTruncated: next != nil}, err
}

func getHostedZone(c *call, in *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput, error) {
	z, err := c.ofZone(in.Id)
	if err != nil {
		return nil, err
	}
	item := z.item()
	out := &route53.GetHostedZoneOutput{HostedZone: &item}
	if z.site == nil {
		out.DelegationSet = &types.DelegationSet{NameServers: z.servers()}
		return out, nil
	}
	for v := range z.site.VPCs {
		out.VPCs = append(out.VPCs, types.VPC{VPCId: aws.String(z.site.vpcID(v)), VPCRegion: types.VPCRegion(z.site.region)})
	}
	return out, nil
}

func getDNSSEC(c *call, in *route53.GetDNSSECInput) (*route53.GetDNSSECOutput, error) {
	z, err := c.ofZone(in.HostedZoneId)
	switch {
	case err != nil:
		return nil, err
	case z.site != nil:
		return nil, c.fault("InvalidArgument", 400, "DNSSEC is not supported for private hosted zones")
	case !z.signed():
		return &route53.GetDNSSECOutput{Status: &types.DNSSECStatus{ServeSignature: aws.String("NOT_SIGNING")}, KeySigningKeys: []types.KeySigningKey{}}, nil
	}
	d := z.seed.s("signing key").draw()
	created, tag, digest, public := d.before(c.o.anchor, 500), d.n(65536), d.from("0123456789ABCDEF", 64), d.alnum(86)+"=="
	return &route53.GetDNSSECOutput{
		Status: &types.DNSSECStatus{ServeSignature: aws.String("SIGNING")},
		KeySigningKeys: []types.KeySigningKey{{
			Name: aws.String("zone-key"), Status: aws.String("ACTIVE"), Flag: 257, KeyTag: int32(tag), CreatedDate: &created, LastModifiedDate: &created,
			KmsArn:               aws.String(c.o.site(c.account, c.o.home()).keyARN("dnssec")),
			SigningAlgorithmType: 13, SigningAlgorithmMnemonic: aws.String("ECDSAP256SHA256"), DigestAlgorithmType: 2, DigestAlgorithmMnemonic: aws.String("SHA-256"),
			DigestValue: aws.String(digest), DSRecord: aws.String(itoa(tag) + " 13 2 " + digest), PublicKey: aws.String(public), DNSKEYRecord: aws.String("257 3 13 " + public),
		}},
	}, nil
}

func zoneTags(c *call, in *route53.ListTagsForResourcesInput) (*route53.ListTagsForResourcesOutput, error) {
	if len(in.ResourceIds) > 10 || in.ResourceType != types.TagResourceTypeHostedzone {
		return nil, c.fault("InvalidInput", 400, "Tags of up to 10 hosted zones can be listed at once")
	}
	out := &route53.ListTagsForResourcesOutput{}
	for _, id := range in.ResourceIds {
		z, err := c.ofZone(&id)
		if err != nil {
			return nil, err
		}
		out.ResourceTagSets = append(out.ResourceTagSets, types.ResourceTagSet{
			ResourceId: aws.String(id), ResourceType: in.ResourceType,
			Tags: tagList(c.o.resourceTags(c.account, z.seed, "", "dns"), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} }),
		})
	}
	return out, nil
}

func listQueryLoggingConfigs(c *call, in *route53.ListQueryLoggingConfigsInput) (*route53.ListQueryLoggingConfigsOutput, error) {
	zones := slices.DeleteFunc(c.o.zones(c.account), func(z zone) bool { return !z.logged() })
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 100, clamp: true}, len(zones), all(func(i int) types.QueryLoggingConfig {
		return types.QueryLoggingConfig{
			Id: aws.String(zones[i].seed.s("query log").draw().uuid()), HostedZoneId: aws.String(zones[i].id()),
			CloudWatchLogsLogGroupArn: aws.String(c.o.arn("logs", c.o.home(), c.account.id, "log-group:/aws/route53/"+zones[i].name+":*")),
		}
	}))
	return &route53.ListQueryLoggingConfigsOutput{QueryLoggingConfigs: items, NextToken: next}, err
}

// listResourceRecordSets has the next record for a token.
func listResourceRecordSets(c *call, in *route53.ListResourceRecordSetsInput) (*route53.ListResourceRecordSetsOutput, error) {
	z, err := c.ofZone(in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	size, err := c.pageSize(in.MaxItems, limits{least: 1, most: 300, clamp: true})
	if err != nil {
		return nil, err
	}
	records, first := z.records(), 0
	if in.StartRecordName != nil {
		first = slices.IndexFunc(records, func(r types.ResourceRecordSet) bool {
			return *r.Name == *in.StartRecordName && r.Type == in.StartRecordType && aws.ToString(r.SetIdentifier) == aws.ToString(in.StartRecordIdentifier)
		})
	}
	if first < 0 {
		return nil, c.fault("InvalidInput", 400, "No record begins the page that was asked for")
	}
	out := &route53.ListResourceRecordSetsOutput{MaxItems: in.MaxItems, ResourceRecordSets: records[first:min(first+size, len(records))]}
	if end := first + size; end < len(records) {
		out.IsTruncated = true
		out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier = records[end].Name, records[end].Type, records[end].SetIdentifier
	}
	return out, nil
}
