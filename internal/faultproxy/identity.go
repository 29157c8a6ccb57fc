package faultproxy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// protocol is how a service words requests and refusals.
type protocol int

const (
	restJSON protocol = iota
	restS3
	query
	queryEC2
	targetJSON
)

// identity is what a request asks, apart from values that are drawn anew with
// each run of a client or a server: signatures, tokens of pages, upload IDs.
type identity struct {
	protocol  protocol
	accessKey string
	assumed   string // the role that the request assumes
	text      string
}

// maxParameters is far more than the parameters of any call take.
const maxParameters = 1 << 20

// identify reads what a request asks. The body can be read again afterwards.
func identify(r *http.Request) (identity, error) {
	id := identity{}
	region, service := "", ""
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ := strings.Cut(rest, ",")
		if parts := strings.Split(credential, "/"); len(parts) == 5 {
			id.accessKey, region, service = parts[0], parts[2], parts[3]
		}
	}
	asked := r.Method + " " + r.URL.EscapedPath() + " " + steady(r.URL.Query())
	if service == "s3" { // its bodies are files
		id.protocol, id.text = restS3, strings.Join([]string{region, service, asked}, " ")
		return id, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxParameters))
	if err != nil {
		return id, fmt.Errorf("read request: %w", err)
	}
	rest := r.Body
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), rest}
	parameters := ""
	form, formErr := url.ParseQuery(string(body))
	target := r.Header.Get("X-Amz-Target")
	switch {
	case target != "":
		id.protocol, parameters = targetJSON, steadyJSON(body)
	case formErr == nil && form.Get("Action") != "":
		id.protocol, parameters = query, steady(form)
		if service == "ec2" {
			id.protocol = queryEC2
		}
		if form.Get("Action") == "AssumeRole" {
			id.assumed = form.Get("RoleArn")
		}
	default:
		parameters = steadyJSON(body)
	}
	id.text = strings.Join([]string{region, service, target, asked, parameters}, " ")
	return id, nil
}

// drawn reports parameters whose values are another with each run.
func drawn(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "token") || strings.HasSuffix(name, "marker") || name == "uploadid" || name == "rolesessionname"
}

func steady(v url.Values) string {
	for name := range v {
		if drawn(name) {
			v.Del(name)
		}
	}
	return v.Encode()
}

// steadyJSON is the parameters in a body; one that is no JSON object has none.
func steadyJSON(body []byte) string {
	var parameters map[string]json.RawMessage
	if json.Unmarshal(body, &parameters) != nil {
		return ""
	}
	v := url.Values{}
	for name, value := range parameters {
		v.Set(name, string(value))
	}
	return steady(v)
}

var accessKeyRE = regexp.MustCompile(`<AccessKeyId>([^<]+)</AccessKeyId>`)

// learn notes whose the keys are that an answer gives out: keys are drawn anew,
// and the role is what stays.
func (p *Proxy) learn(id identity, r *http.Response) error {
	if id.assumed == "" || r.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(body), r.Body}
	if found := accessKeyRE.FindSubmatch(body); found != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.roles[string(found[1])] = id.assumed
	}
	return nil
}

// draw is a number from 0 to 1, and always the same one.
func draw(seed uint64, what, text string, number int) float64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %d %s", seed, what, number, text))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}
