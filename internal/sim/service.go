package sim

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// service is one AWS service as data: how it names things, how it refuses, what it answers.
type service struct {
	id     string // as the SDK's client reports it
	name   string // the SDK module: what Rule and Call speak of
	prefix string // of its IAM actions; "": the name
	global bool   // one endpoint for the partition, so no region can be off

	dialect    dialect
	errors     modelled
	notEnabled Fault // answered when Disable matches; zero: SubscriptionRequiredException
	operations []operation

	byName map[string]*operation
}

// operation is one API call.
type operation struct {
	name   string
	action string          // IAM action; "": prefix:name
	also   []string        // further IAM actions that it takes
	open   bool            // needs no permission
	head   bool            // answers without a body
	plays  map[string]bool // input fields that count; a call that sets another one is refused, not half answered
	run    func(c *call, in any) (any, error)
}

// op declares an operation by its answer. The name is that of the input type; fields are the members of the input
// that the answer heeds.
func op[I, O any](answer func(c *call, in *I) (*O, error), fields ...string) operation {
	o := operation{
		name:  strings.TrimSuffix(reflect.TypeFor[I]().Name(), "Input"),
		plays: map[string]bool{},
	}
	for _, f := range fields {
		o.plays[f] = true
	}
	o.run = func(c *call, in any) (any, error) {
		typed, ok := in.(*I)
		if !ok {
			return nil, fmt.Errorf("simulated organization: %s got input %T", o.name, in)
		}
		out, err := answer(c, typed)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
	return o
}

// as sets the IAM action where it is not the operation's name.
func (o operation) as(action string) operation {
	o.action = action
	return o
}

// taking adds IAM actions that the operation takes beside its own.
func (o operation) taking(actions ...string) operation {
	o.also = actions
	return o
}

// actions are the IAM actions that a call takes.
func (o operation) actions() []string {
	if o.open {
		return nil
	}
	return append([]string{o.action}, o.also...)
}

func (o operation) withoutPermission() operation {
	o.open = true
	return o
}

func (o operation) withoutBody() operation {
	o.head = true
	return o
}

// services lists all that is played.
func services() []service {
	return []service{
		stsService(), organizationsService(), accountService(), ec2Service(),
		iamService(), s3Service(), rdsService(), eksService(), ecsService(), lambdaService(),
		ecrService(), ssoadminService(), identitystoreService(), cloudwatchService(),
		securityhubService(), inspector2Service(), guarddutyService(), accessanalyzerService(), elasticloadbalancingv2Service(), elasticloadbalancingService(), route53Service(),
		cloudfrontService(), acmService(), cognitoService(), connectService(), directoryService(), taggingService(), configService(),
		ssmService(), kmsService(), secretsmanagerService(), snsService(), sqsService(), dynamodbService(), backupService(), cloudtrailService(),
		resourceexplorerService(),
		autoscalingService(), efsService(), fsxService(), s3controlService(),
	}
}

func index(list []service) map[string]*service {
	byID := map[string]*service{}
	for i := range list {
		s := &list[i]
		if s.prefix == "" {
			s.prefix = s.name
		}
		if s.notEnabled.Code == "" {
			s.notEnabled = Fault{"SubscriptionRequiredException", "The AWS Access Key Id needs a subscription for the service", 403}
		}
		s.byName = map[string]*operation{}
		for j := range s.operations {
			o := &s.operations[j]
			if o.action == "" {
				o.action = s.prefix + ":" + o.name
			}
			s.byName[o.name] = o
		}
		byID[s.id] = s
	}
	return byID
}

// played refuses inputs that the simulation would not heed: a filter that is ignored would look like data.
func played(c *call) error {
	v := reflect.ValueOf(c.input)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return nil
	}
	v = v.Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.IsExported() && !v.Field(i).IsZero() && !c.operation.plays[f.Name] {
			return fmt.Errorf("simulated organization: %s does not play input %s", c.name, f.Name)
		}
	}
	return nil
}

// text is a string member of the input.
func (c *call) text(member string) string {
	v := reflect.Indirect(reflect.ValueOf(c.input))
	if v.Kind() != reflect.Struct || !v.FieldByName(member).IsValid() {
		return ""
	}
	p, _ := v.FieldByName(member).Interface().(*string)
	return aws.ToString(p)
}

// fault is a refusal of the operation itself.
func (c *call) fault(code string, status int, format string, args ...any) error {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...), Status: status}
}

func (c *call) arn(resource string) string {
	return c.o.arn(c.service.prefix, c.region, c.account.id, resource)
}

// arn builds an ARN of the company's partition.
func (o *Organization) arn(service, region, account, resource string) string {
	return "arn:" + o.opts.Partition + ":" + service + ":" + region + ":" + account + ":" + resource
}
