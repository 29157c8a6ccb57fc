// Package acm collects certificates. Neither their text nor their keys are ever
// asked for.
package acm

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"stocktake/extract"
)

var service = extract.Service[acm.Client, acm.Options]{
	Info: extract.ServiceInfo{Name: "acm", ID: acm.ServiceID},
	New:  acm.NewFromConfig,
}

const gone = "ResourceNotFoundException"

// Certificate is a types.CertificateDetail with its tags. It has nothing but its
// ARN and tags where the call that describes it is refused.
type Certificate struct {
	types.CertificateDetail
	extract.Incomplete
	Tags []types.Tag
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[acm.Client, extract.Root, Certificate]{
		Table: "aws_acm_certificates",
		Rows: extract.Described(
			// Without a filter the list lacks keys that are longer than usual, or elliptic.
			extract.Pages(service, acm.NewListCertificatesPaginator,
				extract.Always(&acm.ListCertificatesInput{MaxItems: aws.Int32(1000), Includes: &types.Filters{KeyTypes: types.KeyAlgorithm("").Values()}}),
				func(o *acm.ListCertificatesOutput) []string {
					return extract.Map(o.CertificateSummaryList, func(s types.CertificateSummary) string { return aws.ToString(s.CertificateArn) })
				}),
			extract.DescribeEach((*acm.Client).DescribeCertificate,
				func(_ *extract.Root, arn string) *acm.DescribeCertificateInput {
					return &acm.DescribeCertificateInput{CertificateArn: &arn}
				},
				func(o *acm.DescribeCertificateOutput) Certificate {
					return Certificate{CertificateDetail: *o.Certificate}
				}).Gone(gone).
				Else(func(_ *extract.Root, arn string) Certificate {
					return Certificate{CertificateDetail: types.CertificateDetail{CertificateArn: &arn}}
				}, "arn", "tags")),
		Details: []extract.Detail[acm.Client, Certificate]{
			{Operation: "ListTagsForCertificate", Columns: []string{"tags"}, Absent: []string{gone},
				Read: func(ctx context.Context, c *acm.Client, r *Certificate) error {
					o, err := c.ListTagsForCertificate(ctx, &acm.ListTagsForCertificateInput{CertificateArn: r.CertificateArn})
					if err == nil {
						r.Tags = o.Tags
					}
					return err
				}},
		},
	}),
}
