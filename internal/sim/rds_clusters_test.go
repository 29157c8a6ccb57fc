package sim

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// TestClustersAndSnapshotsHold follows what databases, clusters and their snapshots say of each other.
func TestClustersAndSnapshotsHold(t *testing.T) {
	o := New(Options{Accounts: 24, Seed: 3})
	clusters, manual, automated := 0, 0, 0
	arns := map[string]bool{}
	once := func(arn *string) {
		t.Helper()
		if aws.ToString(arn) == "" || arns[*arn] {
			t.Errorf("ARN %q is empty or occurs twice", aws.ToString(arn))
		}
		arns[*arn] = true
	}
	count := func(kind *string) {
		if *kind == "manual" {
			manual++
		} else {
			automated++
		}
	}
	for _, a := range o.Accounts() {
		if a.State != "ACTIVE" {
			continue
		}
		for _, region := range o.regions {
			client := rds.NewFromConfig(in(t, o, a.ID, region))
			instances, members := map[string]types.DBInstance{}, map[string]bool{}
			for _, d := range list[rdsInstance](collect(t, o, a.ID, region, "databases"), "databases") {
				instances[*d.DBInstanceIdentifier] = d
			}
			found := must(drain(t.Context(), rds.NewDescribeDBClustersPaginator(client, &rds.DescribeDBClustersInput{}),
				func(o *rds.DescribeDBClustersOutput) []types.DBCluster { return o.DBClusters }))
			known := map[string]types.DBCluster{}
			for _, c := range found {
				once(c.DBClusterArn)
				known[*c.DBClusterIdentifier] = c
				for _, m := range c.DBClusterMembers {
					members[*m.DBInstanceIdentifier] = true
					if i := instances[*m.DBInstanceIdentifier]; aws.ToString(i.DBClusterIdentifier) != *c.DBClusterIdentifier || *i.Engine != *c.Engine {
						t.Errorf("cluster %s has member %s, which is in %q", *c.DBClusterIdentifier, *m.DBInstanceIdentifier, aws.ToString(i.DBClusterIdentifier))
					}
				}
			}
			clusters += len(found)
			for name, i := range instances {
				if (i.DBClusterIdentifier != nil) != members[name] {
					t.Errorf("instance %s says cluster %q, and is a member of one: %v", name, aws.ToString(i.DBClusterIdentifier), members[name])
				}
			}
			for _, s := range must(drain(t.Context(), rds.NewDescribeDBSnapshotsPaginator(client, &rds.DescribeDBSnapshotsInput{}),
				func(o *rds.DescribeDBSnapshotsOutput) []types.DBSnapshot { return o.DBSnapshots })) {
				once(s.DBSnapshotArn)
				count(s.SnapshotType)
				i, ok := instances[*s.DBInstanceIdentifier]
				if !ok || members[*s.DBInstanceIdentifier] || *s.DbiResourceId != *i.DbiResourceId || s.SnapshotCreateTime.Before(*i.InstanceCreateTime) || s.SnapshotCreateTime.After(o.Now()) {
					t.Errorf("snapshot %s of %s was made at %s; the instance at %s, known %v", *s.DBSnapshotArn, *s.DBInstanceIdentifier, s.SnapshotCreateTime, i.InstanceCreateTime, ok)
				}
			}
			for _, s := range must(drain(t.Context(), rds.NewDescribeDBClusterSnapshotsPaginator(client, &rds.DescribeDBClusterSnapshotsInput{}),
				func(o *rds.DescribeDBClusterSnapshotsOutput) []types.DBClusterSnapshot { return o.DBClusterSnapshots })) {
				once(s.DBClusterSnapshotArn)
				count(s.SnapshotType)
				c, ok := known[*s.DBClusterIdentifier]
				if !ok || *s.DbClusterResourceId != *c.DbClusterResourceId || s.SnapshotCreateTime.Before(*c.ClusterCreateTime) || s.SnapshotCreateTime.After(o.Now()) {
					t.Errorf("snapshot %s of %s was made at %s; the cluster at %s, known %v", *s.DBClusterSnapshotArn, *s.DBClusterIdentifier, s.SnapshotCreateTime, c.ClusterCreateTime, ok)
				}
			}
		}
	}
	if clusters == 0 || manual == 0 || automated == 0 {
		t.Errorf("got %d clusters, %d snapshots by hand and %d of nights, want some of each", clusters, manual, automated)
	}
}
