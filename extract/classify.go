package extract

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"stocktake/internal/outcome"
)

// Codes of AWS errors by what they mean, whatever the service. Many have no
// type in the SDK (EC2 has none at all), so they are compared as text.
var (
	deniedCodes = []string{
		"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException", "Unauthorized",
		"AuthorizationError", "AuthorizationErrorException", "NotAuthorizedException", "NotAuthorized", "Forbidden",
	}
	// A disabled region answers as if the credentials were wrong.
	regionCodes  = []string{"AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired", "RegionDisabledException", "InvalidToken", "SignatureDoesNotMatch", "InvalidSignatureException"}
	expiredCodes = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)

// Off is an answer that refuses nothing, and says that the service is switched
// off there.
type Off string

func (e Off) Error() string { return string(e) }

// Incompleteness is the failure of a list that came without an error, and is
// known to lack rows.
type Incompleteness struct{ Code, Message, Advice string }

func (e *Incompleteness) Error() string { return e.Message }

// Code returns the AWS error code in err, or "".
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// Classify turns an error of a walk into an outcome. One classifier serves all
// collectors.
func (u *Unit) Classify(ctx context.Context, err error) outcome.Outcome {
	o := u.classify(ctx, err)
	if late(ctx) { // whatever the calls that were cut off look like
		return tooLate
	}
	return o
}

func (u *Unit) classify(ctx context.Context, err error) outcome.Outcome {
	o := describe(err, u.Collector.actionsOf)
	code := o.Code
	var off Off
	switch {
	case errors.As(err, &off):
		o = outcome.Outcome{Kind: outcome.NotEnabled, Message: string(off)}
	case u.Collector.NotEnabled != nil && u.Collector.NotEnabled(code, o.Message):
		o = outcome.Outcome{Kind: outcome.NotEnabled, Code: code, Message: o.Message}
	case code == "AWSOrganizationsNotInUseException":
		o.Kind, o.MissingAction = outcome.NotEnabled, ""
	case slices.Contains(regionCodes, code), o.Kind == outcome.Unavailable:
		// Both answers also come from broken credentials or a broken resolver,
		// which must not pass for "there is nothing here".
		if works := u.session.stillWorks(ctx); works != nil {
			o = describe(works, nil)
			if o.Kind == outcome.Unavailable {
				o.Kind, o.Code, o.Advice = outcome.Failed, "unreachable", "Check the network and the name resolution of the machine that runs stocktake."
			} else if slices.Contains(regionCodes, o.Code) {
				o.Kind, o.Advice = outcome.CredentialsExpired, "Renew the base credentials of the source and run again with --resume."
			}
			return o
		}
		switch {
		case o.Kind == outcome.Unavailable && u.Collector.Scope != Regional: // the service is there
			o.Kind, o.Code, o.Advice = outcome.Failed, "unreachable", "Check the network and the name resolution of the machine that runs stocktake."
		case o.Kind == outcome.Unavailable:
		case u.session.region == u.session.identity.home:
			// It has just answered, so it is in use: rows must not be dropped.
		default:
			o = outcome.Outcome{Kind: outcome.RegionDisabled, Code: code, Message: o.Message}
			u.session.disable()
		}
	}
	return o
}

// actionsOf returns the IAM actions of an operation by the SDK's service ID.
func (c *Collector) actionsOf(serviceID, operation string) []string {
	if serviceID != c.Service.ID {
		return nil
	}
	return c.Service.ActionsOf(operation)
}

