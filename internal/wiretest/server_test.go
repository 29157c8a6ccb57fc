package wiretest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// server answers in a run, each request once.
type server struct {
	*httptest.Server
	run *run

	mu  sync.Mutex
	odd []string // requests without an answer
}

func serve(t *testing.T, r *run) *server {
	v := &server{run: r}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

// ServeHTTP answers a request.
func (v *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, err := requestOf(r)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.odd = append(v.odd, fmt.Sprintf("%s %s: %v", r.Method, r.URL, err))
		http.Error(w, "odd", http.StatusBadRequest)
		return
	}
	for _, e := range v.run.exchanges {
		if e.request == asked && e.asked == 0 {
			e.asked++
			e.send(w)
			return
		}
	}
	v.odd = append(v.odd, asked)
	http.Error(w, "odd", http.StatusBadRequest)
}

// unasked expects that each request of the run came, and no other.
func (v *server) unasked(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.run.exchanges {
		if e.asked == 0 {
			t.Errorf("nobody asked\n%s", e.request)
		}
	}
	for _, asked := range v.odd {
		t.Errorf("there is no answer, or no other, to\n%s", asked)
	}
}

func (e *exchange) send(w http.ResponseWriter) {
	for key, values := range e.header {
		w.Header()[key] = values
	}
	body := []byte(e.body)
	if e.header.Get("Content-Type") == cborType {
		w.Header().Set("Smithy-Protocol", cborProtocol)
		var err error
		if body, err = toCBOR(e.body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.WriteHeader(e.status)
	w.Write(body) // a client that is gone fails its own test
}

var signed = regexp.MustCompile(`Credential=AKIAIOSFODNN7EXAMPLE/[0-9]{8}/` + region + `/([^/]+)/aws4_request`)

// requestOf brings a request of any protocol into the form of a scene's.
func requestOf(r *http.Request) (string, error) {
	scope := signed.FindStringSubmatch(r.Header.Get("Authorization"))
	if scope == nil {
		return "", fmt.Errorf("it is not signed for %s", region)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	var operation string
	var value any
	switch {
	case r.Header.Get("Smithy-Protocol") == cborProtocol && kind == cborType:
		_, operation, _ = strings.Cut(r.URL.Path, "/operation/")
		value, err = fromCBOR(body)
	case kind == "application/x-www-form-urlencoded":
		operation, value, err = form(string(body))
	case kind == "application/x-amz-json-1.0", kind == "application/x-amz-json-1.1":
		_, operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		err = json.Unmarshal(body, &value)
	default:
		operation = r.Method + " " + r.URL.RequestURI()
		if len(body) > 0 {
			err = json.Unmarshal(body, &value)
		}
	}
	asked := scope[1] + " " + operation + " "
	if value != nil {
		asked += encoded(value)
	}
	return asked, err
}

// form takes a request of the query protocol apart.
func form(body string) (operation string, parameters map[string]string, err error) {
	values, err := url.ParseQuery(body)
	parameters = map[string]string{}
	for name := range values {
		parameters[name] = values.Get(name)
	}
	operation = parameters["Action"]
	delete(parameters, "Action")
	delete(parameters, "Version")
	return operation, parameters, err
}
