package s3test_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"stocktake/internal/s3test"
)

func client(s *s3test.Server, c aws.CredentialsProvider) *awss3.Client {
	cfg := s.Config()
	cfg.Credentials = c
	return awss3.NewFromConfig(cfg, func(o *awss3.Options) { o.UsePathStyle = true })
}

func TestObjects(t *testing.T) {
	s := s3test.Start(t)
	bucket := s.Bucket(t)
	c := s.Client()
	if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &bucket, Key: aws.String("a/b"), Body: strings.NewReader("text")}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: aws.String("a/b")})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if text, err := io.ReadAll(got.Body); err != nil || string(text) != "text" {
		t.Fatalf("object holds %q, %v, want %q", text, err, "text")
	}
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func TestUserHasItsActionsOnly(t *testing.T) {
	s := s3test.Start(t)
	bucket, other := s.Bucket(t), s.Bucket(t)
	putter := client(s, s.User(t, bucket, "s3:PutObject"))
	reader := client(s, s.User(t, bucket, "s3:GetObject", "s3:ListBucket"))
	ctx, key := t.Context(), aws.String("key")
	put := func(c *awss3.Client, bucket string) error {
		_, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: key, Body: strings.NewReader("x")})
		return err
	}
	get := func(c *awss3.Client) error {
		out, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &bucket, Key: key})
		if err == nil {
			out.Body.Close()
		}
		return err
	}
	list := func(c *awss3.Client) error {
		_, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &bucket})
		return err
	}
	for _, c := range []struct {
		what string
		err  error
		want string
	}{
		{"put by who may", put(putter, bucket), ""},
		{"put into another bucket", put(putter, other), "AccessDenied"},
		{"put by who may not", put(reader, bucket), "AccessDenied"},
		{"get by who may", get(reader), ""},
		{"get by who may not", get(putter), "AccessDenied"},
		{"list by who may", list(reader), ""},
		{"list by who may not", list(putter), "AccessDenied"},
	} {
		if got := code(c.err); got != c.want || (c.err == nil) != (c.want == "") {
			t.Errorf("%s: %v, want code %q", c.what, c.err, c.want)
		}
	}
}

func TestCloseRemovesEverything(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, err := s3test.New(s3test.Options{})
	if err != nil {
		s3test.Start(t) // skips, or fails, for the same reason
		t.Fatal(err)
	}
	s.Bucket(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Fatalf("after Close the directory for temporary files holds %v, %v, want nothing", left, err)
	}
	if _, err := s.Client().ListBuckets(t.Context(), nil); err == nil {
		t.Fatal("after Close the server answers")
	}
}
