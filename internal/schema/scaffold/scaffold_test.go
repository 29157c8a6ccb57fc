package scaffold_test

import (
	"bytes"
	"encoding/json"
	"go/build"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stocktake/internal/schema"
	"stocktake/internal/schema/scaffold"
)

const module = "../../.."

// copied is a module with what scaffold reads, but without a package for FSx.
func copied(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(root, "extract"), os.DirFS(filepath.Join(module, "extract"))); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(root, "extract/fsx")); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(root, "extract/all/all.go")
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\t\"stocktake/extract/fsx\"\n", "\tfsx.Collectors,\n"} {
		if !bytes.Contains(text, []byte(line)) {
			t.Fatalf("all.go lacks %q", line)
		}
		text = bytes.Replace(text, []byte(line), nil, 1)
	}
	if err := os.WriteFile(list, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var tables = []struct {
	scaffold.Table
	key, arn string
	file     string
	says     []string // in the new file
	checks   []string
}{
	{scaffold.Table{Name: "aws_ec2_sample_gateways", Service: "ec2", List: "DescribeEgressOnlyInternetGateways"},
		"egress_only_internet_gateway_id", "", "extract/ec2/sample_gateways.go",
		[]string{"extract.List(service,", "MaxResults: page}", "[]types.EgressOnlyInternetGateway {"},
		[]string{"the SDK does not say what the largest is"}},
	{scaffold.Table{Name: "aws_ec2_sample_exits", Service: "ec2", List: "DescribeEgressOnlyInternetGateways", Page: 255, ARN: "arn:{partition}:ec2:{region}:{account_id}:exit/{EgressOnlyInternetGatewayId}"},
		"egress_only_internet_gateway_id", "arn:{partition}:ec2:{region}:{account_id}:exit/{EgressOnlyInternetGatewayId}", "extract/ec2/sample_exits.go",
		[]string{"MaxResults: aws.Int32(255)}"}, nil},
	{scaffold.Table{Name: "aws_ec2_sample_groups", Service: "ec2", List: "DescribePlacementGroups"},
		"group_id", "GroupArn", "extract/ec2/sample_groups.go",
		[]string{"extract.One(service,", "(*ec2.Client).DescribePlacementGroups"}, nil},
	{scaffold.Table{Name: "aws_lambda_sample_layers", Service: "lambda", List: "ListLayers"},
		"arn", "LayerArn", "extract/lambda/sample_layers.go", []string{"MaxItems: aws.Int32("}, nil},
	{scaffold.Table{Name: "aws_iam_sample_certificates", Service: "iam", List: "ListServerCertificates"},
		"server_certificate_id", "Arn", "extract/iam/sample_certificates.go", []string{".In(extract.Global)"}, []string{"scope:"}},
	{scaffold.Table{Name: "aws_cloudfront_sample_distributions", Service: "cloudfront", List: "ListDistributions"},
		"id", "ARN", "extract/cloudfront/sample_distributions.go",
		[]string{"if o.DistributionList == nil {", "return o.DistributionList.Items"}, nil},
	{scaffold.Table{Name: "aws_rds_sample_instances", Service: "rds", List: "DescribeDBInstances", Key: "dbi_resource_id"},
		"dbi_resource_id", "DBInstanceArn", "extract/rds/sample_instances.go", []string{"MaxRecords: page}"}, []string{"MaxRecords is 100, which the SDK's documentation gives"}},
	{scaffold.Table{Name: "aws_elbv2_sample_balancers", Service: "elasticloadbalancingv2", List: "DescribeLoadBalancers"},
		"arn", "LoadBalancerArn", "extract/elasticloadbalancingv2/sample_balancers.go", []string{"PageSize: page}"}, nil},
	{scaffold.Table{Name: "aws_route53_sample_checks", Service: "route53", List: "ListHealthChecks"},
		"id", "", "extract/route53/sample_checks.go", []string{"MaxItems: aws.Int32(1000)", ".In(extract.Global)"}, []string{"arn: no field holds it"}},
	{scaffold.Table{Name: "aws_iam_sample_roles", Service: "iam", List: "GetAccountAuthorizationDetails", Field: "RoleDetailList"},
		"role_id", "Arn", "extract/iam/sample_roles.go", []string{"return o.RoleDetailList"}, nil},
	{scaffold.Table{Name: "aws_ssm_sample_windows", Service: "ssm", List: "DescribeMaintenanceWindows"},
		"window_id", "", "extract/ssm/samplewindows.go", []string{"var sampleWindows ="}, nil},
	{scaffold.Table{Name: "aws_eks_sample_clusters", Service: "eks", List: "ListClusters", DescribeBy: "DescribeCluster"},
		"name", "Arn", "extract/eks/sample_clusters.go",
		[]string{"type ClusterRow struct {", "return o.Clusters", "DescribeEach((*eks.Client).DescribeCluster", `Gone("ResourceNotFoundException")`, `Else(func(_ *extract.Root, name string) ClusterRow`},
		[]string{"gone:"}},
	{scaffold.Table{Name: "aws_kms_sample_keys", Service: "kms", List: "ListKeys", DescribeBy: "DescribeKey"},
		"key_id", "Arn", "extract/kms/sample_keys.go", []string{"aws.ToString(i.KeyId)", "*o.KeyMetadata"}, []string{"which error code"}},
	{scaffold.Table{Name: "aws_secretsmanager_sample_secrets", Service: "secretsmanager", List: "ListSecrets", DescribeBy: "DescribeSecret"},
		"arn", "ARN", "extract/secretsmanager/sample_secrets.go",
		[]string{"secretsmanager.DescribeSecretOutput\n", "aws.ToString(i.ARN)", `}, "arn"))`}, []string{"names: ARN"}},
	{scaffold.Table{Name: "aws_fsx_sample_systems", Service: "fsx", List: "DescribeFileSystems", Describe: "File systems of every kind"},
		"file_system_id", "ResourceARN", "extract/fsx/fsx.go",
		[]string{"// Package fsx collects file systems of every kind.\npackage fsx", `Name: "fsx", ID: fsx.ServiceID}`, "var Collectors = []extract.Collector{sampleSystems}"}, []string{"IAM:"}},
	{scaffold.Table{Name: "aws_fsx_sample_volumes", Service: "fsx", List: "DescribeVolumes", ARN: "ResourceARN"},
		"volume_id", "ResourceARN", "extract/fsx/sample_volumes.go", []string{"var sampleVolumes ="}, nil},
}

// TestTables plans and writes tables of services of every form, compiles all
// that was written, and lets the new command write their schemas.
func TestTables(t *testing.T) {
	root := copied(t)
	changed := map[string]bool{}
	for _, c := range tables {
		if c.Describe == "" {
			c.Describe = "Things."
		}
		plan, err := scaffold.New(root, c.Table)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if plan.Key != c.key || plan.ARN != c.arn {
			t.Errorf("%s: key %q and ARN %q: expected %q and %q", c.Name, plan.Key, plan.ARN, c.key, c.arn)
		}
		if plan.Files[0].Path != c.file {
			t.Errorf("%s: file %s: expected %s", c.Name, plan.Files[0].Path, c.file)
		}
		for _, want := range c.says {
			if !strings.Contains(string(plan.Files[0].Text), want) {
				t.Errorf("%s: expected %q in\n%s", c.Name, want, plan.Files[0].Text)
			}
		}
		for _, want := range c.checks {
			if !strings.Contains(strings.Join(plan.Checks, "\n"), want) {
				t.Errorf("%s: expected the author to be told %q:\n%s", c.Name, want, strings.Join(plan.Checks, "\n"))
			}
		}
		if err := plan.Write(); err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if err := plan.Write(); err == nil {
			t.Errorf("%s: written twice", c.Name)
		}
		for _, f := range plan.Files {
			changed[f.Path] = true
		}
		if _, err := scaffold.New(root, c.Table); err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("%s: planned again: %v", c.Name, err)
		}
	}
	if testing.Short() {
		return
	}
	command := built(t, root, changed)
	if err := os.Mkdir(filepath.Join(root, "schemas"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range tables {
		run := exec.Command(command, "-key", c.key, "-arn", c.arn, "-describe", "Things.", c.Name)
		run.Dir = root
		if out, err := run.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", c.Name, err, out)
			continue
		}
		name := filepath.Join(root, "schemas", c.Name+".v1.json")
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := schema.Parse(name, text); err != nil {
			t.Error(err)
		}
	}
}

// built is schemagen with the collectors below root in place of the module's.
// All else is the module's, which the build cache has.
func built(t *testing.T, root string, changed map[string]bool) string {
	t.Helper()
	from, err := filepath.Abs(module)
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	old, err := filepath.Glob(filepath.Join(from, "extract/fsx/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range old {
		replace[path] = ""
	}
	for path := range changed {
		replace[filepath.Join(from, path)] = filepath.Join(root, path)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay, command := filepath.Join(root, "overlay.json"), filepath.Join(root, "schemagen")
	if err := os.WriteFile(overlay, text, 0o644); err != nil {
		t.Fatal(err)
	}
	make := exec.Command("go", "build", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-overlay", overlay, "-o", command, "./internal/schema/schemagen")
	make.Dir = from
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("what was written does not compile: %v\n%s", err, out)
	}
	return command
}

func TestRefused(t *testing.T) {
	root := copied(t)
	if err := os.MkdirAll(filepath.Join(root, "schemas"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "schemas/aws_ec2_kept.v1.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, root)
	for _, c := range []struct {
		table scaffold.Table
		want  []string
	}{
		{scaffold.Table{Name: "ec2_things", Service: "ec2", List: "DescribeVolumes"}, []string{`"ec2_things"`, "aws_ec2_volumes"}},
		{scaffold.Table{Name: "aws_ec2_Things", Service: "ec2", List: "DescribeVolumes"}, []string{`"aws_ec2_Things"`, "small letters"}},
		{scaffold.Table{Name: "aws_ec2_things", Service: "ec2", List: "DescribeVolumes", Describe: " "}, []string{"-describe", "one sentence"}},
		{scaffold.Table{Name: "aws_ec2_things", List: "DescribeVolumes"}, []string{`-service ""`, "such as ec2"}},
		{scaffold.Table{Name: "aws_ec2_things", Service: "../ec2", List: "DescribeVolumes"}, []string{`-service "../ec2"`, "such as ec2"}},
		{scaffold.Table{Name: "aws_ec3_things", Service: "ec3", List: "DescribeVolumes"}, []string{`-service "ec3"`, "go get"}},
		{scaffold.Table{Name: "aws_elbv2_things", Service: "elbv2", List: "DescribeLoadBalancers"}, []string{`-service "elbv2"`, `"elasticloadbalancingv2"`}},
		{scaffold.Table{Name: "aws_elasticloadbalancingv2_things", Service: "elasticloadbalancingv2", List: "DescribeLoadBalancers"}, []string{"aws_elbv2_"}},
		{scaffold.Table{Name: "aws_rds_things", Service: "fsx", List: "DescribeVolumes"}, []string{"extract/rds exists"}},
		{scaffold.Table{Name: "aws_ec2_kept", Service: "ec2", List: "DescribeVolumes"}, []string{"schemas/aws_ec2_kept.v1.json exists"}},
		{scaffold.Table{Name: "aws_ec2_volumes", Service: "ec2", List: "DescribeVolumes"}, []string{"extract/ec2 exists and declares it"}},
		{scaffold.Table{Name: "aws_ec2_connections", Service: "ec2", List: "DescribeVolumes"}, []string{"extract/ec2/connections.go exists"}},
		{scaffold.Table{Name: "aws_ec2_things", Service: "ec2"}, []string{`-list ""`, "no such operation"}},
		{scaffold.Table{Name: "aws_ec2_things", Service: "ec2", List: "DescribeVpnGatewayz"}, []string{`-list "DescribeVpnGatewayz"`, "DescribeVpnGateways"}},
		{scaffold.Table{Name: "aws_eks_things", Service: "eks", List: "ListAccessEntries"}, []string{`-list "ListAccessEntries"`, "ClusterName", "Children"}},
		{scaffold.Table{Name: "aws_eks_things", Service: "eks", List: "ListClusters"}, []string{"-describe-by"}},
		{scaffold.Table{Name: "aws_sts_things", Service: "sts", List: "GetCallerIdentity"}, []string{`-list "GetCallerIdentity"`, "no list", "Account *string"}},
		{scaffold.Table{Name: "aws_iam_things", Service: "iam", List: "GetAccountAuthorizationDetails"}, []string{"-field", "RoleDetailList", "UserDetailList"}},
		{scaffold.Table{Name: "aws_iam_things", Service: "iam", List: "ListRoles", Field: "Users"}, []string{`-field "Users"`, "Roles []types.Role"}},
		{scaffold.Table{Name: "aws_cloudfront_things", Service: "cloudfront", List: "ListCachePolicies"}, []string{"-key", "types.CachePolicySummary"}},
		{scaffold.Table{Name: "aws_ecs_things", Service: "ecs", List: "ListClusters", DescribeBy: "DescribeClusters"}, []string{`-describe-by "DescribeClusters"`, "DescribeBatch"}},
		{scaffold.Table{Name: "aws_ecs_things", Service: "ecs", List: "ListClusters", DescribeBy: "DescribeCluster"}, []string{`-describe-by "DescribeCluster"`, "no such operation"}},
		{scaffold.Table{Name: "aws_sqs_things", Service: "sqs", List: "ListQueues", DescribeBy: "GetQueueAttributes"}, []string{"Attributes map[string]string"}},
	} {
		if c.table.Describe == "" {
			c.table.Describe = "Things."
		}
		_, err := scaffold.New(root, c.table)
		if err == nil {
			t.Errorf("%+v: no error", c.table)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v: expected it to say %q", c.table, err, want)
			}
		}
	}
	same(t, before, snapshot(t, root))
}

// TestNothingHalfWritten lets the second file fail: the first one goes again.
func TestNothingHalfWritten(t *testing.T) {
	for _, table := range []scaffold.Table{
		{Name: "aws_ec2_things", Service: "ec2", List: "DescribePlacementGroups", Describe: "Things."},
		{Name: "aws_fsx_things", Service: "fsx", List: "DescribeVolumes", Describe: "Things."},
	} {
		root := copied(t)
		plan, err := scaffold.New(root, table)
		if err != nil {
			t.Fatal(err)
		}
		edited := filepath.Join(root, plan.Files[1].Path)
		text, err := os.ReadFile(edited)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(edited, append(text, "// Edited meanwhile.\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, root)
		if err := plan.Write(); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
			t.Errorf("%s: %v: expected it to say that a file changed meanwhile", table.Name, err)
		}
		same(t, before, snapshot(t, root))
		if _, err := os.Stat(filepath.Join(root, "extract/fsx")); !os.IsNotExist(err) {
			t.Errorf("%s: extract/fsx: %v: expected that it is not there", table.Name, err)
		}
	}
}

func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	for path, text := range after {
		if was, ok := before[path]; !ok || was != text {
			t.Errorf("%s is new or changed", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files: expected %d", len(after), len(before))
	}
}

// TestFilesAreBuilt keeps names of files from reading like build constraints.
func TestFilesAreBuilt(t *testing.T) {
	root := copied(t)
	for _, things := range []string{"load_tests", "load_test", "patch_windows", "windows", "device_linux"} {
		plan, err := scaffold.New(root, scaffold.Table{Name: "aws_ec2_" + things, Service: "ec2", List: "DescribePlacementGroups", Describe: "Things."})
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(plan.Files[0].Path)
		context := build.Default
		context.GOOS, context.GOARCH = "none", "none"
		context.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("package ec2")), nil }
		if ok, _ := context.MatchFile(root, name); !ok || strings.HasSuffix(name, "_test.go") {
			t.Errorf("aws_ec2_%s: %s is not built everywhere", things, name)
		}
	}
}
