// Command drop makes the calls that a `stocktake run` makes and drops the
// answers: what any program on this SDK has to pay. `make bench` compares the
// two. It uses the SDK as stocktake does, and none of stocktake's packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "drop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	client := awshttp.NewBuildableClient().WithTimeout(time.Minute).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 512, 32
	})
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client), config.WithAppID("stocktake"), config.WithRegion(os.Args[1]))
	if err != nil {
		return err
	}
	cfg.HTTPClient = plainBodies{cfg.HTTPClient}
	cfg.Retryer = func() aws.Retryer {
		return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
			o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 8, 30*time.Second, ratelimit.None
			})
		})
	}
	if err := identity(ctx, cfg); err != nil { // as a run does to find the account
		return err
	}
	var g errgroup.Group
	for _, walk := range walks {
		g.Go(func() error { return walk(ctx, cfg) })
	}
	return g.Wait()
}

// plainBodies is what stocktake puts between the SDK and its HTTP client, so
// that connections are not cut under load.
type plainBodies struct{ aws.HTTPClient }

func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}

// pager is a paginator of the SDK.
type pager[Out, O any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*O)) (*Out, error)
}

// each goes over all pages and keeps none.
func each[Out, O any](ctx context.Context, p pager[Out, O], use func(*Out) error) error {
	for p.HasMorePages() {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		if use == nil {
			continue
		}
		if err := use(out); err != nil {
			return err
		}
	}
	return nil
}

// all calls f for every item, as many at once as stocktake lets one service have.
func all[T any](items []T, atOnce int, f func(*T) error) error {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range items {
		g.Go(func() error { return f(&items[i]) })
	}
	return g.Wait()
}

const (
	perService = 4
	perS3      = 32
)

// absent accepts the errors that say that there is nothing to read.
func absent[Out any](_ *Out, err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "LifecyclePolicyNotFoundException", "ReplicationConfigurationNotFoundError", "ObjectLockConfigurationNotFoundError", "NoSuchWebsiteConfiguration", "NoSuchCORSConfiguration":
			return nil
		}
	}
	return err
}
