package sim

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// APIOptions put the simulation into a client's stack, in place of the response deserializer: inside the retry
// loop, after signing, and before anything touches the network. Append them after other options that insert
// themselves next to the deserializer.
func (o *Organization) APIOptions() []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
		if err := stack.Initialize.Add(keepInput, middleware.After); err != nil {
			return fmt.Errorf("add simulated input step: %w", err)
		}
		answer := middleware.DeserializeMiddlewareFunc("SimulatedOrganization", o.handle)
		if err := stack.Deserialize.Insert(answer, "OperationDeserializer", middleware.Before); err != nil {
			return fmt.Errorf("insert simulated answer step: %w", err)
		}
		return nil
	}}
}

type inputKey struct{}

// keepInput saves the typed input, which later steps see only in its serialized form.
var keepInput = middleware.InitializeMiddlewareFunc("SimulatedInput", func(
	ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
) (middleware.InitializeOutput, middleware.Metadata, error) {
	return next.HandleInitialize(middleware.WithStackValue(ctx, inputKey{}, in.Parameters), in)
})

// handle answers one attempt.
func (o *Organization) handle(ctx context.Context, in middleware.DeserializeInput, _ middleware.DeserializeHandler) (
	out middleware.DeserializeOutput, metadata middleware.Metadata, err error,
) {
	req, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return out, metadata, fmt.Errorf("simulated organization: expected an HTTP request, got %T", in.Request)
	}
	c, err := o.identify(ctx, req)
	if err != nil {
		return out, metadata, err
	}
	result, err := c.serve()
	if err == nil {
		out.Result = result
		out.RawResponse = response(200, c.requestID)
		return out, metadata, nil
	}
	out.RawResponse, err = c.service.onWire(c.operation, err, c.requestID)
	return out, metadata, err
}

// identify reads from a request what AWS reads from it.
func (o *Organization) identify(ctx context.Context, req *smithyhttp.Request) (*call, error) {
	id, name := awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx)
	s, ok := o.services[id]
	if !ok {
		return nil, fmt.Errorf("simulated organization: service %s is not played (operation %s)", id, name)
	}
	c := &call{
		o: o, ctx: ctx, service: s, name: name, operation: s.byName[name],
		method: req.Method, host: req.URL.Host, input: middleware.GetStackValue(ctx, inputKey{}),
	}
	c.scope = readScope(req.Header.Get("Authorization"), req.Header.Get("X-Amz-Security-Token"))
	c.region = c.scope.region
	if c.region == "" {
		c.region = awsmiddleware.GetRegion(ctx)
	}
	c.attempt = readAttempt(req.Header.Get("Amz-Sdk-Request"))
	c.requestID = o.nextRequestID()
	return c, nil
}

// scope is what a signature tells: which key signed, for which region.
type scope struct{ key, region, token string }

func readScope(authorization, token string) scope {
	_, rest, ok := strings.Cut(authorization, "Credential=")
	if !ok {
		return scope{token: token}
	}
	credential, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(credential, "/")
	if len(parts) < 3 {
		return scope{token: token}
	}
	return scope{key: parts[0], region: parts[2], token: token}
}

func readAttempt(header string) int {
	for part := range strings.SplitSeq(header, ";") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(part), "attempt="); ok {
			if n, err := strconv.Atoi(value); err == nil {
				return n
			}
		}
	}
	return 1
}

// call is one attempt of one operation.
type call struct {
	o         *Organization
	ctx       context.Context
	service   *service
	operation *operation // nil: not played
	name      string
	region    string
	method    string
	host      string
	input     any
	scope     scope
	attempt   int
	requestID string

	who     *principal
	account *account
	now     time.Time
}

// serve decides on the call in the order in which AWS does: is there such an endpoint, who asks, may the account
// use the region, is it too fast, is it allowed, is the service on, and only then the answer.
func (c *call) serve() (any, error) {
	c.now = c.o.Now()
	if err := c.wait(); err != nil {
		return nil, err
	}
	if c.ctx.Err() != nil {
		return nil, canceled(c.ctx)
	}
	c.who = c.o.principal(c.scope)
	if c.who != nil {
		c.account = c.who.account
	}
	hook := c.o.count(c)
	if hook != nil {
		if err := hook(c.ctx, c.describe()); err != nil {
			return nil, err
		}
	}
	if c.operation == nil {
		return nil, fmt.Errorf("simulated organization: operation %s of %s is not played", c.name, c.service.name)
	}
	for _, check := range []func(*call) error{
		absent, authenticate, inRegion, notThrottled, notFailing, authorize, enabled, played,
	} {
		if err := check(c); err != nil {
			return nil, err
		}
	}
	return c.operation.run(c, c.input)
}

func (c *call) wait() error {
	if c.o.opts.Latency == nil {
		return nil
	}
	d := c.o.opts.Latency(c.service.name, c.name)
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.ctx.Done():
		return canceled(c.ctx)
	case <-timer.C:
		return nil
	}
}

func (c *call) describe() Call {
	d := Call{Region: c.region, Service: c.service.name, Operation: c.name, Attempt: c.attempt}
	if c.operation != nil {
		d.Actions = c.operation.actions()
	}
	if c.who != nil {
		d.Account, d.CallerARN = c.account.id, c.who.arn
	}
	return d
}
