package extract

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestSelect(t *testing.T) {
	var collectors []*Collector
	for _, tables := range [][]string{{"aws_ec2_vpcs", "aws_ec2_vpc_cidr_associations"}, {"aws_ec2_volumes"}, {"aws_iam_users"}, {"aws_s3_buckets"}} {
		c := &Collector{}
		for _, name := range tables {
			c.Tables = append(c.Tables, Table{Name: name})
		}
		collectors = append(collectors, c)
	}
	streams := map[string][]string{"network": {"aws_ec2_vpc*", "aws_ec2_subnets"}, "identity": {"aws_iam_*"}, "later": {"aws_kms_*"}, "aws_s3_buckets": {"aws_iam_users"}}
	all := []string{"aws_ec2_volumes", "aws_ec2_vpc_cidr_associations", "aws_ec2_vpcs", "aws_iam_users", "aws_s3_buckets"}
	for _, c := range []struct {
		patterns []string
		want     []string
		err      string
	}{
		{nil, nil, ""},
		{[]string{"*"}, all, ""},
		{[]string{"aws_ec2_volumes"}, []string{"aws_ec2_volumes"}, ""},
		{[]string{"aws_ec2_*"}, []string{"aws_ec2_volumes", "aws_ec2_vpc_cidr_associations", "aws_ec2_vpcs"}, ""},
		{[]string{"aws_ec2_v??s", "aws_iam_[u-z]*"}, []string{"aws_ec2_vpcs", "aws_iam_users"}, ""},
		{[]string{"network"}, []string{"aws_ec2_vpc_cidr_associations", "aws_ec2_vpcs"}, ""},
		{[]string{"network", "identity", "aws_ec2_vpcs"}, []string{"aws_ec2_vpc_cidr_associations", "aws_ec2_vpcs", "aws_iam_users"}, ""},
		{[]string{"aws_s3_buckets"}, []string{"aws_iam_users"}, ""}, // a stream comes before a table of its name
		{[]string{"aws_ec2_volume"}, nil, `"aws_ec2_volume" is neither a stream, nor a table`},
		{[]string{"*", "Network"}, nil, `"Network" is neither`},
		{[]string{"later"}, nil, `"later" is neither`},
		{[]string{""}, nil, `"" is neither`},
		{[]string{"aws_[ec2"}, nil, `"aws_[ec2" is not a valid pattern`},
	} {
		got, err := Select(collectors, streams, c.patterns)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || got != nil {
				t.Errorf("%q: got %v, error %v, want an error with %q", c.patterns, got, err, c.err)
			}
			continue
		}
		if names := slices.Sorted(maps.Keys(got)); err != nil || !slices.Equal(names, c.want) {
			t.Errorf("%q: got %v, error %v, want %v", c.patterns, names, err, c.want)
		}
		for name, on := range got {
			if !on {
				t.Errorf("%q: got %s set to false", c.patterns, name)
			}
		}
	}
}
