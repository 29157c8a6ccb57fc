package inspector2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"
)

// TestFailedAccounts expects a row for an account of which Inspector says only
// what is wrong with it.
func TestFailedAccounts(t *testing.T) {
	rows := states(&inspector2.BatchGetAccountStatusOutput{
		Accounts: []types.AccountState{{AccountId: aws.String("1"), State: &types.State{Status: types.StatusEnabled}}},
		FailedAccounts: []types.FailedAccount{{
			AccountId: aws.String("2"), ErrorCode: types.ErrorCodeSuspendInProgress, ErrorMessage: aws.String("later"), Status: types.StatusSuspending,
			ResourceStatus: &types.ResourceStatus{Ec2: types.StatusSuspended},
		}},
	})
	if len(rows) != 2 || *rows[1].AccountId != "2" {
		t.Fatalf("got %d rows, want those of accounts 1 and 2", len(rows))
	}
	got := rows[1]
	if got.State.ErrorCode != types.ErrorCodeSuspendInProgress || *got.State.ErrorMessage != "later" || got.State.Status != types.StatusSuspending {
		t.Errorf("got state %+v, want what is wrong with it", got.State)
	}
	if got.ResourceState.Ec2.Status != types.StatusSuspended {
		t.Errorf("got EC2 state %+v, want suspended", got.ResourceState.Ec2)
	}
}
