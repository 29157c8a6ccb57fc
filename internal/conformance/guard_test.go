package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/connect"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/fsx"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"stocktake/extract"
	"stocktake/extract/all"
)

// forbidden asks for one operation with the client that a collector has.
type forbidden struct {
	operation string
	call      func(context.Context, *extract.Unit, extract.ServiceInfo) error
}

// asking is a service's operation, as it is called in a walk. The input is
// empty: the refusal comes before the SDK looks at it.
func asking[C, O, In, Out any](operation string, client func(aws.Config, ...func(*O)) *C, call func(*C, context.Context, *In, ...func(*O)) (*Out, error)) forbidden {
	return forbidden{operation, func(ctx context.Context, u *extract.Unit, info extract.ServiceInfo) error {
		_, err := call(extract.Service[C, O]{Info: info, New: client}.Client(u), ctx, new(In))
		return err
	}}
}

// harmful has, for each service that collectors call, an operation that changes
// something, or hands out what opens more.
var harmful = map[string]forbidden{ // by service ID
	accessanalyzer.ServiceID:           asking("DeleteAnalyzer", accessanalyzer.NewFromConfig, (*accessanalyzer.Client).DeleteAnalyzer),
	account.ServiceID:                  asking("PutContactInformation", account.NewFromConfig, (*account.Client).PutContactInformation),
	acm.ServiceID:                      asking("DeleteCertificate", acm.NewFromConfig, (*acm.Client).DeleteCertificate),
	autoscaling.ServiceID:              asking("DeleteAutoScalingGroup", autoscaling.NewFromConfig, (*autoscaling.Client).DeleteAutoScalingGroup),
	backup.ServiceID:                   asking("DeleteBackupVault", backup.NewFromConfig, (*backup.Client).DeleteBackupVault),
	cloudfront.ServiceID:               asking("DeleteDistribution", cloudfront.NewFromConfig, (*cloudfront.Client).DeleteDistribution),
	cloudtrail.ServiceID:               asking("StopLogging", cloudtrail.NewFromConfig, (*cloudtrail.Client).StopLogging),
	cloudwatch.ServiceID:               asking("DeleteAlarms", cloudwatch.NewFromConfig, (*cloudwatch.Client).DeleteAlarms),
	cognitoidentityprovider.ServiceID:  asking("AdminDeleteUser", cognitoidentityprovider.NewFromConfig, (*cognitoidentityprovider.Client).AdminDeleteUser),
	configservice.ServiceID:            asking("StopConfigurationRecorder", configservice.NewFromConfig, (*configservice.Client).StopConfigurationRecorder),
	connect.ServiceID:                  asking("DeleteInstance", connect.NewFromConfig, (*connect.Client).DeleteInstance),
	directoryservice.ServiceID:         asking("DeleteDirectory", directoryservice.NewFromConfig, (*directoryservice.Client).DeleteDirectory),
	dynamodb.ServiceID:                 asking("DeleteItem", dynamodb.NewFromConfig, (*dynamodb.Client).DeleteItem),
	ec2.ServiceID:                      asking("TerminateInstances", ec2.NewFromConfig, (*ec2.Client).TerminateInstances),
	ecr.ServiceID:                      asking("DeleteRepository", ecr.NewFromConfig, (*ecr.Client).DeleteRepository),
	ecs.ServiceID:                      asking("StopTask", ecs.NewFromConfig, (*ecs.Client).StopTask),
	efs.ServiceID:                      asking("DeleteFileSystem", efs.NewFromConfig, (*efs.Client).DeleteFileSystem),
	eks.ServiceID:                      asking("DeleteCluster", eks.NewFromConfig, (*eks.Client).DeleteCluster),
	elasticloadbalancing.ServiceID:     asking("DeleteLoadBalancer", elasticloadbalancing.NewFromConfig, (*elasticloadbalancing.Client).DeleteLoadBalancer),
	elasticloadbalancingv2.ServiceID:   asking("DeleteLoadBalancer", elasticloadbalancingv2.NewFromConfig, (*elasticloadbalancingv2.Client).DeleteLoadBalancer),
	fsx.ServiceID:                      asking("DeleteFileSystem", fsx.NewFromConfig, (*fsx.Client).DeleteFileSystem),
	guardduty.ServiceID:                asking("DeleteDetector", guardduty.NewFromConfig, (*guardduty.Client).DeleteDetector),
	iam.ServiceID:                      asking("CreateUser", iam.NewFromConfig, (*iam.Client).CreateUser),
	identitystore.ServiceID:            asking("DeleteUser", identitystore.NewFromConfig, (*identitystore.Client).DeleteUser),
	inspector2.ServiceID:               asking("Disable", inspector2.NewFromConfig, (*inspector2.Client).Disable),
	kms.ServiceID:                      asking("ScheduleKeyDeletion", kms.NewFromConfig, (*kms.Client).ScheduleKeyDeletion),
	lambda.ServiceID:                   asking("Invoke", lambda.NewFromConfig, (*lambda.Client).Invoke),
	organizations.ServiceID:            asking("LeaveOrganization", organizations.NewFromConfig, (*organizations.Client).LeaveOrganization),
	rds.ServiceID:                      asking("DeleteDBInstance", rds.NewFromConfig, (*rds.Client).DeleteDBInstance),
	resourceexplorer2.ServiceID:        asking("DeleteIndex", resourceexplorer2.NewFromConfig, (*resourceexplorer2.Client).DeleteIndex),
	resourcegroupstaggingapi.ServiceID: asking("TagResources", resourcegroupstaggingapi.NewFromConfig, (*resourcegroupstaggingapi.Client).TagResources),
	route53.ServiceID:                  asking("DeleteHostedZone", route53.NewFromConfig, (*route53.Client).DeleteHostedZone),
	s3.ServiceID:                       asking("PutBucketPolicy", s3.NewFromConfig, (*s3.Client).PutBucketPolicy),
	s3control.ServiceID:                asking("DeletePublicAccessBlock", s3control.NewFromConfig, (*s3control.Client).DeletePublicAccessBlock),
	secretsmanager.ServiceID:           asking("PutSecretValue", secretsmanager.NewFromConfig, (*secretsmanager.Client).PutSecretValue),
	securityhub.ServiceID:              asking("DisableSecurityHub", securityhub.NewFromConfig, (*securityhub.Client).DisableSecurityHub),
	sns.ServiceID:                      asking("Publish", sns.NewFromConfig, (*sns.Client).Publish),
	sqs.ServiceID:                      asking("PurgeQueue", sqs.NewFromConfig, (*sqs.Client).PurgeQueue),
	ssm.ServiceID:                      asking("SendCommand", ssm.NewFromConfig, (*ssm.Client).SendCommand),
	ssoadmin.ServiceID:                 asking("DeletePermissionSet", ssoadmin.NewFromConfig, (*ssoadmin.Client).DeletePermissionSet),
	sts.ServiceID:                      asking("GetFederationToken", sts.NewFromConfig, (*sts.Client).GetFederationToken),
}

