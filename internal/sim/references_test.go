package sim

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// TestReferences follows what things of one service say of those of another.
func TestReferences(t *testing.T) {
	o := New(Options{Seed: 3, Accounts: 12})
	found := map[string]int{}
	for _, a := range o.accounts {
		for _, region := range o.regions {
			s := o.site(a, region)
			there := map[string]bool{}
			for _, k := range s.keys() {
				there[s.arn("kms", "key/"+k.id)] = true
			}
			for _, name := range s.queues() {
				there[s.arn("sqs", name)] = true
			}
			for _, name := range s.topics() {
				there[s.topicARN(name)] = true
			}
			for _, e := range s.secrets() {
				there[*e.ARN] = true
			}
			follow := func(kind string, arn *string) {
				if arn == nil {
					return
				}
				found[kind]++
				if !there[*arn] {
					t.Errorf("%s %s: %s %s does not exist", a.name, region, kind, *arn)
				}
			}
			for n := range s.Volumes {
				follow("key of a volume", s.volume(n).KmsKeyId)
			}
			for n := range s.Databases {
				item := s.dbInstance(n)
				follow("key of a database", item.KmsKeyId)
				if item.MasterUserSecret != nil {
					follow("secret of a database", item.MasterUserSecret.SecretArn)
				}
			}
			for n := range s.Functions {
				if item := s.function(n); item.DeadLetterConfig != nil {
					follow("queue of a function", item.DeadLetterConfig.TargetArn)
				}
			}
			for n := range s.Alarms {
				actions := s.metricAlarm(n).AlarmActions
				if alarmKind(n) == cwtypes.AlarmTypeCompositeAlarm {
					actions = s.compositeAlarm(n).AlarmActions
				}
				for _, arn := range actions {
					follow("topic of an alarm", &arn)
				}
			}
			for _, e := range s.secrets() {
				follow("key of a secret", e.KmsKeyId)
			}
			for _, name := range s.vaults() {
				follow("key of a vault", s.vault(name).EncryptionKeyArn)
			}
		}
	}
	for _, kind := range []string{
		"key of a volume", "key of a database", "secret of a database", "queue of a function", "topic of an alarm", "key of a secret", "key of a vault",
	} {
		if found[kind] == 0 {
			t.Errorf("no %s was found", kind)
		}
	}
}

// TestShadowTrails asks for trails in all regions, with and without shadows.
func TestShadowTrails(t *testing.T) {
	o := New(Options{Seed: 3, Accounts: 12})
	member := o.workloads[0].id
	names := func(account, region string, shadows bool) []string {
		client := cloudtrail.NewFromConfig(in(t, o, account, region))
		out, err := client.DescribeTrails(t.Context(), &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: &shadows})
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, trail := range out.TrailList {
			list = append(list, *trail.TrailARN)
			if _, err := client.GetTrailStatus(t.Context(), &cloudtrail.GetTrailStatusInput{Name: trail.TrailARN}); err != nil {
				t.Errorf("status of %s in %s %s: %v", *trail.TrailARN, account, region, err)
			}
		}
		return list
	}
	organization := o.trailARN(o.trailsOf(o.management)[0])
	for i, region := range o.regions {
		if got := slices.Contains(names(o.Management(), region, false), organization); got != (i == 0) {
			t.Errorf("management account in %s: got the organization's trail: %v, want it in %s alone", region, got, o.regions[0])
		}
		if slices.Contains(names(member, region, false), organization) {
			t.Errorf("member in %s: got the organization's trail without shadows", region)
		}
		if !slices.Contains(names(member, region, true), organization) {
			t.Errorf("member in %s: got no shadow of the organization's trail", region)
		}
	}
}

// TestTablePages goes on after the name of a table, which no other service
// does.
func TestTablePages(t *testing.T) {
	o := New(Options{Seed: 3, Accounts: 4, PageSize: 2, Sizes: Sizes{Functions: 13}})
	a := o.workloads[0]
	s := busiest(t, o, a)
	client := dynamodb.NewFromConfig(in(t, o, a.id, s.region))
	names, err := drain(t.Context(), dynamodb.NewListTablesPaginator(client, &dynamodb.ListTablesInput{}), func(out *dynamodb.ListTablesOutput) []string { return out.TableNames })
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for n := range s.tables() {
		want = append(want, s.tableName(n))
	}
	if !slices.Equal(names, want) || len(want) != 7 {
		t.Errorf("got tables %q, want the 7 of %q", names, want)
	}
}

// TestPatchStates asks about machines that report and others.
func TestPatchStates(t *testing.T) {
	o := New(Options{Seed: 3, Accounts: 4, Sizes: Sizes{Instances: 60}})
	a := o.workloads[0]
	s := busiest(t, o, a)
	client := ssm.NewFromConfig(in(t, o, a.id, s.region))
	machines, err := drain(t.Context(), ssm.NewDescribeInstanceInformationPaginator(client, &ssm.DescribeInstanceInformationInput{}),
		func(out *ssm.DescribeInstanceInformationOutput) []ssmtypes.InstanceInformation {
			return out.InstanceInformationList
		})
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	ids := []string{"i-0000000000000000f"}
	for _, m := range machines {
		if strings.HasPrefix(*m.InstanceId, "mi-") {
			own++
		}
		if len(ids) < 50 {
			ids = append(ids, *m.InstanceId)
		}
	}
	if own != s.hybrids() || own == 0 || len(machines) <= own {
		t.Errorf("got %d machines, %d of them the company's own, want %d of these and some of EC2", len(machines), own, s.hybrids())
	}
	out, err := client.DescribeInstancePatchStates(t.Context(), &ssm.DescribeInstancePatchStatesInput{InstanceIds: ids, MaxResults: aws.Int32(100)})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(out.InstancePatchStates); n == 0 || n >= len(ids) {
		t.Errorf("got the state of %d of %d machines, want some", n, len(ids))
	}
	for _, state := range out.InstancePatchStates {
		if !slices.Contains(ids[1:], *state.InstanceId) {
			t.Errorf("got the state of %s, which was not asked for or does not report", *state.InstanceId)
		}
	}
}

// busiest is an account where it does most.
func busiest(t *testing.T, o *Organization, a *account) *site {
	t.Helper()
	for _, region := range o.regions {
		if o.activity(a, region) == busy {
			return o.site(a, region)
		}
	}
	t.Fatalf("account %s is busy nowhere", a.name)
	return nil
}
