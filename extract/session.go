package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"stocktake/internal/config"
	"stocktake/internal/outcome"
)

// partitions gives the partition of a region by the start of its name, and
// where its global services are called (the SDK's partitions file).
var partitions = []struct{ prefix, name, home string }{
	{"cn-", "aws-cn", "cn-northwest-1"},
	{"us-gov-", "aws-us-gov", "us-gov-west-1"},
	{"eusc-", "aws-eusc", "eusc-de-east-1"},
	{"us-iso-", "aws-iso", "us-iso-east-1"},
	{"us-isob-", "aws-iso-b", "us-isob-east-1"},
	{"eu-isoe-", "aws-iso-e", "eu-isoe-west-1"},
	{"us-isof-", "aws-iso-f", "us-isof-south-1"},
	{"", "aws", "us-east-1"},
}

// PartitionOf returns the name of a region's partition.
func PartitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.name
		}
	}
	panic("the last prefix fits every region")
}

// Base makes the SDK configuration that a run starts from: the machine's own,
// or the simulated organization's.
type Base func(ctx context.Context, keys *config.Keys, region string) (aws.Config, error)

// AWS is the Base of real accounts: the SDK's default chain, a profile or keys
// of the configuration, under the standard AWS environment.
func AWS(c *config.File) Base {
	client := awshttp.NewBuildableClient().WithTimeout(c.Retry.Timeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 512, 32
	})
	return func(ctx context.Context, keys *config.Keys, region string) (aws.Config, error) {
		cfg, err := LoadAWS(ctx, client, keys, region)
		cfg.HTTPClient = plainBodies{cfg.HTTPClient}
		return cfg, err
	}
}

// LoadAWS returns the SDK's configuration for keys, which may be nil, under the
// standard AWS environment.
func LoadAWS(ctx context.Context, client *awshttp.BuildableClient, keys *config.Keys, region string) (aws.Config, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithHTTPClient(client), awsconfig.WithAppID("stocktake"),
		// What it would print goes past the program's own log; errors tell what matters.
		awsconfig.WithLogger(logging.Nop{})}
	if region != "" {
		options = append(options, awsconfig.WithRegion(region))
	}
	switch {
	case keys == nil:
	case keys.Profile != "":
		options = append(options, awsconfig.WithSharedConfigProfile(keys.Profile))
	case keys.AccessKeyID.Reveal() != "":
		options = append(options, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
			keys.AccessKeyID.Reveal(), keys.SecretAccessKey.Reveal(), keys.SessionToken.Reveal())))
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, fmt.Errorf("load AWS configuration: %w", err)
	}
	return cfg, nil
}

// plainBodies hides that a request's body can write itself. The SDK closes the
// body as soon as an answer begins; when Go's transport then looks for bytes
// past the end, a body that writes itself reports an error (a plain one only
// its end), and the transport cuts the connection in the middle of the answer.
type plainBodies struct{ aws.HTTPClient }

func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}

// retryer gives each client its own adaptive retryer. The SDK's budget of
// retries over calls is off: work is bounded by attempts and deadlines.
func retryer(r config.Retry) func() aws.Retryer {
	return func() aws.Retryer {
		return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
			o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = r.MaxAttempts, r.MaxBackoff
				o.RateLimiter = ratelimit.None
				// An answer that was cut off makes no sense to the SDK, which
				// would not ask again by itself.
				o.Retryables = append(slices.Clone(o.Retryables), retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
					if errors.Is(err, io.ErrUnexpectedEOF) {
						return aws.TrueTernary
					}
					return aws.UnknownTernary
				}))
			})
		})
	}
}

// identity is a way into one account.
type identity struct {
	Account   string
	Partition string
	config    aws.Config // in the home region
	home      string     // where global services are asked

	mu      sync.Mutex
	regions map[string]*session
}

// newIdentity makes the identity whose calls pass the gate as the account's.
func (r *Run) newIdentity(cfg aws.Config, account, partition, home string) *identity {
	return &identity{Account: account, Partition: partition, config: r.gated(cfg, account), home: home, regions: map[string]*session{}}
}

// gated returns cfg with the gate in its client stack. Calls that enter an
// account are limited and counted under the source's name.
func (r *Run) gated(cfg aws.Config, name string) aws.Config {
	cfg = cfg.Copy()
	cfg.APIOptions = slices.Concat(r.gate.options(name), cfg.APIOptions)
	return cfg
}

// session is an identity in one region.
type session struct {
	identity *identity
	region   string
	config   aws.Config

	mu       sync.Mutex
	clients  map[string]any
	disabled bool
}

// in returns the identity's session for a region; global ones share the home region's.
func (i *identity) in(region string) *session {
	if region == GlobalRegion {
		region = i.home
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.regions[region]
	if s == nil {
		cfg := i.config.Copy()
		cfg.Region = region
		s = &session{identity: i, region: region, config: cfg, clients: map[string]any{}}
		i.regions[region] = s
	}
	return s
}

// forget drops the clients, which hold more than the rows of many an account. One
// that is asked for again is made anew.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.clients)
}

func (s *session) client(key string, make func() any) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[key]
	if c == nil {
		c = make()
		s.clients[key] = c
	}
	return c
}

// disable marks the region as not in use, so that no further unit asks it.
func (s *session) disable() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disabled = true
}

// regionDisabledError stands for what an earlier call has told.
type regionDisabledError struct{ outcome outcome.Outcome }

func (e *regionDisabledError) Error() string { return e.outcome.Message }

// usable returns an error when the region is known to be disabled.
func (s *session) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.disabled {
		return nil
	}
	return &regionDisabledError{outcome.Outcome{Kind: outcome.RegionDisabled, Message: "The account does not use the region."}}
}

// stillWorks asks the home region who the caller is: an error means that the
// credentials, or the network, fail everywhere.
func (s *session) stillWorks(ctx context.Context) error {
	_, err := caller(ctx, s.identity.config)
	return err
}

// caller returns the account and ARN that cfg's credentials act as.
func caller(ctx context.Context, cfg aws.Config) (*sts.GetCallerIdentityOutput, error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("ask who the caller is: %w", err)
	}
	if aws.ToString(out.Account) == "" || strings.Count(aws.ToString(out.Arn), ":") < 5 {
		return nil, &smithy.GenericAPIError{Code: "protocol", Message: "GetCallerIdentity answered without an account and its ARN"}
	}
	return out, nil
}

// assume returns cfg with the credentials of a role that a source names.
func (r *Run) assume(cfg aws.Config, s *config.Source, hop config.Hop) aws.Config {
	return AssumeRole(cfg, sts.NewFromConfig(r.gated(cfg, s.Name)), hop, "stocktake-"+r.ID)
}

// AssumeRole returns cfg with the credentials of a role, in a session of the
// given name where the hop has none of its own. One cache serves all clients
// made from it, and renews them five minutes before they end.
func AssumeRole(cfg aws.Config, client stscreds.AssumeRoleAPIClient, hop config.Hop, session string) aws.Config {
	provider := stscreds.NewAssumeRoleProvider(client, hop.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = cmp.Or(hop.SessionName, session)
		o.Duration = hop.Duration
		if id := hop.ExternalID.Reveal(); id != "" {
			o.ExternalID = &id
		}
	})
	next := cfg.Copy()
	next.Credentials = aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute })
	return next
}
