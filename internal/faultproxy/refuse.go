package faultproxy

import (
	"io"
	"net/http"
	"strconv"
	"strings"
)

// refusal is how one protocol says no.
type refusal struct {
	status        int
	code, message string
}

// refusals are by protocol and fault.
var refusals = map[protocol]map[Fault]refusal{
	restS3: {
		SlowDown: {503, "SlowDown", "Fewer requests, please."},
		Internal: {500, "InternalError", "Something went wrong inside."},
	},
	queryEC2: {
		SlowDown: {503, "RequestLimitExceeded", "Fewer requests, please."},
		Internal: {500, "InternalError", "Something went wrong inside."},
	},
	query: {
		SlowDown: {400, "Throttling", "Fewer requests, please."},
		Internal: {500, "InternalFailure", "Something went wrong inside."},
	},
	targetJSON: {
		SlowDown: {400, "ThrottlingException", "Fewer requests, please."},
		Internal: {500, "InternalServerException", "Something went wrong inside."},
	},
	restJSON: {
		SlowDown: {429, "TooManyRequestsException", "Fewer requests, please."},
		Internal: {500, "InternalServerException", "Something went wrong inside."},
	},
}

// form is a protocol's body of a refusal.
type form struct{ kind, body string }

var forms = map[protocol]form{
	restS3:     {"application/xml", `<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId></Error>`},
	queryEC2:   {"text/xml", `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{id}</RequestID></Response>`},
	query:      {"text/xml", `<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>`},
	targetJSON: {"application/x-amz-json-1.1", `{"__type":"{code}","message":"{message}"}`},
	restJSON:   {"application/json", `{"message":"{message}"}`}, // the code is in a header
}

const requestID = "00000000-0000-4000-8000-000000000000"

// refuse answers in place of the server, which is not asked.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, s sentence) {
	no, form := refusals[s.identity.protocol][s.fault], forms[s.identity.protocol]
	body := strings.NewReplacer("{code}", no.code, "{message}", no.message, "{id}", requestID).Replace(form.body)
	h := w.Header()
	h.Set("Content-Type", form.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Requestid", requestID)
	if s.identity.protocol == restJSON {
		h.Set("X-Amzn-Errortype", no.code)
	}
	p.skew(h)
	// A client that still sends would take a closed connection for the answer.
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(no.status)
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.WriteString(w, body); err != nil {
		panic(http.ErrAbortHandler)
	}
}
