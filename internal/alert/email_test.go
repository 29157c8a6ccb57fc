package alert

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stocktake/internal/config"
)

// mailServer speaks as much SMTP as the test needs, on loopback.
type mailServer struct {
	listener net.Listener
	tls      *tls.Config
	implicit bool              // TLS from the first byte
	noTLS    bool              // does not offer STARTTLS
	replies  map[string]string // by command, in place of the usual answer; "" hangs up

	mu       sync.Mutex
	commands []string
	letters  []string
}

const (
	mailUser     = "robot"
	mailPassword = "opensesame-7"
)

// startMail returns a server and the certificates that it is trusted by.
func startMail(t *testing.T, s *mailServer) (*mailServer, *x509.CertPool) {
	t.Helper()
	certified := httptest.NewTLSServer(nil) // for a certificate of 127.0.0.1
	defer certified.Close()
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	s.tls = &tls.Config{Certificates: certified.TLS.Certificates}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { s.listener.Close(); wg.Wait() })
	return s, roots
}

func (s *mailServer) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *mailServer) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	secure := s.implicit
	if secure {
		conn = tls.Server(conn, s.tls)
	}
	in := bufio.NewReader(conn)
	fmt.Fprintf(conn, "220 test ESMTP\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		command, rest, _ := strings.Cut(line, " ")
		command = strings.ToUpper(command)
		s.mu.Lock()
		s.commands = append(s.commands, fmt.Sprintf("%s tls=%t", line, secure))
		s.mu.Unlock()
		if reply, ok := s.replies[command]; ok {
			if reply == "" {
				return
			}
			fmt.Fprintf(conn, "%s\r\n", reply)
			continue
		}
		switch command {
		case "EHLO":
			fmt.Fprintf(conn, "250-test\r\n")
			if !secure && !s.noTLS {
				fmt.Fprintf(conn, "250-STARTTLS\r\n")
			}
			fmt.Fprintf(conn, "250 AUTH PLAIN LOGIN\r\n")
		case "STARTTLS":
			fmt.Fprintf(conn, "220 go ahead\r\n")
			conn, secure = tls.Server(conn, s.tls), true
			in = bufio.NewReader(conn)
		case "AUTH":
			want := "PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+mailUser+"\x00"+mailPassword))
			if rest != want {
				fmt.Fprintf(conn, "535 5.7.8 no such user\r\n")
				continue
			}
			fmt.Fprintf(conn, "235 welcome\r\n")
		case "DATA":
			fmt.Fprintf(conn, "354 go on\r\n")
			letter, err := readLetter(in)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.letters = append(s.letters, letter)
			s.mu.Unlock()
			fmt.Fprintf(conn, "250 taken\r\n")
		case "QUIT":
			fmt.Fprintf(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprintf(conn, "250 fine\r\n")
		}
	}
}

func readLetter(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return b.String(), err
		}
		b.WriteString(line)
	}
}

func message(t *testing.T) Message {
	t.Helper()
	b := &Book{}
	b.Begin(failed("nightly", start))
	return b.Pending(start, []string{"email"}, "stocktake on host1")[0].Message
}

func TestEmail(t *testing.T) {
	for _, c := range []struct {
		name   string
		server *mailServer
		edit   func(*email)
		error  string // "" is delivered
	}{
		{"STARTTLS and password", &mailServer{}, nil, ""},
		{"TLS from the start", &mailServer{implicit: true}, func(e *email) { e.c.TLS = "tls" }, ""},
		{"neither TLS nor password", &mailServer{noTLS: true}, func(e *email) { e.c.TLS, e.c.Username, e.c.Password = "none", "", "" }, ""},
		{"no password without TLS", &mailServer{noTLS: true}, func(e *email) { e.c.TLS = "none" }, "SMTP Auth"},
		{"a server without STARTTLS", &mailServer{noTLS: true}, nil, "STARTTLS"},
		{"a certificate of nobody", &mailServer{}, func(e *email) { e.roots = nil }, "certificate"},
		{"a wrong password", &mailServer{}, func(e *email) { e.c.Password = "wrong-9" }, "535"},
		{"a server that repeats the password", &mailServer{replies: map[string]string{"AUTH": "535 not " + mailPassword}}, nil, `535 "not [hidden]"`},
		{"a receiver that is refused", &mailServer{replies: map[string]string{"RCPT": "550 unknown"}}, nil, `550 "unknown"`},
		{"a connection that is lost before", &mailServer{replies: map[string]string{"MAIL": ""}}, nil, "send mail by 127.0.0.1"},
		{"a connection that is lost after", &mailServer{replies: map[string]string{"RSET": "", "QUIT": ""}}, nil, ""},
		{"a wrong word for TLS", &mailServer{}, func(e *email) { e.c.TLS = "maybe" }, `tls "maybe": expected starttls, tls or none`},
		{"a wrong sender", &mailServer{}, func(e *email) { e.c.From = "nobody" }, "write mail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, roots := startMail(t, c.server)
			e := &email{roots: roots, c: config.Email{
				Host: "127.0.0.1", Port: server.port(), TLS: "starttls", Username: mailUser, Password: mailPassword,
				From: "stocktake@example.com", To: []string{"cloud@example.com", "security@example.com"},
			}}
			if c.edit != nil {
				c.edit(e)
			}
			err := e.Send(t.Context(), message(t))
			server.mu.Lock()
			defer server.mu.Unlock()
			if c.error != "" {
				if err == nil || !strings.Contains(err.Error(), c.error) || strings.Contains(err.Error(), mailPassword) || len(server.letters) > 0 {
					t.Errorf("got error %v and %d letters, want one with %q and without the password, and none", err, len(server.letters), c.error)
				}
				return
			}
			if err != nil || len(server.letters) != 1 {
				t.Fatalf("got error %v and %d letters, want none and one; the server saw %q", err, len(server.letters), server.commands)
			}
			letter := server.letters[0]
			for _, want := range []string{
				"Subject: stocktake: job nightly failed", "<stocktake@example.com>", "<cloud@example.com>", "<security@example.com>",
				"The disk is full.", "What to do: Make room.", "@stocktake>",
			} {
				if !strings.Contains(letter, want) {
					t.Errorf("letter: got\n%s\nwant %q in it", letter, want)
				}
			}
			secure := !slices.ContainsFunc(server.commands, func(line string) bool {
				return strings.HasSuffix(line, "tls=false") && (strings.HasPrefix(line, "AUTH") || strings.HasPrefix(line, "MAIL"))
			})
			if secure != (e.c.TLS != "none") {
				t.Errorf("commands: got %q, want the password and the letter to be under TLS", server.commands)
			}
		})
	}
}

// TestEmailHangs: a server that says nothing ends with the context.
func TestEmailHangs(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		conn, err := silent.Accept()
		if err != nil {
			return
		}
		cancel()
		_, _ = bufio.NewReader(conn).ReadString('\n') // until the client hangs up
		conn.Close()
	})
	t.Cleanup(func() { silent.Close(); wg.Wait() })
	e := &email{c: config.Email{Host: "127.0.0.1", Port: silent.Addr().(*net.TCPAddr).Port, TLS: "none", From: "a@example.com", To: []string{"b@example.com"}}}
	done := make(chan error, 1)
	go func() { done <- e.Send(ctx, message(t)) }()
	select {
	case err := <-done:
		if err == nil {
			t.Error("got no error, want one")
		}
	case <-time.After(timeout + 10*time.Second):
		t.Error("Send did not return within its own time limit")
	}
}
