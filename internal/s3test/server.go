// Package s3test runs an S3 server for tests: versitygw over a directory, as a
// child process on the loopback interface, with buckets and with accounts that
// may do just what a test allows them. It knows nothing of warehouses.
package s3test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// Server is a running server.
type Server struct {
	Endpoint  string // http://127.0.0.1:port, for path-style requests
	Region    string
	AccessKey string // of the account that may do everything
	SecretKey string

	command *exec.Cmd
	stdin   io.Closer
	log     *lockedBuffer

	mu    sync.Mutex
	users map[string][]user // by bucket
}

// user is an account that a bucket's policy names.
type user struct {
	access  string
	actions []string
}

// Options of a server.
type Options struct {
	// CopyThreshold is the largest object that one request copies: 5 GiB, as on
	// AWS, when it is 0.
	CopyThreshold int64
}

// shared is the server of all tests of a process. It ends with the process.
var shared = sync.OnceValues(func() (*Server, error) { return New(Options{}) })

// Start returns the server of this test process, and starts it when it is the
// first to ask. Where the server cannot be built the test is skipped, except
// under CI=true.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := shared()
	check(t, err)
	return s
}

// StartOwn starts a server for one test.
func StartOwn(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	check(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, errBuild) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// New starts a server. It ends with Close, or when this process does.
func New(o Options) (*Server, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	const attempts = 5 // the port that the server finds may be taken before it listens
	for range attempts {
		var s *Server
		if s, err = start(path, o); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("start the S3 server for tests: %w", err)
}

func start(path string, o Options) (*Server, error) {
	s := &Server{Region: "us-east-1", AccessKey: "root" + rand.Text(), SecretKey: rand.Text(), log: &lockedBuffer{}, users: map[string][]user{}}
	args := []string{"-region", s.Region}
	if o.CopyThreshold > 0 {
		args = append(args, "-copy-threshold", fmt.Sprint(o.CopyThreshold))
	}
	s.command = exec.Command(path, args...)
	s.command.Env = append(os.Environ(), "GATEWAY_ACCESS_KEY="+s.AccessKey, "GATEWAY_SECRET_KEY="+s.SecretKey)
	s.command.Stderr = s.log
	stdin, err := s.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.stdin = stdin
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stdout)
	address, err := lines.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("it did not come up: %w", err), s.Close(), errors.New(s.log.String()))
	}
	s.Endpoint = "http://" + strings.TrimSpace(address)
	go io.Copy(s.log, lines) // ends with the server
	return s, nil
}

// Close ends the server and removes what it holds.
func (s *Server) Close() error {
	if err := s.stdin.Close(); err != nil {
		return err
	}
	if err := s.command.Wait(); err != nil {
		return fmt.Errorf("S3 server for tests: %w\n%s", err, s.log)
	}
	return nil
}

// Config is the configuration of a client that may do everything.
func (s *Server) Config() aws.Config {
	return aws.Config{
		Region:       s.Region,
		BaseEndpoint: aws.String(s.Endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	}
}

// Client returns a client that may do everything.
func (s *Server) Client() *awss3.Client {
	return awss3.NewFromConfig(s.Config(), func(o *awss3.Options) { o.UsePathStyle = true })
}

// Bucket makes a bucket of a name that no other has.
func (s *Server) Bucket(t testing.TB) string {
	t.Helper()
	name, err := s.NewBucket(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// NewBucket makes a bucket of a name that no other has.
func (s *Server) NewBucket(ctx context.Context) (string, error) {
	name := "bucket-" + strings.ToLower(rand.Text())
	if _, err := s.Client().CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: &name}); err != nil {
		return "", fmt.Errorf("create bucket: %w", err)
	}
	return name, nil
}

// User makes an account that may take just the given actions, such as
// s3:PutObject, in a bucket.
func (s *Server) User(t testing.TB, bucket string, actions ...string) aws.CredentialsProvider {
	t.Helper()
	c, err := s.NewUser(context.Background(), bucket, actions...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// NewUser is User outside of a test.
func (s *Server) NewUser(ctx context.Context, bucket string, actions ...string) (aws.CredentialsProvider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := user{access: "user" + rand.Text(), actions: actions}
	users := append(s.users[bucket], u)
	if err := s.allow(ctx, bucket, users); err != nil {
		return nil, err
	}
	s.users[bucket] = users
	return credentials.NewStaticCredentialsProvider(u.access, s.SecretKey+u.access, ""), nil
}

// statement of a bucket's policy.
type statement struct {
	Effect    string
	Principal map[string]string
	Action    []string
	Resource  string
}

// onBucket are the actions whose resource is the bucket and not an object.
var onBucket = map[string]bool{"s3:ListBucket": true, "s3:ListBucketMultipartUploads": true, "s3:GetBucketLocation": true}

// allow sets the policy of a bucket.
func (s *Server) allow(ctx context.Context, bucket string, users []user) error {
	var statements []statement
	for _, u := range users {
		of := map[string][]string{}
		for _, a := range u.actions {
			resource := "arn:aws:s3:::" + bucket + "/*"
			if onBucket[a] {
				resource = "arn:aws:s3:::" + bucket
			}
			of[resource] = append(of[resource], a)
		}
		for resource, actions := range of {
			statements = append(statements, statement{"Allow", map[string]string{"AWS": u.access}, actions, resource})
		}
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		return err
	}
	if _, err := s.Client().PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: &bucket, Policy: aws.String(string(text))}); err != nil {
		return fmt.Errorf("put policy of bucket %s: %w", bucket, err)
	}
	return nil
}

// lockedBuffer keeps what the server says.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
