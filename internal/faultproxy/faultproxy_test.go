package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const text = "an answer that is long enough to be cut somewhere within its body"

// upstream is a server that keeps what it was sent.
type upstream struct {
	*httptest.Server

	mu    sync.Mutex
	asked []string // paths, of requests that arrived whole
	cut   int      // requests that did not
}

func newUpstream(t *testing.T) *upstream {
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		u.mu.Lock()
		defer u.mu.Unlock()
		if err != nil {
			u.cut++
			return
		}
		u.asked = append(u.asked, r.URL.Path)
		if r.URL.Path == "/assume" {
			fmt.Fprintf(w, "<AccessKeyId>ASIA%d</AccessKeyId>", len(u.asked))
			return
		}
		w.Header().Set("Last-Modified", "Sun, 22 Nov 2026 06:00:00 GMT")
		io.WriteString(w, text)
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) arrived() (whole, cut int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.asked), u.cut
}

func start(t *testing.T, o Options) *Proxy {
	t.Helper()
	p, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// newClient has connections of its own, and gives up soon. It asks once: Go's
// client repeats requests without a body on connections that were used.
func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func get(t *testing.T, url string) (body []byte, header http.Header, err error) {
	t.Helper()
	r, err := newClient(t).Get(url)
	if err != nil {
		return nil, nil, err
	}
	defer r.Body.Close()
	body, err = io.ReadAll(r.Body)
	return body, r.Header, err
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault  Fault
		body   int // bytes of the request
		answer func(body []byte, header http.Header, err error) bool
		whole  int // requests that the server gets
	}{
		{"", 0, func(b []byte, _ http.Header, err error) bool { return err == nil && string(b) == text }, 1},
		{"", 1 << 20, func(b []byte, _ http.Header, err error) bool { return err == nil && string(b) == text }, 1},
		{CutAnswer, 0, func(b []byte, h http.Header, err error) bool {
			return errors.Is(err, io.ErrUnexpectedEOF) && h != nil && len(b) < len(text) && strings.HasPrefix(text, string(b))
		}, 1},
		{CutRequest, 1 << 20, func(_ []byte, h http.Header, err error) bool { return err != nil && h == nil }, 0},
		{Hang, 10, func(_ []byte, h http.Header, err error) bool { return err != nil && h == nil }, 0},
		{LostAnswer, 10, func(_ []byte, h http.Header, err error) bool { return err != nil && h == nil }, 1},
		{SlowDown, 1 << 20, func(b []byte, _ http.Header, err error) bool {
			return err == nil && strings.Contains(string(b), "Fewer requests")
		}, 0},
		{Internal, 10, func(b []byte, _ http.Header, err error) bool {
			return err == nil && strings.Contains(string(b), "wrong inside")
		}, 0},
	} {
		t.Run(fmt.Sprint(c.fault, " ", c.body), func(t *testing.T) {
			u := newUpstream(t)
			o := Options{Upstream: u.URL, Seed: 1, HangFor: time.Millisecond}
			if c.fault != "" {
				o.Rates = map[Fault]float64{c.fault: 1}
			}
			p := start(t, o)
			r, err := http.NewRequest(http.MethodPut, p.URL()+"/object", bytes.NewReader(make([]byte, c.body)))
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			var header http.Header
			answer, err := newClient(t).Do(r)
			if err == nil {
				header = answer.Header
				got, err = io.ReadAll(answer.Body)
				answer.Body.Close()
			}
			if !c.answer(got, header, err) {
				t.Errorf("%d bytes sent: got %q, header %v, error %v", c.body, got, header, err)
			}
			u.Close() // waits for what is under way
			whole, cut := u.arrived()
			if whole != c.whole || cut > 0 && c.fault != CutRequest {
				t.Errorf("the server got %d whole requests and %d that were cut, want %d whole", whole, cut, c.whole)
			}
			want := map[Fault]int{}
			if c.fault != "" {
				want[c.fault] = 1
			}
			if got := p.Counts(); !maps.Equal(got, want) || p.Requests() != 1 {
				t.Errorf("counts: got %v of %d requests, want %v of 1", got, p.Requests(), want)
			}
		})
	}
}

