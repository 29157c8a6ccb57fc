package s3_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"stocktake/internal/s3test"
	"stocktake/load/store/s3"
)

func problem(code, message string) string {
	return "<Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>"
}

// What servers say, and what there is to do about it.
func TestProbeAdvises(t *testing.T) {
	server := s3test.Start(t)
	options := s3.Options{Encryption: "aws:kms", KMSKey: "arn:aws:kms:eu-west-1:123456789012:key/k", BucketOwner: "123456789012", StorageClass: "FROZEN", Tags: map[string]string{"a": "b"}}
	for _, c := range []struct {
		at         func(*http.Request) bool
		status     int
		region     string
		code, says string
		want       []string
	}{
		{at: creates, status: 403, code: "AccessDenied", says: "Access Denied", want: []string{"allow s3:PutObject and s3:PutObjectTagging on s3://", "kms:GenerateDataKey", "account 123456789012 owns the bucket"}},
		{at: uploadsPart, status: 403, code: "AccessDenied", says: "Access Denied", want: []string{"allow s3:PutObject"}},
		{at: deletes, status: 403, code: "AccessDenied", says: "Access Denied", want: []string{"allow s3:AbortMultipartUpload"}},
		{at: creates, status: 403, code: "AccessDenied", says: "not authorized to perform: kms:GenerateDataKey", want: []string{"key arn:aws:kms:eu-west-1:123456789012:key/k cannot be used"}},
		{at: creates, status: 400, code: "KMS.DisabledException", says: "disabled", want: []string{"key arn:aws:kms:eu-west-1:123456789012:key/k cannot be used", "enabled"}},
		{at: creates, status: 301, region: "eu-west-1", code: "PermanentRedirect", says: "elsewhere", want: []string{"the bucket is in region eu-west-1"}},
		{at: creates, status: 400, code: "AuthorizationHeaderMalformed", says: "the region is wrong", want: []string{"another region"}},
		{at: creates, status: 404, code: "NoSuchBucket", says: "none", want: []string{"there is no bucket bucket-", "create it"}},
		{at: creates, status: 403, code: "InvalidAccessKeyId", says: "unknown", want: []string{"credentials for the output are not valid"}},
		{at: creates, status: 400, code: "ExpiredToken", says: "expired", want: []string{"credentials for the output have expired"}},
		{at: creates, status: 400, code: "InvalidStorageClass", says: "no", want: []string{`storage class "FROZEN"`}},
		{at: creates, status: 400, code: "InvalidTag", says: "no", want: []string{"tags of the output"}},
		{at: creates, status: 501, code: "NotImplemented", says: "no", want: []string{"does not support"}},
	} {
		o := options
		o.Bucket = server.Bucket(t)
		s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
			if c.at(req) {
				resp, err := answer(c.status, problem(c.code, c.says))
				if c.region != "" {
					resp.Header.Set("X-Amz-Bucket-Region", c.region)
				}
				return resp, err
			}
			return answered(req)
		}), o)
		err := s.Probe(t.Context())
		for _, want := range append(c.want, s.Root(), c.code) {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Probe when the answer is %s (%s): %v\nwant %q in it", c.code, c.says, err, want)
			}
		}
	}
}

func deletes(req *http.Request) bool { return req.Method == http.MethodDelete }

// What a real server says.
func TestProbeOfServer(t *testing.T) {
	server := s3test.Start(t)
	cfg := quick(server, cable)
	if err := open(t, cfg, s3.Options{Bucket: "no-such-bucket"}).Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no bucket no-such-bucket") {
		t.Errorf("Probe where there is no bucket: %v", err)
	}
	bucket := server.Bucket(t)
	for _, c := range []struct {
		rights []string
		want   string
	}{
		{[]string{"s3:GetObject"}, "allow s3:PutObject"},
		{[]string{"s3:PutObject"}, "allow s3:AbortMultipartUpload"},
		{dropRights, ""},
	} {
		err := as(t, server, s3.Options{Bucket: bucket}, c.rights...).Probe(t.Context())
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("Probe with the rights %q: %v, want %q", c.rights, err, c.want)
		}
	}
	const secret = "not-the-secret-of-any-account"
	cfg.Credentials = credentials.NewStaticCredentialsProvider(server.AccessKey, secret, "")
	err := open(t, cfg, s3.Options{Bucket: bucket}).Probe(t.Context())
	if err == nil || !strings.Contains(err.Error(), "credentials for the output") || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), server.AccessKey) {
		t.Errorf("Probe with a wrong secret: %v, want advice and no credentials", err)
	}
}

func TestProbeWithoutServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := quick(&s3test.Server{Endpoint: nobody, Region: "us-east-1", AccessKey: "a", SecretKey: "b"}, cable)
	err = open(t, cfg, s3.Options{Bucket: "bucket"}).Probe(t.Context())
	var refused *net.OpError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "check the endpoint and the network") {
		t.Errorf("Probe where nothing listens: %v, want advice", err)
	}
}
