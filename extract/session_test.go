package extract

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"stocktake/internal/fakeaws"
)

// TestCaller takes an answer without account or ARN, as from an endpoint that
// is not AWS, for an error.
func TestCaller(t *testing.T) {
	for _, test := range []struct{ account, arn, code string }{
		{"123456789012", "arn:aws:iam::123456789012:user/a", ""},
		{"", "arn:aws:iam::123456789012:user/a", "protocol"},
		{"123456789012", "", "protocol"},
		{"123456789012", "user/a", "protocol"},
	} {
		fake := fakeaws.New(fakeaws.Options{Values: fakeaws.Values{Text: func(l fakeaws.Leaf) (string, bool) {
			text := map[string]string{"Account": test.account, "Arn": test.arn}[l.Path]
			return text, text != "" || l.Path == "UserId"
		}}})
		out, err := caller(t.Context(), fake.Config("us-east-1"))
		if Code(err) != test.code || err == nil && aws.ToString(out.Arn) != test.arn {
			t.Errorf("account %q, ARN %q: got %+v and error %v, want code %q", test.account, test.arn, out, err, test.code)
		}
	}
}
