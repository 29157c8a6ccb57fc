package extract

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"stocktake/internal/config"
	"stocktake/internal/spool"
)

// Gate is what every call of a run passes: it refuses operations that nothing
// declares, keeps to rates and to a number of calls in flight, and counts.
type Gate struct {
	allowed     map[string]ServiceInfo // by "ServiceID.Operation"
	rates       map[string]config.Rate
	concurrency config.Concurrency

	mu       sync.Mutex
	limiters map[string]*rate.Limiter
	slots    map[string]chan struct{}

	Calls, Throttles atomic.Int64 // of the whole run
	seen             sync.Map     // operations that were sent, "ec2:DescribeVolumes"
}

// NewGate opens the gate for the calls of collectors and of discovery.
func NewGate(collectors []*Collector, rates map[string]config.Rate, concurrency config.Concurrency) *Gate {
	g := &Gate{
		allowed: map[string]ServiceInfo{}, rates: rates, concurrency: concurrency,
		limiters: map[string]*rate.Limiter{}, slots: map[string]chan struct{}{},
	}
	for _, c := range collectors {
		for _, call := range c.AllCalls() {
			g.allowed[c.Service.ID+"."+call.Operation] = c.Service
		}
	}
	for _, d := range Discovery {
		g.allowed[d.Service.ID+"."+d.Operation] = d.Service
	}
	return g
}

// Seen reports whether the operation was sent, by service name: "ec2:DescribeVolumes".
func (g *Gate) Seen(operation string) bool {
	_, ok := g.seen.Load(operation)
	return ok
}

// UndeclaredError is the refusal of an operation that no collector declares.
type UndeclaredError struct{ Service, Operation string }

func (e *UndeclaredError) Error() string {
	return fmt.Sprintf("refuse %s %s before it is sent: no collector declares the operation", e.Service, e.Operation)
}

// defaultRates are calls a second and the burst, for each account, region and
// service, from AWS's documented or customary quotas.
var defaultRates = map[string]config.Rate{
	"":                                   {PerSecond: 10, Burst: 20},
	"ec2":                                {PerSecond: 20, Burst: 100},
	"ec2:DescribeRegions":                {PerSecond: 10, Burst: 50},
	"s3":                                 {PerSecond: 200, Burst: 200},
	"iam":                                {PerSecond: 5, Burst: 10},
	"organizations":                      {PerSecond: 5, Burst: 10},
	"sts":                                {PerSecond: 100, Burst: 100},
	"account":                            {PerSecond: 5, Burst: 10},
	"route53":                            {PerSecond: 5, Burst: 5},
	"connect":                            {PerSecond: 2, Burst: 5},
	"cloudtrail:LookupEvents":            {PerSecond: 2, Burst: 2},
	"cloudwatch:DescribeAlarms":          {PerSecond: 4.5, Burst: 9},
	"cloudwatch:ListMetrics":             {PerSecond: 25, Burst: 25},
	"cloudwatch:GetMetricData":           {PerSecond: 50, Burst: 50},
	"dynamodb:DescribeContinuousBackups": {PerSecond: 10, Burst: 10},
	"dynamodb:ListTagsOfResource":        {PerSecond: 10, Burst: 10},
	"securityhub":                        {PerSecond: 10, Burst: 30},
	"securityhub:GetFindings":            {PerSecond: 3, Burst: 6},
	"identitystore":                      {PerSecond: 10, Burst: 20},
	"ssoadmin":                           {PerSecond: 5, Burst: 10},
	"resourceexplorer2":                  {PerSecond: 3, Burst: 3},
	"resourceexplorer2:Search":           {PerSecond: 5, Burst: 5},
}

// perOperation are the services with a bucket for each operation.
var perOperation = map[string]bool{"ec2": true, "connect": true}

// limit returns the rate for an operation, and the key under which calls share
// it. What the configuration says of an operation comes first; what it says of
// a service does not make an operation faster than AWS lets it be.
func (g *Gate) limit(service, operation string) (config.Rate, string) {
	call := service + ":" + operation
	if r, ok := g.rates[call]; ok {
		return r, call
	}
	own, configured := g.rates[service]
	if r, ok := defaultRates[call]; ok && (!configured || r.PerSecond < own.PerSecond) {
		return r, call
	}
	if !configured {
		var known bool
		if own, known = defaultRates[service]; !known {
			own = defaultRates[""]
		}
	}
	if perOperation[service] {
		return own, call
	}
	return own, service
}

func (g *Gate) limiter(place string, service, operation string) *rate.Limiter {
	r, key := g.limit(service, operation)
	key = place + "|" + key
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.limiters[key]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
		g.limiters[key] = l
	}
	return l
}