// A fault that needs a body leaves requests alone that have none.
func TestNothingToCut(t *testing.T) {
	u := newUpstream(t)
	for _, c := range []struct {
		fault  Fault
		method string
	}{{CutRequest, http.MethodGet}, {CutAnswer, http.MethodHead}} {
		p := start(t, Options{Upstream: u.URL, Rates: map[Fault]float64{c.fault: 1}})
		r, err := http.NewRequest(c.method, p.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := newClient(t).Do(r)
		if err != nil {
			t.Errorf("%s of %s: %v", c.fault, c.method, err)
			continue
		}
		answer.Body.Close()
		if n := p.Counts()[c.fault]; n != 0 {
			t.Errorf("%s of %s: counted %d times, want 0", c.fault, c.method, n)
		}
	}
}

// A hang lasts until the client gives up, and no longer than the proxy.
func TestHang(t *testing.T) {
	u := newUpstream(t)
	p := start(t, Options{Upstream: u.URL, Rates: map[Fault]float64{Hang: 1}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL(), strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t).Do(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the client's time-out ends it", err)
	}
	other, err := Start(Options{Upstream: u.URL, Rates: map[Fault]float64{Hang: 1}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, _, err := get(t, other.URL())
		ended <- err
	}()
	for other.Counts()[Hang] == 0 {
		select {
		case err := <-ended:
			t.Fatalf("the request ended with %v before it hung", err)
		default:
		}
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("a request of a closed proxy was answered")
	}
}

func TestSkew(t *testing.T) {
	u := newUpstream(t)
	ahead := 3 * time.Minute
	for _, rates := range []map[Fault]float64{nil, {SlowDown: 1}} {
		p := start(t, Options{Upstream: u.URL, Skew: ahead, Rates: rates})
		before := time.Now().Truncate(time.Second)
		_, header, err := get(t, p.URL())
		if err != nil {
			t.Fatal(err)
		}
		date, err := http.ParseTime(header.Get("Date"))
		if err != nil || date.Before(before.Add(ahead)) || date.After(time.Now().Add(ahead)) {
			t.Errorf("date: got %s, %v, want one that is %s ahead of %s", date, err, ahead, before)
		}
		if got, want := header.Get("Last-Modified"), "Sun, 22 Nov 2026 06:03:00 GMT"; rates == nil && got != want {
			t.Errorf("last modified: got %s, want %s", got, want)
		}
		if n := p.Counts()[Skew]; n != 1 {
			t.Errorf("skewed answers: got %d, want 1", n)
		}
	}
}

// suffering asks for objects, some of them several times, and returns which
// requests were refused.
func suffering(t *testing.T, seed uint64, workers int) []string {
	t.Helper()
	u := newUpstream(t)
	p := start(t, Options{Upstream: u.URL, Seed: seed, Rates: map[Fault]float64{SlowDown: 0.1}})
	work := make(chan int)
	var mu sync.Mutex
	var refused []string
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range work {
				name := fmt.Sprintf("/object-%d", i)
				for attempt := range 3 {
					body, _, err := get(t, p.URL()+name)
					if err != nil {
						t.Error(err)
					}
					if string(body) != text {
						mu.Lock()
						refused = append(refused, fmt.Sprint(name, " ", attempt))
						mu.Unlock()
					}
				}
			}
		})
	}
	for i := range 100 {
		work <- i
	}
	close(work)
	wg.Wait()
	slices.Sort(refused)
	return refused
}

func TestSameRequestsSuffer(t *testing.T) {
	one := suffering(t, 5, 1)
	if len(one) < 10 || len(one) > 60 {
		t.Errorf("%d of 300 requests are refused, want about 30", len(one))
	}
	if many := suffering(t, 5, 16); !slices.Equal(one, many) {
		t.Errorf("with 16 workers: got %v, want %v", many, one)
	}
	if other := suffering(t, 6, 16); slices.Equal(one, other) {
		t.Errorf("with another seed the same requests are refused: %v", other)
	}
}

