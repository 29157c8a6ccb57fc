package s3

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// mute is a server that answers requests with the given bytes, and then sends
// nothing more.
func mute(t *testing.T, says string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			req, err := http.ReadRequest(bufio.NewReader(c))
			if err != nil {
				continue
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				continue
			}
			if _, err := io.WriteString(c, says); err != nil {
				continue
			}
		}
	}()
	return "http://" + l.Addr().String()
}

func TestStalledRequestsEnd(t *testing.T) {
	for _, c := range []struct{ what, says string }{
		{"a server that never answers", ""},
		{"a server that stops in its answer", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"},
	} {
		p := &patient{&http.Client{Transport: &http.Transport{}}, 100 * time.Millisecond}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, mute(t, c.says), strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := p.Do(req)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if !errors.Is(err, errStalled) {
			t.Errorf("%s: %v, want %v", c.what, err, errStalled)
		}
	}
}
