package s3

import (
	"errors"
	"net/http"
	"slices"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aws/smithy-go"
)

// code returns the error code of an answer, or "".
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// status returns the HTTP status of an answer, or 0.
func status(err error) int {
	var e *smithyhttp.ResponseError
	if errors.As(err, &e) {
		return e.HTTPStatusCode()
	}
	return 0
}

// missing reports that there is no such object: of a missing bucket it cannot
// be told whether there is one.
func missing(err error) bool {
	return slices.Contains([]string{"NoSuchKey", "NotFound"}, code(err))
}

// noUpload reports that an upload was completed or aborted.
func noUpload(err error) bool { return code(err) == "NoSuchUpload" }

// refused reports that the condition of a write does not hold, or that another
// write to the object was on its way.
func refused(err error) bool {
	return status(err) == http.StatusPreconditionFailed || status(err) == http.StatusConflict
}