// What is drawn anew with each run has no part in a request's identity, and the
// rest has.
func TestIdentity(t *testing.T) {
	request := func(method, path, authorization, target, body string) *http.Request {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+authorization+", SignedHeaders=host")
		r.Header.Set("X-Amz-Target", target)
		return r
	}
	east, west := "AKIA1/20261122/us-east-1/", "AKIA1/20261122/eu-west-1/"
	for _, c := range []struct {
		name string
		a, b *http.Request
		same bool
	}{
		{"other day", request("GET", "/a", east+"eks/aws4_request", "", ""), request("GET", "/a", strings.ReplaceAll(east, "22/", "23/")+"eks/aws4_request", "", ""), true},
		{"other region", request("GET", "/a", east+"eks/aws4_request", "", ""), request("GET", "/a", west+"eks/aws4_request", "", ""), false},
		{"other path", request("GET", "/a", east+"eks/aws4_request", "", ""), request("GET", "/b", east+"eks/aws4_request", "", ""), false},
		{"other page", request("GET", "/a?nextToken=1&max=2", east+"eks/aws4_request", "", ""), request("GET", "/a?nextToken=2&max=2", east+"eks/aws4_request", "", ""), true},
		{"other upload", request("PUT", "/b/k?partNumber=1&uploadId=x", east+"s3/aws4_request", "", "one"), request("PUT", "/b/k?partNumber=1&uploadId=y", east+"s3/aws4_request", "", "two"), true},
		{"other part", request("PUT", "/b/k?partNumber=1&uploadId=x", east+"s3/aws4_request", "", ""), request("PUT", "/b/k?partNumber=2&uploadId=x", east+"s3/aws4_request", "", ""), false},
		{"query, other page", request("POST", "/", east+"ec2/aws4_request", "", "Action=A&NextToken=1"), request("POST", "/", east+"ec2/aws4_request", "", "Action=A&NextToken=2"), true},
		{"query, other name", request("POST", "/", east+"iam/aws4_request", "", "Action=A&UserName=1"), request("POST", "/", east+"iam/aws4_request", "", "Action=A&UserName=2"), false},
		{"JSON, other page", request("POST", "/", east+"ecr/aws4_request", "T.A", `{"nextToken":"1"}`), request("POST", "/", east+"ecr/aws4_request", "T.A", `{}`), true},
		{"JSON, other name", request("POST", "/", east+"ecr/aws4_request", "T.A", `{"name":"1"}`), request("POST", "/", east+"ecr/aws4_request", "T.A", `{"name":"2"}`), false},
		{"JSON, other operation", request("POST", "/", east+"ecr/aws4_request", "T.A", `{}`), request("POST", "/", east+"ecr/aws4_request", "T.B", `{}`), false},
	} {
		var texts [2]string
		for i, r := range []*http.Request{c.a, c.b} {
			sent, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(sent))
			id, err := identify(r)
			if err != nil {
				t.Fatal(err)
			}
			if left, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(left, sent) {
				t.Errorf("%s: the body is %q, %v after it was looked at, want %q", c.name, left, err, sent)
			}
			texts[i] = id.text
		}
		if (texts[0] == texts[1]) != c.same {
			t.Errorf("%s: identities %q and %q, want the same: %t", c.name, texts[0], texts[1], c.same)
		}
	}
}

// Keys that AssumeRole gives out stand for the role.
func TestSessionsOfOneRole(t *testing.T) {
	u := newUpstream(t)
	seen := map[string]bool{}
	for range 2 { // the server draws other keys for the second proxy
		p := start(t, Options{Upstream: u.URL, Mask: func(identity string) string { seen[identity] = true; return identity }})
		r, err := http.NewRequest(http.MethodPost, p.URL()+"/assume", strings.NewReader("Action=AssumeRole&RoleArn=arn:aws:iam::1:role/r&RoleSessionName="+p.URL()))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := newClient(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		key := accessKeyRE.FindSubmatch(body)
		if err != nil || key == nil {
			t.Fatalf("the client of AssumeRole got %q, %v", body, err)
		}
		r, err = http.NewRequest(http.MethodGet, p.URL()+"/b", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20261122/us-east-1/eks/aws4_request, x", key[1]))
		if answer, err = newClient(t).Do(r); err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	if len(seen) != 2 {
		t.Errorf("identities: got %q, want two, the second of the role", slices.Collect(maps.Keys(seen)))
	}
}

func TestStartRefuses(t *testing.T) {
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{Upstream: "nowhere"}, "nowhere"},
		{Options{Upstream: "http://127.0.0.1:1", Rates: map[Fault]float64{"flood": 0.1}}, "flood"},
		{Options{Upstream: "http://127.0.0.1:1", Rates: map[Fault]float64{Skew: 0.1}}, "skew"},
		{Options{Upstream: "http://127.0.0.1:1", Rates: map[Fault]float64{Hang: -1}}, "hang"},
		{Options{Upstream: "http://127.0.0.1:1", Rates: map[Fault]float64{Hang: 0.7, SlowDown: 0.7}}, "1.4"},
	} {
		p, err := Start(c.options)
		if err == nil {
			p.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got error %v, want one with %q", c.options, err, c.want)
		}
	}
}
