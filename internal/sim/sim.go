// Package sim plays the AWS accounts of one company inside the process.
//
// It knows how AWS behaves (identities, regions, paging, throttling, refusals) and what a company's
// inventory looks like. It knows nothing of the collectors, tables or configuration that read it, and it
// holds no client: answers are made of the SDK's types alone, so that the linker still drops unused operations.
//
// An Organization plugs into the SDK's own client stack. Endpoint resolution, serialization, signing, retries,
// paginators and credential caches all run; only the wire is missing. Nothing is stored: every answer is drawn
// again from the seed, the account, the region and the position of the item.
package sim

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Options describe a company. The zero value is a small one in four regions.
type Options struct {
	Seed      int64
	Accounts  int      // 0: 12, the management account included
	Regions   []string // enabled regions, the busiest first; nil: Regions(Partition, 4)
	Partition string   // "": aws
	Scale     float64  // multiplies the counts; 0: 1
	Sizes     Sizes    // counts that replace those of the scale, for every account
	Now       time.Time
	PageSize  int // 0: the real page maxima; smaller values force more pages

	// Faults gives the company the troubles that real ones have: a member role without some permissions and a
	// region that one account has turned off.
	Faults bool
	// FindingAggregator links the Security Hub regions to the first region.
	FindingAggregator bool
	// EnforceRates throttles callers that are faster than the published request rates.
	EnforceRates bool
	// Latency is slept before an answer. nil: none.
	Latency func(service, operation string) time.Duration
}

// Organization is a simulated company and the AWS that serves it. It is safe for concurrent use.
type Organization struct {
	opts     Options
	seed     seed
	anchor   time.Time // fixed point of all dates in the data, so that a later Now changes little
	regions  []string
	accounts []*account
	byID     map[string]*account
	units    []*unit
	orgID    string
	services map[string]*service // by the service ID that clients report

	management, base, security *account
	workloads                  []*account // that are alive

	mu    sync.Mutex
	state state
}

// New founds a company. The same options give the same answers. It panics on a partition that AWS does not have.
func New(opts Options) *Organization {
	if opts.Accounts <= 0 {
		opts.Accounts = 12
	}
	if opts.Partition == "" {
		opts.Partition = "aws"
	}
	if _, ok := partitions[opts.Partition]; !ok {
		panic(fmt.Sprintf("simulated organization: partition %q: expected one of AWS's, such as aws or aws-us-gov", opts.Partition))
	}
	if len(opts.Regions) == 0 {
		opts.Regions = Regions(opts.Partition, 4)
	}
	if opts.Scale == 0 {
		opts.Scale = 1
	}
	if opts.Now.IsZero() {
		opts.Now = time.Date(2026, time.November, 22, 6, 0, 0, 0, time.UTC)
	}
	opts.Now = opts.Now.UTC()
	o := &Organization{
		opts:    opts,
		seed:    newSeed(opts.Seed),
		anchor:  anchorOf(opts.Now),
		regions: slices.Clone(opts.Regions),
	}
	o.found()
	o.services = index(services())
	o.state = newState(o)
	if opts.Faults {
		o.trouble()
	}
	return o
}

// anchorOf returns the start of 2026, or of the year of now where that is earlier.
func anchorOf(now time.Time) time.Time {
	return time.Date(min(2026, now.Year()), time.January, 1, 0, 0, 0, 0, time.UTC)
}

// trouble gives a company its two ordinary problems with access, unless it has no workloads at all.
func (o *Organization) trouble() {
	if len(o.workloads) == 0 {
		return
	}
	denied := o.nthWorkload(3)
	for _, r := range []Rule{
		{Account: denied.id, Service: "ec2", Operation: "DescribeVolumes"},
		{Account: denied.id, Service: "rds", Operation: "DescribeDBInstances"},
		{Account: denied.id, Service: "s3", Operation: "GetBucketPolicy"},
	} {
		o.Deny(r)
	}
	if last := o.regions[len(o.regions)-1]; last != o.home() {
		o.DisableRegion(o.nthWorkload(4).id, last)
	}
}

// Now is the company's time. It stands still unless advanced.
func (o *Organization) Now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opts.Now.Add(o.state.advanced)
}

// Advance moves the company's time. Sessions whose lifetime has passed are refused from then on.
func (o *Organization) Advance(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.advanced += d
}

// Config is a client configuration with the base identity, ready to make clients from.
func (o *Organization) Config(context.Context) aws.Config {
	return aws.Config{
		Region:      o.home(),
		Credentials: staticCredentials(o.Credentials()),
		HTTPClient:  o.HTTPClient(),
		APIOptions:  o.APIOptions(),
	}
}

// Credentials are the keys of the base identity, a user of the base account.
func (o *Organization) Credentials() aws.Credentials { return o.Keys(o.base.id) }

// Keys are the keys of the automation user of an account, for tests that read one account directly. Only the
// base account lists that user among its users.
func (o *Organization) Keys(account string) aws.Credentials {
	a, ok := o.byID[account]
	if !ok {
		return aws.Credentials{}
	}
	d := o.seed.s("keys").s(a.id).draw()
	return aws.Credentials{
		AccessKeyID:     o.accessKeyOf(a),
		SecretAccessKey: d.alnum(40),
		Source:          "simulated organization",
		AccountID:       a.id,
	}
}

type staticCredentials aws.Credentials

func (s staticCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials(s), nil
}

// HTTPClient refuses every request, so that a stack without APIOptions cannot reach AWS by mistake.
func (o *Organization) HTTPClient() aws.HTTPClient { return wire{} }

type wire struct{}

func (wire) Do(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("simulated organization: request to %s reached the wire", r.URL.Host)
}

// Account is what the organization says of one of its accounts.
type Account struct {
	ID, Name, Email string
	State           string
	OUPath          string // "/Workloads/Prod"; "/" is the root
	Tags            map[string]string
}

// Accounts lists the accounts in the order in which AWS lists them. Accounts that left are not listed.
func (o *Organization) Accounts() []Account {
	var list []Account
	for _, a := range o.members() {
		list = append(list, Account{
			ID: a.id, Name: a.name, Email: a.email, State: string(o.stateOf(a)), OUPath: a.unit.path(), Tags: tagMap(a.tags),
		})
	}
	return list
}

// Management is the ID of the management account.
func (o *Organization) Management() string { return o.management.id }

// BaseAccount is the ID of the account whose user the base credentials belong to.
func (o *Organization) BaseAccount() string { return o.base.id }

// SecurityAccount is the ID of the delegated administrator of Security Hub.
func (o *Organization) SecurityAccount() string { return o.security.id }

// IdentityRegion is the region of IAM Identity Center.
func (o *Organization) IdentityRegion() string { return o.regions[0] }

// DiscoveryRole is the role in the management account that lists the accounts, and its external ID.
func (o *Organization) DiscoveryRole() (arn, externalID string) {
	return o.roleARN(o.management, discoveryRole), o.externalID(discoveryRole)
}

// MemberRole is the role of the same name in every member account, and its external ID.
func (o *Organization) MemberRole() (name, externalID string) {
	return memberRole, o.externalID(memberRole)
}

const (
	discoveryRole = "inventory-discovery"
	memberRole    = "inventory-read"
	automation    = "svc-inventory"
)

func (o *Organization) externalID(role string) string {
	d := o.seed.s("external ID").s(role).draw()
	return d.uuid()
}

func (o *Organization) roleARN(a *account, name string) string {
	return fmt.Sprintf("arn:%s:iam::%s:role/%s", o.opts.Partition, a.id, name)
}
