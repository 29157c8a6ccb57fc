// Package s3control collects what is set for S3 in an account as a whole.
package s3control

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/s3control/types"
	smithyendpoints "github.com/aws/smithy-go/endpoints"

	"stocktake/extract"
)

const operation = "GetPublicAccessBlock"

var service = extract.Service[s3control.Client, s3control.Options]{
	Info: extract.ServiceInfo{Name: "s3control", ID: s3control.ServiceID, IAM: "s3", Actions: map[string][]string{
		operation: {"s3:GetAccountPublicAccessBlock"},
	}},
	New: func(cfg aws.Config, options ...func(*s3control.Options)) *s3control.Client {
		return s3control.NewFromConfig(cfg, append(options, plainHost)...)
	},
}

// plainHost keeps the account out of the host name of an endpoint that the user
// has set: an address or a name without a wildcard would not lead there. The
// account is in a header as well.
func plainHost(o *s3control.Options) {
	if o.BaseEndpoint != nil {
		o.EndpointResolverV2 = withoutAccount{o.EndpointResolverV2}
	}
}

type withoutAccount struct{ s3control.EndpointResolverV2 }

func (r withoutAccount) ResolveEndpoint(ctx context.Context, p s3control.EndpointParameters) (smithyendpoints.Endpoint, error) {
	p.AccountId, p.RequiresAccountId = nil, nil
	return r.EndpointResolverV2.ResolveEndpoint(ctx, p)
}

// Collectors of this service.
var Collectors = []extract.Collector{publicAccessBlocks}

const publicAccessBlocksTable = "aws_s3_account_public_access_blocks"

// publicAccessBlocks has one row for each account, also where nothing was ever
// set: then nothing is blocked.
var publicAccessBlocks = extract.Collector{
	Service: service.Info,
	Scope:   extract.Global,
	Tables:  []extract.Table{extract.TableOf[types.PublicAccessBlockConfiguration](publicAccessBlocksTable)},
	Calls:   []extract.Call{{Operation: operation}},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		row := types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(false), IgnorePublicAcls: aws.Bool(false), BlockPublicPolicy: aws.Bool(false), RestrictPublicBuckets: aws.Bool(false),
		}
		o, err := service.Client(u).GetPublicAccessBlock(ctx, &s3control.GetPublicAccessBlockInput{AccountId: &u.Account})
		switch {
		case err == nil:
			row = *o.PublicAccessBlockConfiguration
		case !u.Expect(err, []string{"NoSuchPublicAccessBlockConfiguration"}):
			return err
		}
		return extract.Emit(u, publicAccessBlocksTable, []types.PublicAccessBlockConfiguration{row})
	},
}