func (g *Gate) slot(place, service string) chan struct{} {
	n := g.concurrency.PerService
	switch service {
	case "s3":
		n = g.concurrency.S3
	case "sts":
		n = max(n, g.concurrency.Accounts) // all of them are entered from one
	}
	key := place + "|" + service
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.slots[key]
	if s == nil {
		s = make(chan struct{}, n)
		g.slots[key] = s
	}
	return s
}

// forget drops what is kept for an account that is done.
func (g *Gate) forget(account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key := range g.limiters {
		if strings.HasPrefix(key, account+"|") {
			delete(g.limiters, key)
		}
	}
	for key := range g.slots {
		if strings.HasPrefix(key, account+"|") {
			delete(g.slots, key)
		}
	}
}

type unitKey struct{}

func withUnit(ctx context.Context, u *Unit) context.Context {
	return context.WithValue(ctx, unitKey{}, u)
}

// options returns the client stack's additions for calls with an account's
// credentials.
func (g *Gate) options(account string) []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{
		func(stack *middleware.Stack) error {
			// First of all, before the SDK finds fault with the input.
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("stocktake.Declared", g.declared), middleware.Before)
		},
		func(stack *middleware.Stack) error {
			attempt := middleware.FinalizeMiddlewareFunc("stocktake.Gate", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				return g.attempt(ctx, account, in, next)
			})
			// After the identity is known: renewing it is a call that waits here itself.
			return stack.Finalize.Insert(attempt, "GetIdentity", middleware.After)
		},
	}
}

type attemptKey struct{}

// declared refuses undeclared operations, and starts the count of attempts.
func (g *Gate) declared(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	service, operation := middleware.GetServiceID(ctx), middleware.GetOperationName(ctx)
	if _, ok := g.allowed[service+"."+operation]; !ok {
		return middleware.InitializeOutput{}, middleware.Metadata{}, &UndeclaredError{service, operation}
	}
	return next.HandleInitialize(context.WithValue(ctx, attemptKey{}, new(int)), in)
}

// attempt waits for its turn, sends one attempt and counts it.
func (g *Gate) attempt(ctx context.Context, account string, in middleware.FinalizeInput, next middleware.FinalizeHandler) (out middleware.FinalizeOutput, meta middleware.Metadata, err error) {
	operation := middleware.GetOperationName(ctx)
	service := g.allowed[middleware.GetServiceID(ctx)+"."+operation].Name
	place := account + "|" + awsmiddleware.GetRegion(ctx)
	if service == "s3" {
		place = account // S3 is limited by account here, whatever the buckets' regions
	}
	if err := g.limiter(place, service, operation).Wait(ctx); err != nil {
		return out, meta, fmt.Errorf("wait for the rate of %s: %w", service, err)
	}
	slot := g.slot(place, service)
	select {
	case slot <- struct{}{}:
		defer func() { <-slot }()
	case <-ctx.Done():
		return out, meta, ctx.Err()
	}
	out, meta, err = next.HandleFinalize(ctx, in)
	g.count(ctx, service, operation, err)
	return out, meta, err
}

func (g *Gate) count(ctx context.Context, service, operation string, err error) {
	g.Calls.Add(1)
	g.seen.LoadOrStore(service+":"+operation, true)
	throttled := err != nil && isThrottle(err, Code(err))
	if throttled {
		g.Throttles.Add(1)
	}
	attempts, _ := ctx.Value(attemptKey{}).(*int)
	retried := attempts != nil && *attempts > 0
	if attempts != nil {
		*attempts++
	}
	if u, ok := ctx.Value(unitKey{}).(*Unit); ok {
		u.counts.add(operation, counts{1, one(err != nil), one(retried), one(throttled)})
	}
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// counts are calls of one operation: attempts sent, attempts that failed,
// attempts after the first, attempts refused for their rate.
type counts struct{ calls, failed, retries, throttles int64 }

// counters counts the calls of a unit by operation.
type counters struct {
	mu sync.Mutex
	by map[string]counts
}

func (c *counters) add(operation string, n counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]counts{}
	}
	was := c.by[operation]
	c.by[operation] = counts{was.calls + n.calls, was.failed + n.failed, was.retries + n.retries, was.throttles + n.throttles}
}

// expected takes back the failure of a call whose error was an answer.
func (c *counters) expected(err error) {
	_, operation := operationOf(err)
	c.add(operation, counts{failed: -1})
}

// into adds to a table's result the calls that decide its outcome.
func (c *counters) into(result *spool.TableResult, collector *Collector) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for operation, n := range c.by {
		if collector.decides(operation) == result.Table {
			result.Calls += n.calls
			result.FailedCalls += n.failed
			result.Retries += n.retries
			result.Throttles += n.throttles
		}
	}
}
