// Command server plays the wire formats of AWS for one account, for `make
// bench`. It knows bytes, not SDK types: every answer is rendered before the
// first request, so that it costs the measured programs little of the machine.
// What it has no answer for is refused, and fails the bench.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// answer is what a request gets, byte for byte.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// answers are kept by service, operation and what tells one call of it from
// another: a page token, a name.
type answers map[string]answer

func (a answers) put(body, contentType string, key ...string) {
	a.fail(http.StatusOK, body, contentType, key...)
}

func (a answers) fail(status int, body, contentType string, key ...string) {
	a[strings.Join(key, " ")] = answer{status, http.Header{"Content-Type": {contentType}, "X-Amzn-Requestid": {requestID}}, []byte(body)}
}

const requestID = "b25f48e8-84fd-11e6-80d9-574e0c4664cb"

type server struct {
	answers answers
	latency time.Duration

	mu    sync.Mutex
	calls map[string]int
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	latency := flag.Duration("latency", 0, "time that every answer takes")
	flag.Parse()
	if err := serve(*listen, *latency); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func serve(listen string, latency time.Duration) error {
	s := &server{answers: answers{}, latency: latency, calls: map[string]int{}}
	for _, play := range []func(answers){playSTS, playEC2, playRDS, playIAM, playS3, playECR, playLambda, playCloudWatch} {
		play(s.answers)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", listen, err)
	}
	fmt.Printf("http://%s\n", l.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	h := &http.Server{Handler: s}
	context.AfterFunc(ctx, func() { h.Close() })
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/-/calls" {
		s.report(w)
		return
	}
	service, operation, selector, err := identify(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.latency > 0 {
		time.Sleep(s.latency)
	}
	a, ok := s.answers[strings.TrimSpace(service+" "+operation+" "+selector)]
	if !ok {
		fmt.Fprintf(os.Stderr, "server: no answer for %s %s %s\n", service, operation, selector)
		http.Error(w, "no answer", http.StatusNotImplemented)
		return
	}
	s.mu.Lock()
	s.calls[service+":"+operation]++
	s.mu.Unlock()
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header()["Content-Length"] = []string{fmt.Sprint(len(a.body))}
	w.WriteHeader(a.status)
	w.Write(a.body) // a client that hangs up is its own affair
}

// report tells what was called since the last report.
func (s *server) report(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := json.NewEncoder(w).Encode(s.calls); err != nil {
		fmt.Fprintln(os.Stderr, "server: report calls:", err)
	}
	s.calls = map[string]int{}
}

// identify finds out what a request asks. The signature names the service.
func identify(r *http.Request) (service, operation, selector string, err error) {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	parts := strings.Split(scope, "/")
	if len(parts) < 5 {
		return "", "", "", fmt.Errorf("%s %s is not signed", r.Method, r.URL)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", "", "", fmt.Errorf("read request: %w", err)
	}
	switch service = parts[3]; service {
	case "ecr":
		_, operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		selector, err = jsonSelector(body)
	case "s3":
		operation, selector = s3Operation(r.URL)
	case "lambda":
		operation, selector = lambdaOperation(r.URL)
	case "monitoring":
		operation = r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	default:
		operation, selector, err = queryOperation(body)
	}
	return service, operation, selector, err
}

func queryOperation(body []byte) (operation, selector string, err error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", "", fmt.Errorf("parse form: %w", err)
	}
	for _, name := range []string{"NextToken", "Marker", "UserName", "AccessKeyId"} {
		if selector == "" {
			selector = form.Get(name)
		}
	}
	return form.Get("Action"), selector, nil
}

func jsonSelector(body []byte) (string, error) {
	var in struct {
		RepositoryName, ResourceArn, NextToken string
		ImageID                                struct{ ImageDigest string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return "", fmt.Errorf("parse request: %w", err)
	}
	if in.ImageID.ImageDigest != "" {
		return in.ImageID.ImageDigest, nil
	}
	return in.RepositoryName + in.ResourceArn + in.NextToken, nil
}
