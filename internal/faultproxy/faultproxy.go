// Package faultproxy is an HTTP proxy that harms what passes it: it cuts
// connections, lets requests hang, refuses them as AWS does, loses answers and
// shifts the server's clock. It knows HTTP and how AWS words refusals; it knows
// neither the server behind it nor what the client wants.
//
// Which requests suffer depends on the seed and on the requests alone: on what
// is asked, by whom, and how often it was asked before. The order in which
// different requests arrive has no influence.
package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// Fault is a way in which a request fails.
type Fault string

// What the proxy does to requests. A request meets one fault at most.
const (
	CutAnswer  Fault = "cut_answer"  // the connection ends within the answer's body
	CutRequest Fault = "cut_request" // the connection ends within the request's body, on both sides
	Hang       Fault = "hang"        // the server is not asked, and nobody answers
	LostAnswer Fault = "lost_answer" // the server acts, and the connection ends before its answer
	SlowDown   Fault = "slow_down"   // refused as too fast, in the words of the request's protocol
	Internal   Fault = "internal"    // refused by an internal error
	Skew       Fault = "skew"        // counts answers whose clock was shifted; it has no rate
)

// order is that in which the rates are laid out.
var order = []Fault{CutAnswer, CutRequest, Hang, LostAnswer, SlowDown, Internal}

// Options say what a proxy does.
type Options struct {
	Upstream string // URL of the server
	Seed     uint64
	Rates    map[Fault]float64 // shares of all requests, of 1
	Skew     time.Duration     // what the server's clock is ahead
	HangFor  time.Duration     // after it a hanging connection is cut; 0 waits for the client to give up

	// Mask takes out of a request's identity what is another with each run of
	// the program, such as IDs that are drawn. nil takes out nothing.
	Mask func(identity string) string
}

// Proxy listens on a port of 127.0.0.1.
type Proxy struct {
	options Options
	server  *http.Server
	url     string
	forward *httputil.ReverseProxy
	closing chan struct{}
	served  chan error

	mu       sync.Mutex
	seen     map[string]int // requests by identity
	inflicts map[Fault]int
	requests int
	roles    map[string]string // by the access keys that AssumeRole gave out
}

// Start opens a proxy, which runs until it is closed.
func Start(o Options) (*Proxy, error) {
	upstream, err := url.Parse(o.Upstream)
	if err != nil || upstream.Host == "" {
		return nil, fmt.Errorf("upstream %q: expected a URL", o.Upstream)
	}
	if err := checkRates(o.Rates); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p := &Proxy{
		options: o, url: "http://" + listener.Addr().String(), closing: make(chan struct{}), served: make(chan error, 1),
		seen: map[string]int{}, inflicts: map[Fault]int{}, roles: map[string]string{},
	}
	quiet := log.New(io.Discard, "", 0) // connections are cut on purpose
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = upstream.Scheme, upstream.Host
			r.Out.Host = r.In.Host // it is signed
		},
		Transport:      &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		FlushInterval:  -1, // what precedes a cut arrives
		ModifyResponse: p.answer,
		ErrorHandler:   unanswered,
		ErrorLog:       quiet,
	}
	p.server = &http.Server{Handler: p, ErrorLog: quiet}
	go func() { p.served <- p.server.Serve(listener) }()
	return p, nil
}

func checkRates(rates map[Fault]float64) error {
	sum := 0.0
	for f, rate := range rates {
		known := false
		for _, k := range order {
			known = known || k == f
		}
		if !known || rate < 0 {
			return fmt.Errorf("rate of %s is %v: expected a share of %v", f, rate, order)
		}
		sum += rate
	}
	if sum > 1 {
		return fmt.Errorf("rates add up to %v: expected 1 at most", sum)
	}
	return nil
}

// URL is where the proxy listens.
func (p *Proxy) URL() string { return p.url }

// Counts are the requests that met each fault so far.
func (p *Proxy) Counts() map[Fault]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.inflicts)
}

