package sim

import (
	"slices"
	"strings"

	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
)

// partition is one of AWS's separate clouds.
type partition struct {
	home    string
	suffix  string   // of host names
	regions []string // a company's likely order; the first is home
	optIn   []string // regions among them that are off until asked for
}

var partitions = map[string]partition{
	"aws": {
		home: "us-east-1", suffix: "amazonaws.com",
		regions: []string{
			"us-east-1", "eu-west-1", "us-west-2", "eu-central-1", "ap-southeast-2", "us-east-2", "eu-west-2",
			"ap-southeast-1", "ap-northeast-1", "ca-central-1", "sa-east-1", "ap-south-1", "eu-north-1", "eu-west-3",
			"us-west-1", "ap-northeast-2", "ap-northeast-3",
			"eu-south-1", "eu-central-2", "eu-south-2", "me-south-1", "me-central-1", "af-south-1", "ap-east-1",
			"ap-southeast-3", "ap-southeast-4", "ap-south-2", "il-central-1", "ca-west-1", "ap-southeast-5",
			"ap-southeast-7", "mx-central-1",
		},
		optIn: []string{
			"eu-south-1", "eu-central-2", "eu-south-2", "me-south-1", "me-central-1", "af-south-1", "ap-east-1",
			"ap-southeast-3", "ap-southeast-4", "ap-south-2", "il-central-1", "ca-west-1", "ap-southeast-5",
			"ap-southeast-7", "mx-central-1",
		},
	},
	"aws-cn":     {home: "cn-northwest-1", suffix: "amazonaws.com.cn", regions: []string{"cn-northwest-1", "cn-north-1"}},
	"aws-us-gov": {home: "us-gov-west-1", suffix: "amazonaws.com", regions: []string{"us-gov-west-1", "us-gov-east-1"}},
	"aws-eusc":   {home: "eusc-de-east-1", suffix: "amazonaws.eu", regions: []string{"eusc-de-east-1"}},
	"aws-iso":    {home: "us-iso-east-1", suffix: "c2s.ic.gov", regions: []string{"us-iso-east-1", "us-iso-west-1"}},
	"aws-iso-b":  {home: "us-isob-east-1", suffix: "sc2s.sgov.gov", regions: []string{"us-isob-east-1"}},
	"aws-iso-e":  {home: "eu-isoe-west-1", suffix: "cloud.adc-e.uk", regions: []string{"eu-isoe-west-1"}},
	"aws-iso-f":  {home: "us-isof-south-1", suffix: "csp.hci.ic.gov", regions: []string{"us-isof-south-1", "us-isof-east-1"}},
}

// Regions are the first n regions that a company of the partition would use. "" is the partition aws.
func Regions(partition string, n int) []string {
	if partition == "" {
		partition = "aws"
	}
	list := partitions[partition].regions
	return slices.Clone(list[:max(0, min(n, len(list)))])
}

// home is the region that global services sign for.
func (o *Organization) home() string { return partitions[o.opts.Partition].home }

// suffix is the domain of the partition.
func (o *Organization) suffix() string { return partitions[o.opts.Partition].suffix }

// universe lists all regions of the partition, those of the company first.
func (o *Organization) universe() []string {
	list := slices.Clone(o.regions)
	for _, r := range partitions[o.opts.Partition].regions {
		if !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list
}

type regionStatus accounttypes.RegionOptStatus

func (s regionStatus) on() bool {
	return s == regionStatus(accounttypes.RegionOptStatusEnabled) || s == regionStatus(accounttypes.RegionOptStatusEnabledByDefault)
}

// regionStatus says whether an account has a region on. Regions that the company does not use are off.
func (o *Organization) regionStatus(a *account, region string) regionStatus {
	o.mu.Lock()
	off := o.state.off[place{region, a.id}]
	o.mu.Unlock()
	switch {
	case off || !slices.Contains(o.regions, region):
		return regionStatus(accounttypes.RegionOptStatusDisabled)
	case slices.Contains(partitions[o.opts.Partition].optIn, region):
		return regionStatus(accounttypes.RegionOptStatusEnabled)
	}
	return regionStatus(accounttypes.RegionOptStatusEnabledByDefault)
}

// zoneIDPrefix shortens a region's name as the IDs of its zones do: eu-central-1 becomes euc1.
func zoneIDPrefix(region string) string {
	parts := strings.Split(region, "-")
	for i, p := range parts[1 : len(parts)-1] {
		short := ""
		for _, d := range []string{"north", "south", "east", "west", "central"} {
			if strings.HasPrefix(p, d) {
				short += d[:1]
				p = p[len(d):]
			}
		}
		for _, d := range []string{"east", "west"} {
			if p == d {
				short += d[:1]
			}
		}
		if short == "" {
			short = p[:1]
		}
		parts[i+1] = short
	}
	return strings.Join(parts, "")
}
