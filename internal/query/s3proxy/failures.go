package s3proxy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/smithy-go"
)

// failures remembers why requests failed, by the URLs that DuckDB names in its messages:
// it drops what S3 or the proxy said.
type failures struct {
	mu    sync.Mutex
	byURL map[string]error
}

// keptFailures is far more than one query needs.
const keptFailures = 1000

func (f *failures) note(urls []string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byURL == nil || len(f.byURL) > keptFailures {
		f.byURL = map[string]error{}
	}
	for _, url := range urls {
		if err == nil {
			delete(f.byURL, url)
			continue
		}
		f.byURL[url] = err
	}
}

// Failure is why the request failed that a message of DuckDB is about, or nil.
func (p *Proxy) Failure(message string) error {
	p.failures.mu.Lock()
	defer p.failures.mu.Unlock()
	for url, err := range p.failures.byURL {
		if strings.Contains(message, "'"+url+"'") {
			return err
		}
	}
	return nil
}

// note keeps how a request ended.
func (p *Proxy) note(r *http.Request, err error) {
	object := "s3://" + strings.TrimPrefix(r.URL.Path, "/")
	if prefix := r.URL.Query().Get("prefix"); prefix != "" {
		object += prefix
	}
	object = strings.TrimSuffix(object, "/") // as DuckDB names what it lists
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		what := strings.TrimSuffix(api.ErrorCode()+": "+api.ErrorMessage(), ": ")
		err = fmt.Errorf("read %s: %s", object, what)
	case err != nil:
		err = fmt.Errorf("read %s: %w", object, err)
	}
	p.failures.note([]string{object, r.RequestURI}, err)
}