// describe classifies what can be told from the error alone.
func describe(err error, actions func(serviceID, operation string) []string) outcome.Outcome {
	var disabled *regionDisabledError
	if errors.As(err, &disabled) {
		return disabled.outcome
	}
	code, message := Code(err), text(err)
	o := outcome.Outcome{Kind: outcome.Failed, Code: code, Message: message}
	service, operation := operationOf(err)
	var dns *net.DNSError
	var deserialization *smithy.DeserializationError
	var timeout net.Error
	var undeclared *UndeclaredError
	var incomplete *Incompleteness
	switch {
	case errors.As(err, &incomplete):
		o.Code, o.Advice = incomplete.Code, incomplete.Advice
	case errors.As(err, &undeclared):
		o.Code, o.Advice = "undeclared", "A defect of stocktake: the collector does not declare the operation; report it."
	case slices.Contains(expiredCodes, code):
		o.Kind, o.Advice = outcome.CredentialsExpired, "Renew the base credentials of the source and run again with --resume."
	case slices.Contains(deniedCodes, code), code == "" && status(err) == 403:
		refused(&o, service, operation, actions)
	case isThrottle(err, code):
		o.Kind, o.Advice = outcome.Throttled, "Lower the rate of this service in the configuration (rates), or run at a quieter time; --resume repeats only what is missing."
	case errors.As(err, &dns) && dns.IsNotFound, code == "UnknownEndpoint":
		o.Kind, o.Code = outcome.Unavailable, "no_such_endpoint"
	case errors.Is(err, context.DeadlineExceeded):
		o.Code, o.Advice = "timeout", "Run again with --resume; raise the time-out (retry.timeout) if it happens often."
	case errors.As(err, &deserialization):
		o.Code, o.Advice = "protocol", "The endpoint does not answer as AWS does; check AWS_ENDPOINT_URL and proxies."
	case errors.As(err, &timeout) && timeout.Timeout():
		o.Code, o.Advice = "timeout", "Check the network; run again with --resume."
	case code == "":
		o.Code, o.Advice = "unreachable", "Check the network and proxies; run again with --resume."
	default:
		o.Advice = "Run again with --resume; if it stays, look the code up in the service's API reference."
	}
	if o.Code == "" { // of an answer whose body says nothing that can be read
		o.Code = fmt.Sprintf("http_%d", status(err))
		if status(err) == 0 {
			o.Code = "retry_quota"
		}
	}
	return o
}

var (
	performed = regexp.MustCompile(`not authorized to perform: ?([a-z0-9-]+:[A-Za-z0-9*]+)`)
	byOrg     = regexp.MustCompile(`(?i)explicit deny in an? (service control policy|resource control policy|permissions boundary)|no (service control policy|resource control policy|permissions boundary) allows`)
)

func refused(o *outcome.Outcome, service, operation string, actions func(string, string) []string) {
	o.Kind = outcome.Denied
	if m := performed.FindStringSubmatch(o.Message); m != nil {
		o.MissingAction = m[1]
	} else if actions != nil {
		o.MissingAction = strings.Join(actions(service, operation), ", ")
	}
	if operation == "AssumeRole" {
		o.MissingAction = "sts:AssumeRole"
		o.Advice = "The role does not exist, does not trust the caller, or expects another external ID; AWS does not say which."
	}
	if m := byOrg.FindStringSubmatch(o.Message); m != nil {
		o.Kind = outcome.Blocked
		by := m[1] + m[2]
		o.Advice = fmt.Sprintf("A %s of the organization forbids %s; set accept_blocked if that is intended.", by, o.MissingAction)
		return
	}
	if o.MissingAction != "" && operation != "AssumeRole" {
		o.Advice = fmt.Sprintf("Allow %s in the policy of the role that stocktake uses there.", o.MissingAction)
	}
}

func isThrottle(err error, code string) bool {
	if _, ok := retry.DefaultThrottleErrorCodes[code]; ok {
		return true
	}
	// The last attempt's error may be hidden behind the retryer's own budget.
	return strings.Contains(err.Error(), "failed to get rate limit token") || status(err) == 429
}

func status(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// operationOf returns the innermost operation that failed: where renewing a
// session fails, that is AssumeRole and not the call that needed it.
func operationOf(err error) (service, operation string) {
	for {
		var op *smithy.OperationError
		if !errors.As(err, &op) {
			return service, operation
		}
		service, operation, err = op.Service(), op.Operation(), op.Unwrap()
	}
}

var (
	requestID = regexp.MustCompile(`(?i),? ?\(?(request ?id|host ?id|requestid)[:=] ?[^\s,)]*\)?,?`)
	localPort = regexp.MustCompile(`[0-9A-Fa-f.:\[\]]+:[0-9]+->`) // of a broken connection
	encoded   = regexp.MustCompile(`(?s)\s*Encoded authorization failure message:.*`)
)

// text is AWS's own message, without what differs from call to call, so that
// equal failures are equal.
func text(err error) string {
	message := err.Error()
	var api smithy.APIError
	if errors.As(err, &api) {
		message = api.ErrorMessage()
		if message == "" {
			message = api.ErrorCode()
		}
	}
	message = encoded.ReplaceAllString(message, "")
	message = requestID.ReplaceAllString(message, "")
	message = localPort.ReplaceAllString(message, "")
	if len(message) > 600 {
		message = strings.ToValidUTF8(message[:600], "") + "…"
	}
	return strings.TrimSpace(message)
}
