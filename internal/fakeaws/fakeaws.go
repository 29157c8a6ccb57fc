// Package fakeaws is an AWS that knows no service: it answers any operation of
// the SDK with a full output. The SDK's own deserializer, given an empty
// response, says which output type an operation has; reflection fills it. It
// runs inside the real client stack, below signing and retries, and knows
// nothing of collectors or schemas. Only tests import it.
package fakeaws

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Account is the account that every credential leads to.
const Account = "123456789012"

// Options say what the fake answers.
type Options struct {
	Values Values
	Items  func(*Call) int // length of the list that a call returns; nil is 2
	Hooks  []Hook          // asked in order; the first error is the answer
}

// pages is the number of pages that every paginated operation has.
const pages = 2

// Call is one attempt of an operation.
type Call struct {
	Service   string // SDK's service ID
	Operation string
	Region    string
	Page      int
	More      bool // the answer names another page
	N         int  // its number among all attempts, from 1
	Of        int  // its number among the attempts of the operation, from 1
	Input     any
	Output    any   // what was answered
	Err       error // what was refused with
}

// AWS answers and remembers. Its methods may be called at the same time.
type AWS struct {
	options Options

	mu       sync.Mutex
	calls    []*Call
	of       map[string]int
	problems map[string]bool
}

// New returns a fake that has seen no call.
func New(o Options) *AWS {
	return &AWS{options: o, of: map[string]int{}, problems: map[string]bool{}}
}

// Config returns a configuration whose clients talk to the fake.
func (a *AWS) Config(region string) aws.Config {
	return aws.Config{
		Region:      region,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAFAKEFAKEFAKEFAKE", "fake", ""),
		APIOptions:  []func(*middleware.Stack) error{a.install},
	}
}

// Calls returns the attempts that arrived so far.
func (a *AWS) Calls() []*Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// Problems returns what the fake could not make up, which a test has to teach it.
func (a *AWS) Problems() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.problems))
}

// install puts the fake around the response deserializer: inside the retry
// loop, and before anything that touches the network.
func (a *AWS) install(stack *middleware.Stack) error {
	if err := stack.Initialize.Add(keepInput, middleware.After); err != nil {
		return fmt.Errorf("add input step: %w", err)
	}
	answer := middleware.DeserializeMiddlewareFunc("FakeAnswer", a.answer)
	if err := stack.Deserialize.Insert(answer, "OperationDeserializer", middleware.Before); err != nil {
		return fmt.Errorf("insert answer step: %w", err)
	}
	return stack.Deserialize.Add(empty, middleware.After)
}

type inputKey struct{}

var keepInput = middleware.InitializeMiddlewareFunc("FakeInput", func(
	ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
) (middleware.InitializeOutput, middleware.Metadata, error) {
	return next.HandleInitialize(middleware.WithStackValue(ctx, inputKey{}, in.Parameters), in)
})

// empty stands where the transport would be.
var empty = middleware.DeserializeMiddlewareFunc("FakeTransport", func(
	context.Context, middleware.DeserializeInput, middleware.DeserializeHandler,
) (out middleware.DeserializeOutput, meta middleware.Metadata, err error) {
	out.RawResponse = response(http.StatusOK)
	return out, meta, nil
})

func response(status int) *smithyhttp.Response {
	return &smithyhttp.Response{Response: &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
		Header: http.Header{"X-Amzn-Requestid": {"fake"}, "X-Amz-Request-Id": {"fake"}, "Smithy-Protocol": {"rpc-v2-cbor"}},
	}}
}

func (a *AWS) answer(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	out middleware.DeserializeOutput, meta middleware.Metadata, err error,
) {
	c := a.arrive(ctx)
	for _, hook := range a.options.Hooks {
		if c.Err = hook(c); c.Err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		c.Err = &smithy.CanceledError{Err: ctx.Err()}
	}
	if c.Err != nil {
		out.RawResponse, err = onWire(c.Err)
		return out, meta, err
	}
	if out, meta, err = next.HandleDeserialize(ctx, in); err != nil {
		return out, meta, err
	}
	output := reflect.New(reflect.TypeOf(out.Result).Elem())
	more, problems := fillOutput(a.options, c, output.Elem())
	out.Result = output.Interface()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, problem := range problems {
		a.problems[problem] = true
	}
	c.Output, c.More = out.Result, more
	return out, meta, nil
}

// arrive numbers an attempt.
func (a *AWS) arrive(ctx context.Context) *Call {
	c := &Call{
		Service: middleware.GetServiceID(ctx), Operation: middleware.GetOperationName(ctx),
		Region: awsmiddleware.GetRegion(ctx), Input: middleware.GetStackValue(ctx, inputKey{}),
	}
	if token := tokenOf(reflect.ValueOf(c.Input).Elem()); token != "" {
		c.Page = pageOf(token)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of[c.Service+"."+c.Operation]++
	c.Of = a.of[c.Service+"."+c.Operation]
	a.calls = append(a.calls, c)
	c.N = len(a.calls)
	return c
}
