package fakeaws

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Hook decides on an attempt before it is answered: an error refuses it.
type Hook func(*Call) error

// Fault is a refusal as AWS words it.
type Fault struct {
	Code    string
	Message string
	Status  int // 0: 400
}

func (f Fault) Error() string { return f.Code + ": " + f.Message }

// onWire turns an error into what the deserializer makes of the response, and
// the response itself; other errors than faults come from the transport.
func onWire(err error) (any, error) {
	var fault Fault
	if !errors.As(err, &fault) {
		return nil, err
	}
	status, kind := fault.Status, smithy.FaultClient
	if status == 0 {
		status = http.StatusBadRequest
	}
	if status >= http.StatusInternalServerError {
		kind = smithy.FaultServer
	}
	return response(status), &smithy.GenericAPIError{Code: fault.Code, Message: fault.Message, Fault: kind}
}

// On limits a hook to an operation.
func On(operation string, hook Hook) Hook {
	return func(c *Call) error {
		if c.Operation != operation {
			return nil
		}
		return hook(c)
	}
}

// Always refuses.
func Always(f Fault) Hook { return func(*Call) error { return f } }

// Nth refuses the n-th attempt of each operation.
func Nth(n int, f Fault) Hook {
	return func(c *Call) error {
		if c.Of == n {
			return f
		}
		return nil
	}
}

// First refuses the first n attempts of each operation.
func First(n int, f Fault) Hook {
	return func(c *Call) error {
		if c.Of <= n {
			return f
		}
		return nil
	}
}

// From refuses every attempt from the n-th of all on.
func From(n int, f Fault) Hook {
	return func(c *Call) error {
		if c.N >= n {
			return f
		}
		return nil
	}
}

// InRegion limits a hook to a region.
func InRegion(region string, hook Hook) Hook {
	return func(c *Call) error {
		if c.Region != region {
			return nil
		}
		return hook(c)
	}
}

// At calls do when the n-th attempt of all arrives.
func At(n int, do func()) Hook {
	return func(c *Call) error {
		if c.N == n {
			do()
		}
		return nil
	}
}

// NoSuchHost is what a client meets where a service has no endpoint.
func NoSuchHost(c *Call) error {
	host := fmt.Sprintf("%s.%s.amazonaws.com", c.Service, c.Region)
	return &smithyhttp.RequestSendError{Err: &url.Error{
		Op: "Post", URL: "https://" + host + "/",
		Err: &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}},
	}}
}