// Requests is the number of requests so far.
func (p *Proxy) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// Close ends the proxy and every connection. It is called once.
func (p *Proxy) Close() error {
	close(p.closing)
	err := p.server.Close()
	if served := <-p.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// sentence is what was decided on a request.
type sentence struct {
	fault    Fault   // "" for none
	where    float64 // share of a body that passes
	identity identity
}

type sentenceKey struct{}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, err := identify(r)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	s := p.judge(id, r.ContentLength != 0)
	switch s.fault {
	case Hang:
		p.count(Hang)
		p.hang(r)
		panic(http.ErrAbortHandler)
	case SlowDown, Internal:
		p.count(s.fault)
		p.refuse(w, r, s)
		return
	case CutRequest:
		p.count(CutRequest)
		r.Body = &cut{ReadCloser: r.Body, left: part(r.ContentLength, s.where)}
	}
	p.forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sentenceKey{}, s)))
}

// judge decides on a request.
func (p *Proxy) judge(id identity, body bool) sentence {
	p.mu.Lock()
	key := p.roles[id.accessKey]
	if key == "" {
		key = id.accessKey
	}
	text := key + " " + id.text
	if p.options.Mask != nil {
		text = p.options.Mask(text)
	}
	number := p.seen[text]
	p.seen[text]++
	p.requests++
	p.mu.Unlock()

	s := sentence{identity: id, where: draw(p.options.Seed, "where", text, number)}
	at := draw(p.options.Seed, "fault", text, number)
	for _, f := range order {
		if at < p.options.Rates[f] {
			s.fault = f
			break
		}
		at -= p.options.Rates[f]
	}
	if s.fault == CutRequest && !body {
		s.fault = "" // there is nothing to cut
	}
	return s
}

func (p *Proxy) count(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inflicts[f]++
}

// hang waits until the client gives up.
func (p *Proxy) hang(r *http.Request) {
	// A client that goes is noticed only once its request was read.
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	var enough <-chan time.Time
	if p.options.HangFor > 0 {
		timer := time.NewTimer(p.options.HangFor)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-r.Context().Done():
	case <-enough:
	case <-p.closing:
	}
}

// answer does to an answer what was decided on its request.
func (p *Proxy) answer(r *http.Response) error {
	s, _ := r.Request.Context().Value(sentenceKey{}).(sentence)
	p.skew(r.Header)
	if err := p.learn(s.identity, r); err != nil {
		return err
	}
	switch s.fault {
	case LostAnswer:
		p.count(LostAnswer)
		return errCut
	case CutAnswer:
		if r.ContentLength == 0 || r.Request.Method == http.MethodHead {
			return nil // there is nothing to cut
		}
		p.count(CutAnswer)
		r.Body = &cut{ReadCloser: r.Body, left: part(r.ContentLength, s.where)}
	}
	return nil
}

// skew shifts the times that a server puts into an answer's header; both are of
// one clock.
func (p *Proxy) skew(h http.Header) {
	if p.options.Skew == 0 {
		return
	}
	p.count(Skew)
	if h.Get("Date") == "" {
		h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	for _, name := range []string{"Date", "Last-Modified"} {
		if at, err := http.ParseTime(h.Get(name)); err == nil {
			h.Set(name, at.Add(p.options.Skew).UTC().Format(http.TimeFormat))
		}
	}
}

var errCut = errors.New("the connection is cut")

// unanswered ends the connection where the server gave no answer, or where none
// is to arrive.
func unanswered(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }

// part is how much of a body passes: less than all of it.
func part(size int64, share float64) int64 {
	if size < 0 {
		size = 1 << 10 // it is not known
	}
	return int64(share * float64(size))
}

// cut is a body that breaks off.
type cut struct {
	io.ReadCloser
	left int64
}

func (c *cut) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errCut
	}
	n, err := c.ReadCloser.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	return n, err
}
