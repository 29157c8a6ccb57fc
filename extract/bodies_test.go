package extract

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// lateTransport looks for bytes past the end of a body that the SDK has closed
// already, as Go's transport does when an answer comes fast.
type lateTransport struct{}

func (lateTransport) Do(r *http.Request) (*http.Response, error) {
	if _, err := io.CopyN(io.Discard, r.Body, r.ContentLength); err != nil {
		return nil, err
	}
	if err := r.Body.Close(); err != nil {
		return nil, err
	}
	_, err := io.Copy(io.Discard, r.Body)
	return nil, err
}

func TestClosedBodyIsNoErrorOfTheConnection(t *testing.T) {
	for _, c := range []struct {
		name   string
		client aws.HTTPClient
		want   error
	}{
		{"as the SDK sends it", lateTransport{}, io.EOF}, // once this is nil, plainBodies has no use
		{"plain", plainBodies{lateTransport{}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := smithyhttp.NewStackRequest().(*smithyhttp.Request)
			request.Method, request.URL.Scheme, request.URL.Host = http.MethodPost, "http", "127.0.0.1"
			request, err := request.SetStream(bytes.NewReader([]byte("Action=DescribeInstances")))
			if err != nil {
				t.Fatal(err)
			}
			request.ContentLength = 24
			if _, got := c.client.Do(request.Build(t.Context())); !errors.Is(got, c.want) {
				t.Errorf("looking past the end of a closed body: got error %v, want %v", got, c.want)
			}
		})
	}
}
