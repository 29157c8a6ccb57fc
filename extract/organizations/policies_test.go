package organizations

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"
)

func TestNoSuchType(t *testing.T) {
	for want, errs := range map[bool][]error{
		true: {
			&types.UnsupportedAPIEndpointException{},
			&types.InvalidInputException{Reason: types.InvalidInputExceptionReasonInvalidEnumPolicyType},
			fmt.Errorf("operation error: %w", &types.InvalidInputException{Reason: types.InvalidInputExceptionReasonInvalidEnum}),
		},
		false: {
			&types.InvalidInputException{Reason: types.InvalidInputExceptionReasonInvalidPaginationToken},
			&types.InvalidInputException{},
			&types.AccessDeniedException{},
			&smithy.GenericAPIError{Code: "ThrottlingException"},
		},
	} {
		for _, err := range errs {
			if got := noSuchType(err); got != want {
				t.Errorf("%v: got %t, want %t", err, got, want)
			}
		}
	}
}
