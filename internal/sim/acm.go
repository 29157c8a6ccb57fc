package sim

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/smithy-go"
)

func acmService() service {
	return service{
		id: "ACM", name: "acm",
		dialect: jsonDialect.with(func(d *dialect) { d.badToken, d.badInput = "InvalidArgsException", "InvalidArgsException" }),
		errors: model(
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidArgsException{Message: m} },
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.ThrottlingException{Message: m} },
		),
		operations: []operation{
			op(listCertificates, "Includes", "MaxItems", "NextToken"),
			op(describeCertificate, "CertificateArn"),
			op(certificateTags, "CertificateArn"),
		},
	}
}

// What certificates are for.
const (
	balancerCertificate = iota // of the public load balancer
	edgeCertificate            // of distributions, which CloudFront takes from one region only
	importedCertificate        // bought elsewhere, for partners
)

// certificates tells which certificates a site has.
func (s *site) certificates() []int {
	var kinds []int
	if s.publicBalancers() > 0 {
		kinds = append(kinds, balancerCertificate)
	}
	if s.region == s.o.home() && len(s.o.distributions(s.a)) > 0 {
		kinds = append(kinds, edgeCertificate)
	}
	if s.Instances > 0 && (s.unowned() || s.seed.s("imported certificate").draw().chance(25)) {
		kinds = append(kinds, importedCertificate)
	}
	return kinds
}

func (s *site) certificateARN(kind int) string {
	return s.arn("acm", "certificate/"+s.at("certificate", kind).draw().uuid())
}

// webName is the name that the public knows an account's product by.
func (a *account) webName() string { return a.name + ".example.com" }

func (s *site) certificateName(kind int) string {
	switch kind {
	case edgeCertificate:
		return "www." + s.a.webName()
	case importedCertificate:
		return "partners." + s.a.webName()
	}
	return "app." + s.a.webName()
}

// validation is the record by which DNS proves that a name is the company's.
func (s *site) validation(kind int) *types.ResourceRecord {
	d := s.at("certificate validation", kind).draw()
	return &types.ResourceRecord{
		Name: aws.String("_" + d.hex(32) + "." + s.certificateName(kind) + "."), Type: types.RecordTypeCname,
		Value: aws.String("_" + d.hex(32) + "." + d.lower(10) + ".acm-validations.aws."),
	}
}

func (s *site) certificate(kind int) *types.CertificateDetail {
	d := s.at("certificate facts", kind).draw()
	name := s.certificateName(kind)
	issued := d.before(s.o.anchor, 380)
	item := &types.CertificateDetail{
		CertificateArn: aws.String(s.certificateARN(kind)), DomainName: aws.String(name), SubjectAlternativeNames: []string{name}, Subject: aws.String("CN=" + name),
		Serial: aws.String(d.serial()), SignatureAlgorithm: aws.String("SHA256WITHRSA"), KeyAlgorithm: types.KeyAlgorithmRsa2048, Status: types.CertificateStatusIssued,
		NotBefore: aws.Time(issued), NotAfter: aws.Time(issued.AddDate(0, 13, 0)), InUseBy: []string{},
		KeyUsages: []types.KeyUsage{{Name: types.KeyUsageNameDigitalSignature}, {Name: types.KeyUsageNameKeyEncipherment}},
		ExtendedKeyUsages: []types.ExtendedKeyUsage{
			{Name: types.ExtendedKeyUsageNameTlsWebServerAuthentication, OID: aws.String("1.3.6.1.5.5.7.3.1")},
		},
		Options: &types.CertificateOptions{CertificateTransparencyLoggingPreference: types.CertificateTransparencyLoggingPreferenceEnabled},
	}
	if kind == importedCertificate {
		item.Type, item.Issuer, item.ImportedAt = types.CertificateTypeImported, aws.String("Example Trust RSA CA"), aws.Time(issued.Add(90*time.Minute))
		item.RenewalEligibility = types.RenewalEligibilityIneligible
		item.KeyAlgorithm, item.SignatureAlgorithm = types.KeyAlgorithmEcPrime256v1, aws.String("SHA256WITHECDSA")
		item.NotAfter = aws.Time(issued.AddDate(1, 0, 0))
		if item.NotAfter.Before(s.now) {
			item.Status = types.CertificateStatusExpired
		}
		return item
	}
	item.Type, item.Issuer, item.CreatedAt, item.IssuedAt = types.CertificateTypeAmazonIssued, aws.String("Amazon"), aws.Time(issued.Add(-20*time.Minute)), aws.Time(issued)
	item.RenewalEligibility = types.RenewalEligibilityEligible
	item.DomainValidationOptions = []types.DomainValidation{{
		DomainName: aws.String(name), ValidationDomain: aws.String(name), ValidationMethod: types.ValidationMethodDns, ValidationStatus: types.DomainStatusSuccess,
		ResourceRecord: s.validation(kind),
	}}
	if kind == balancerCertificate {
		item.InUseBy = append(item.InUseBy, s.balancerARN(0))
		return item
	}
	for _, b := range s.o.distributions(s.a) {
		if alias := s.a.distributionAlias(b); alias != name {
			item.SubjectAlternativeNames = append(item.SubjectAlternativeNames, alias)
		}
		item.InUseBy = append(item.InUseBy, s.o.distributionARN(s.a, b))
	}
	return item
}

