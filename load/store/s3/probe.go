package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"stocktake/load/store"
)

// Probe makes sure that files can be written: it begins an upload as Stage does,
// sends a part, and aborts it, so that nothing is left. The error says which
// right or setting is at fault, and what to do.
func (s *Store) Probe(ctx context.Context) error {
	if err := s.probe(ctx); err != nil {
		return fmt.Errorf("try to write to %s: %w", s.Root(), err)
	}
	return nil
}

func (s *Store) probe(ctx context.Context) error {
	st := store.Staged{Name: "runs/probe-" + strings.ToLower(rand.Text())}
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	created, err := s.client.CreateMultipartUpload(ctx, s.create(st.Name, map[string]string{sumMetadata: nothing, runMetadata: "probe"}))
	if err != nil {
		return s.advise(err, s.putRights())
	}
	st.Token = aws.ToString(created.UploadId)
	_, err = s.client.UploadPart(ctx, &awss3.UploadPartInput{
		Bucket: &s.bucket, Key: aws.String(s.key(st.Name)), ExpectedBucketOwner: s.owner,
		UploadId: &st.Token, PartNumber: aws.Int32(1), ContentLength: aws.Int64(1), Body: strings.NewReader("x"),
	})
	if err != nil {
		return errors.Join(s.advise(err, s.putRights()), s.giveUp(ctx, st))
	}
	if _, err := s.abort(ctx, st); err != nil {
		return s.advise(err, "s3:AbortMultipartUpload")
	}
	return nil
}

// putRights are those that writing a file needs.
func (s *Store) putRights() string {
	rights := "s3:PutObject"
	if s.tags != nil {
		rights += " and s3:PutObjectTagging"
	}
	rights += " on " + s.Root() + "/*"
	if s.encryption == types.ServerSideEncryptionAwsKms {
		rights += ", and kms:GenerateDataKey and kms:Decrypt on " + s.keyName()
	}
	return rights
}

func (s *Store) keyName() string {
	if s.kmsKey == nil {
		return "the key of the bucket"
	}
	return "key " + *s.kmsKey
}

// advise adds to an error what to do about it.
func (s *Store) advise(err error, rights string) error {
	if advice := s.advice(err, rights); advice != "" {
		return fmt.Errorf("%w: %s", err, advice)
	}
	return err
}

func (s *Store) advice(err error, rights string) string {
	c := code(err)
	is := func(codes ...string) bool { return slices.Contains(codes, c) }
	switch {
	case region(err) != "":
		return fmt.Sprintf("the bucket is in region %s: set that region for the output", region(err))
	case is("PermanentRedirect", "MovedPermanently", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"):
		return "the bucket is in another region, or the endpoint is that of another one: set the region of the output"
	case strings.HasPrefix(c, "KMS.") || strings.Contains(err.Error(), "kms:"):
		return fmt.Sprintf("%s cannot be used: check that it exists, is enabled and in the region of the bucket, and allow kms:GenerateDataKey and kms:Decrypt on it", s.keyName())
	case is("AccessDenied", "Forbidden", "AllAccessDisabled"):
		return "allow " + rights + s.ownerAdvice()
	case is("NoSuchBucket", "NotFound"):
		return fmt.Sprintf("there is no bucket %s at this endpoint: create it, or correct the URL of the warehouse", s.bucket)
	case is("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"):
		return "the credentials for the output are not valid at this endpoint: check them"
	case is("ExpiredToken", "RequestExpired", "TokenRefreshRequired"):
		return "the credentials for the output have expired: renew them"
	case is("RequestTimeTooSkewed"):
		return "set the clock of this machine"
	case is("InvalidStorageClass"):
		return fmt.Sprintf("storage class %q: use one that the bucket supports", s.class)
	case is("InvalidTag", "InvalidTagError"):
		return "correct the tags of the output"
	case is("NotImplemented"):
		return "the server does not support one of encryption, storage class or tags: leave it out of the output's settings"
	case unreachable(err):
		return "nothing answers: check the endpoint and the network"
	}
	return ""
}

// ownerAdvice names the other reason for which a request for the bucket of an
// expected owner is denied: S3 does not tell them apart.
func (s *Store) ownerAdvice() string {
	if s.owner == nil {
		return ""
	}
	return fmt.Sprintf("; and check that account %s owns the bucket", *s.owner)
}

// region returns the region of the bucket where the answer names another one
// than was asked.
func region(err error) string {
	var e *smithyhttp.ResponseError
	if !errors.As(err, &e) || e.Response == nil {
		return ""
	}
	if e.HTTPStatusCode() != http.StatusMovedPermanently && e.HTTPStatusCode() != http.StatusBadRequest {
		return ""
	}
	return e.Response.Header.Get("X-Amz-Bucket-Region")
}

// unreachable reports that no answer came.
func unreachable(err error) bool {
	var e *smithyhttp.RequestSendError
	return errors.As(err, &e)
}
