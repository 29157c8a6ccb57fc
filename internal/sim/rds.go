package sim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"
)

func rdsService() service {
	return service{
		id: "RDS", name: "rds",
		dialect: queryDialect.with(func(d *dialect) { d.badToken, d.badInput = "InvalidParameterValue", "InvalidParameterValue" }),
		errors: model(
			func(m *string) smithy.APIError { return &types.DBInstanceNotFoundFault{Message: m} },
		),
		operations: []operation{
			op(describeDBInstances, "DBInstanceIdentifier", "Marker", "MaxRecords"),
			op(describeDBClusters, "Marker", "MaxRecords"),
			op(describeDBSnapshots, "Marker", "MaxRecords"),
			op(describeDBClusterSnapshots, "Marker", "MaxRecords"),
		},
	}
}

type engine struct {
	name, version, license, log string
	port                        int32
	clustered                   bool // its instances stand in clusters
}

var engines = []engine{
	{"postgres", "16.4", "postgresql-license", "postgresql", 5432, false}, {"mysql", "8.0.39", "general-public-license", "error", 3306, false},
	{"postgres", "13.16", "postgresql-license", "postgresql", 5432, false}, {"mariadb", "10.11.9", "general-public-license", "error", 3306, false},
	{"docdb", "5.0.0", "na", "audit", 27017, true}, {"aurora-postgresql", "16.4", "postgresql-license", "postgresql", 5432, true},
}

// database is what is decided about a database.
type database struct {
	n         int
	seed      seed
	name      string
	engine    engine
	public    bool
	encrypted bool
	created   time.Time
}

func (s *site) databaseName(n int) string {
	return s.a.prod.name + "-" + pickOf([]string{"main", "reporting", "sessions", "audit", "archive"}, n)
}

func (s *site) databaseARN(n int) string { return s.arn("rds", "db:"+s.databaseName(n)) }

func (s *site) database(n int) database {
	b := database{n: n, seed: s.at("database", n), name: s.databaseName(n)}
	d := b.seed.draw()
	b.engine = pick(d, engines)
	b.encrypted = !d.chance(8)
	b.created = d.before(s.o.anchor, 1200)
	if n == 0 && s.leaky() {
		b.engine, b.public, b.encrypted = engines[0], true, false
	}
	return b
}

// leaky is the site with the database that anyone can reach.
func (s *site) leaky() bool {
	return s.o.problem(s.a, 1) && s.region == s.o.regions[min(1, len(s.o.regions)-1)]
}

func rdsTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

