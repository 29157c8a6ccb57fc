package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	// patience is how long a request may go without a byte in either direction.
	// The longest silence is that of a server which copies before it answers.
	patience = time.Minute

	// attempts of a request: together they wait some 30 s, which bridges a
	// restart of a server.
	attempts = 8
)

// NewClient returns a client for a warehouse. Region and endpoint are those of
// the configuration when they are empty.
func NewClient(cfg aws.Config, region, endpoint string, pathStyle bool) *awss3.Client {
	return awss3.NewFromConfig(cfg, func(o *awss3.Options) {
		o.UsePathStyle = pathStyle
		if region != "" {
			o.Region = region
		}
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
		if cfg.Retryer == nil && cfg.RetryMaxAttempts == 0 {
			o.RetryMaxAttempts = attempts
		}
		// Each write signs the SHA-256 of what it sends. Checksums beyond that are
		// what servers other than AWS refuse.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		client := cfg.HTTPClient
		if client == nil {
			client = awshttp.NewBuildableClient()
		}
		o.HTTPClient = &patient{client, patience}
	})
}

// errStalled is the error of a request that made no progress. It counts as a
// fault of the connection, so that the request is sent again.
var errStalled = errors.New("no byte was sent or received for too long")

// patient ends requests that make no progress: a server that hangs would hold
// up a run for ever.
type patient struct {
	client aws.HTTPClient
	idle   time.Duration
}

// Do implements aws.HTTPClient.
func (p *patient) Do(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{idle: p.idle, timer: time.AfterFunc(p.idle, func() { cancel(errStalled) }), ctx: ctx, cancel: cancel}
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &watched{req.Body, w}
	}
	resp, err := p.client.Do(req)
	if err != nil {
		err = w.explain(err)
		w.stop()
		return nil, err
	}
	w.timer.Reset(w.idle)
	resp.Body = &watchedAnswer{watched{resp.Body, w}}
	return resp, nil
}

// watch ends a request when its timer is not reset.
type watch struct {
	idle   time.Duration
	timer  *time.Timer
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

func (w *watch) explain(err error) error {
	if context.Cause(w.ctx) == errStalled {
		return fmt.Errorf("%w (%v)", errStalled, w.idle)
	}
	return err
}

// watched is a body whose bytes are progress.
type watched struct {
	io.ReadCloser
	*watch
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.timer.Reset(b.idle)
	}
	return n, err
}

// watchedAnswer ends the request when it is closed.
type watchedAnswer struct{ watched }

func (b *watchedAnswer) Read(p []byte) (int, error) {
	n, err := b.watched.Read(p)
	if err != nil && err != io.EOF {
		err = cutError{b.explain(err)}
	}
	return n, err
}

func (b *watchedAnswer) Close() error {
	defer b.stop()
	return b.ReadCloser.Close()
}

// cutError is the error of an answer that ended before its end. The SDK would
// take it for an answer that makes no sense, and not send the request again.
type cutError struct{ error }

func (e cutError) Unwrap() error { return e.error }

// RetryableError is what the SDK asks of errors.
func (cutError) RetryableError() bool { return true }
