package sim

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Fault is an answer that refuses: what AWS would put on the wire. A Hook may return one.
type Fault struct {
	Code    string
	Message string
	Status  int // 0: 400
}

func (f *Fault) Error() string { return f.Code + ": " + f.Message }

// saying is the fault with another message.
func (f Fault) saying(message string) *Fault {
	f.Message = message
	return &f
}

// dialect is how one family of services words its refusals.
type dialect struct {
	invalidKey, expired, denied, throttled, internal Fault

	badToken, badInput string // codes
}

var (
	ec2Dialect = dialect{
		invalidKey: Fault{"AuthFailure", "AWS was not able to validate the provided access credentials", 401},
		expired:    Fault{"RequestExpired", "Request has expired.", 400},
		denied:     Fault{"UnauthorizedOperation", "", 403},
		throttled:  Fault{"RequestLimitExceeded", "Request limit exceeded.", 503},
		internal:   Fault{"InternalError", "An internal error has occurred", 500},
		badToken:   "InvalidNextToken",
		badInput:   "InvalidParameterValue",
	}
	queryDialect = dialect{
		invalidKey: Fault{"InvalidClientTokenId", "The security token included in the request is invalid.", 403},
		expired:    Fault{"ExpiredToken", "The security token included in the request is expired", 403},
		denied:     Fault{"AccessDenied", "", 403},
		throttled:  Fault{"Throttling", "Rate exceeded", 400},
		internal:   Fault{"InternalFailure", "The request could not be processed.", 500},
		badToken:   "ValidationError",
		badInput:   "ValidationError",
	}
	jsonDialect = dialect{
		invalidKey: Fault{"UnrecognizedClientException", "The security token included in the request is invalid.", 400},
		expired:    Fault{"ExpiredTokenException", "The security token included in the request is expired", 400},
		denied:     Fault{"AccessDeniedException", "", 400},
		throttled:  Fault{"ThrottlingException", "Rate exceeded", 400},
		internal:   Fault{"InternalServerException", "The service failed to process the request.", 500},
		badToken:   "ValidationException",
		badInput:   "ValidationException",
	}
	restDialect = jsonDialect.with(func(d *dialect) {
		d.invalidKey.Status, d.expired.Status, d.denied.Status = 403, 403, 403
		d.throttled = Fault{"TooManyRequestsException", "Too Many Requests", 429}
	})
	s3Dialect = dialect{
		invalidKey: Fault{"InvalidAccessKeyId", "The access key ID is not known.", 403},
		expired:    Fault{"ExpiredToken", "The provided token has expired.", 400},
		denied:     Fault{"AccessDenied", "", 403},
		throttled:  Fault{"SlowDown", "Please reduce your request rate.", 503},
		internal:   Fault{"InternalError", "An internal error occurred. Please try again.", 500},
		badToken:   "InvalidArgument",
		badInput:   "InvalidArgument",
	}
)

func (d dialect) with(change func(*dialect)) dialect {
	change(&d)
	return d
}

// modelled makes the SDK's own error types of a service, by code.
type modelled map[string]func(message string) error

// model lists error types by functions that fill in the message.
func model(types ...func(message *string) smithy.APIError) modelled {
	m := modelled{}
	for _, with := range types {
		m[with(nil).ErrorCode()] = func(message string) error { return with(&message) }
	}
	return m
}

// onWire turns an error into what the deserializer would have made of the response, and the response itself.
func (s *service) onWire(op *operation, err error, requestID string) (*smithyhttp.Response, error) {
	status := 0
	var fault *Fault
	var generic smithy.APIError
	switch {
	case errors.As(err, &fault):
		status = fault.Status
		if status == 0 {
			status = http.StatusBadRequest
		}
		err = s.typed(op, fault, status)
	case errors.As(err, &generic):
		status = http.StatusBadRequest
	}
	return response(status, requestID), err
}

func (s *service) typed(op *operation, f *Fault, status int) error {
	if op != nil && op.head { // a HEAD answer has no body to carry a code
		text := http.StatusText(status)
		f = &Fault{Code: strings.ReplaceAll(text, " ", ""), Message: text}
	}
	if with, ok := s.errors[f.Code]; ok {
		return with(f.Message)
	}
	kind := smithy.FaultClient
	if status >= 500 {
		kind = smithy.FaultServer
	}
	return &smithy.GenericAPIError{Code: f.Code, Message: f.Message, Fault: kind}
}

func response(status int, requestID string) *smithyhttp.Response {
	header := http.Header{}
	if status != 0 {
		header.Set("X-Amzn-Requestid", requestID)
		header.Set("X-Amz-Request-Id", requestID)
	}
	return &smithyhttp.Response{Response: &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: http.NoBody,
	}}
}

// noSuchHost is what a client meets in a region that has no endpoint of the service.
func noSuchHost(method, host string) error {
	return &smithyhttp.RequestSendError{Err: &url.Error{
		Op:  method[:1] + strings.ToLower(method[1:]),
		URL: "https://" + host + "/",
		Err: &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}},
	}}
}

// canceled is what the transport makes of a context that ended.
func canceled(ctx context.Context) error { return &smithy.CanceledError{Err: ctx.Err()} }