func (s *site) dbInstance(n int) types.DBInstance {
	b := s.database(n)
	d := b.seed.s("facts").draw()
	group, vpc := s.groupFor(databaseRole)
	size := int32(20 << d.n(6))
	item := types.DBInstance{
		DBInstanceIdentifier: aws.String(b.name), DBInstanceArn: aws.String(s.databaseARN(n)), DbiResourceId: aws.String("db-" + d.upper(26)),
		DBInstanceClass: aws.String(pick(d, []string{"db.t4g.medium", "db.m6g.large", "db.r6g.xlarge", "db.m5.large"})), DBInstanceStatus: aws.String("available"),
		Engine: aws.String(b.engine.name), EngineVersion: aws.String(b.engine.version), LicenseModel: aws.String(b.engine.license),
		DBName: aws.String("app"), MasterUsername: aws.String("app_admin"), DbInstancePort: aws.Int32(0),
		Endpoint:         &types.Endpoint{Address: aws.String(s.databaseHost(b.name, "")), Port: aws.Int32(b.engine.port), HostedZoneId: aws.String("Z" + s.o.seed.s("rds zone").s(s.region).draw().upper(13))},
		AllocatedStorage: aws.Int32(size), MaxAllocatedStorage: aws.Int32(size * 4), StorageType: aws.String("gp3"), Iops: aws.Int32(3000), StorageThroughput: aws.Int32(125),
		InstanceCreateTime: aws.Time(b.created), LatestRestorableTime: aws.Time(s.now.Truncate(5 * time.Minute).Add(-5 * time.Minute)),
		PreferredBackupWindow: aws.String("03:10-03:40"), PreferredMaintenanceWindow: aws.String("sun:04:30-sun:05:00"),
		BackupRetentionPeriod: aws.Int32(int32(pick(d, []int{1, 7, 14, 35}))), BackupTarget: aws.String("region"), CopyTagsToSnapshot: aws.Bool(true),
		MultiAZ: aws.Bool(s.a.env == "prod" && d.chance(70)), PubliclyAccessible: aws.Bool(b.public), StorageEncrypted: aws.Bool(b.encrypted),
		DeletionProtection: aws.Bool(s.a.env == "prod"), IAMDatabaseAuthenticationEnabled: aws.Bool(d.chance(30)), AutoMinorVersionUpgrade: aws.Bool(d.chance(80)),
		PerformanceInsightsEnabled: aws.Bool(d.chance(50)), CACertificateIdentifier: aws.String("rds-ca-rsa2048-g1"),
		CertificateDetails: &types.CertificateDetails{CAIdentifier: aws.String("rds-ca-rsa2048-g1"), ValidTill: aws.Time(b.created.AddDate(1, 0, 0))},
		MonitoringInterval: aws.Int32(0), NetworkType: aws.String("IPV4"), CustomerOwnedIpEnabled: aws.Bool(false), EnabledCloudwatchLogsExports: []string{b.engine.log},
		DBParameterGroups:     []types.DBParameterGroupStatus{{DBParameterGroupName: aws.String("default." + b.engine.name), ParameterApplyStatus: aws.String("in-sync")}},
		PendingModifiedValues: &types.PendingModifiedValues{},
		VpcSecurityGroups:     []types.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String(s.groupID(group)), Status: aws.String("active")}},
		DBSubnetGroup:         s.dbSubnetGroup(vpc),
		TagList:               tagList(s.o.resourceTags(s.a, b.seed, "", "database"), rdsTag),
	}
	item.AvailabilityZone = item.DBSubnetGroup.Subnets[0].SubnetAvailabilityZone.Name
	if b.encrypted {
		item.KmsKeyId = aws.String(s.keyARN("rds"))
	}
	if d.chance(40) {
		item.MonitoringInterval, item.MonitoringRoleArn = aws.Int32(60), aws.String(s.o.directory(s.a).roleARNOf("rds-monitoring-role"))
	}
	if d.chance(35) {
		item.MasterUserSecret = &types.MasterUserSecret{
			SecretArn: aws.String(s.arn("secretsmanager", "secret:rds!db-"+d.uuid())), SecretStatus: aws.String("active"), KmsKeyId: aws.String(s.keyARN("secrets")),
		}
	}
	if d.chance(10) { // AWS masks the new password itself
		item.PendingModifiedValues.MasterUserPassword = aws.String("****")
	}
	if b.engine.clustered {
		joinCluster(&item, b)
	}
	return item
}

// databaseHost is the address of an instance, or of a cluster by one of its kinds of endpoint.
func (s *site) databaseHost(name, kind string) string {
	return name + "." + kind + s.seed.s("rds endpoint").draw().lower(12) + "." + s.region + ".rds." + s.o.suffix()
}

func (s *site) dbSubnetGroup(v int) *types.DBSubnetGroup {
	name := s.vpcName(v)
	g := &types.DBSubnetGroup{
		DBSubnetGroupName: aws.String(name), DBSubnetGroupDescription: aws.String("data subnets of " + name), VpcId: aws.String(s.vpcID(v)),
		SubnetGroupStatus: aws.String("Complete"), DBSubnetGroupArn: aws.String(s.arn("rds", "subgrp:"+name)), SupportedNetworkTypes: []string{"IPV4"},
	}
	for j := v; j < s.Subnets && len(g.Subnets) < 3; j += s.VPCs {
		g.Subnets = append(g.Subnets, types.Subnet{
			SubnetIdentifier: aws.String(s.subnetID(j)), SubnetStatus: aws.String("Active"),
			SubnetAvailabilityZone: &types.AvailabilityZone{Name: aws.String(s.zone(j))},
		})
	}
	return g
}

func describeDBInstances(c *call, in *rds.DescribeDBInstancesInput) (*rds.DescribeDBInstancesOutput, error) {
	s := c.site()
	wanted := aws.ToString(in.DBInstanceIdentifier)
	if wanted != "" && indexOf(s.Databases, func(n int) bool { return s.databaseName(n) == wanted }) < 0 {
		return nil, c.fault("DBInstanceNotFound", 404, "DBInstance %s not found.", wanted)
	}
	items, next, err := page(c, request{in.Marker, in.MaxRecords}, rdsPages, s.Databases, func(n int) (types.DBInstance, bool) {
		return s.dbInstance(n), wanted == "" || s.databaseName(n) == wanted
	})
	return &rds.DescribeDBInstancesOutput{DBInstances: items, Marker: next}, err
}