// serial is a serial number as certificates print it.
func (d *draw) serial() string {
	text := d.hex(2)
	for range 15 {
		text += ":" + d.hex(2)
	}
	return text
}

// listCertificates leaves out other keys than RSA ones of the usual sizes, unless they are asked for.
func listCertificates(c *call, in *acm.ListCertificatesInput) (*acm.ListCertificatesOutput, error) {
	s := c.site()
	keys := []types.KeyAlgorithm{types.KeyAlgorithmRsa1024, types.KeyAlgorithmRsa2048}
	if in.Includes != nil && len(in.Includes.KeyTypes) > 0 {
		keys = in.Includes.KeyTypes
	}
	kinds := s.certificates()
	items, next, err := page(c, request{in.NextToken, in.MaxItems}, limits{least: 1, most: 1000}, len(kinds), func(i int) (types.CertificateSummary, bool) {
		d := s.certificate(kinds[i])
		return types.CertificateSummary{
			CertificateArn: d.CertificateArn, DomainName: d.DomainName, SubjectAlternativeNameSummaries: d.SubjectAlternativeNames, Status: d.Status, Type: d.Type,
			KeyAlgorithm: d.KeyAlgorithm, InUse: aws.Bool(len(d.InUseBy) > 0), CreatedAt: d.CreatedAt, IssuedAt: d.IssuedAt, ImportedAt: d.ImportedAt,
			NotBefore: d.NotBefore, NotAfter: d.NotAfter, RenewalEligibility: d.RenewalEligibility,
		}, slices.Contains(keys, d.KeyAlgorithm)
	})
	return &acm.ListCertificatesOutput{CertificateSummaryList: items, NextToken: next}, err
}

// ofCertificate finds the certificate that an operation names.
func (c *call) ofCertificate(arn *string) (*site, int, error) {
	s := c.site()
	for _, kind := range s.certificates() {
		if s.certificateARN(kind) == aws.ToString(arn) {
			return s, kind, nil
		}
	}
	return nil, 0, c.fault("ResourceNotFoundException", 400, "Could not find certificate %s.", aws.ToString(arn))
}

func describeCertificate(c *call, in *acm.DescribeCertificateInput) (*acm.DescribeCertificateOutput, error) {
	s, kind, err := c.ofCertificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	return &acm.DescribeCertificateOutput{Certificate: s.certificate(kind)}, nil
}

func certificateTags(c *call, in *acm.ListTagsForCertificateInput) (*acm.ListTagsForCertificateOutput, error) {
	s, kind, err := c.ofCertificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	tags := tagList(s.o.resourceTags(s.a, s.at("certificate", kind), "", "web"), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
	return &acm.ListTagsForCertificateOutput{Tags: tags}, nil
}