// TestGuard: an operation that no collector declares is refused before anything
// is sent, whichever service's client asks for it.
func TestGuard(t *testing.T) {
	asked := map[string]bool{}
	for _, c := range all.Collectors {
		for _, call := range c.AllCalls() {
			if h := harmful[c.Service.ID]; h.operation == call.Operation {
				t.Errorf("%s declares %s, which changes something", c.Name, h.operation)
			}
		}
		if asked[c.Service.ID] {
			continue
		}
		asked[c.Service.ID] = true
		t.Run(c.Service.Name, func(t *testing.T) { guarded(t, c) })
	}
	for id := range harmful {
		if !asked[id] {
			t.Errorf("%s: no collector calls the service: drop its entry here", id)
		}
	}
}

func guarded(t *testing.T, c *extract.Collector) {
	h, ok := harmful[c.Service.ID]
	if !ok {
		t.Fatalf("service %s has no operation here that is to be refused: add one that changes something", c.Service.ID)
	}
	var got error
	walks := 0
	asks := *c
	asks.Walk = func(ctx context.Context, u *extract.Unit) error {
		walks++
		got = h.call(ctx, u, c.Service)
		return got
	}
	r := play(t, one(&asks))
	var undeclared *extract.UndeclaredError
	if !errors.As(got, &undeclared) || *undeclared != (extract.UndeclaredError{Service: c.Service.ID, Operation: h.operation}) {
		t.Errorf("%s: got error %v, want it refused as undeclared", h.operation, got)
	}
	if walks == 0 || r.err != nil {
		t.Errorf("%s: %d walks and error %v of the run, want a walk and none", h.operation, walks, r.err)
	}
	if calls := r.calls(); len(calls) > 0 {
		t.Errorf("%s: sent %+v, want nothing", h.operation, *calls[0])
	}
}
