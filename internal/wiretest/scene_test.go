package wiretest

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// scene is a file of testdata. It has
//
//	# a comment; lines of the configuration may follow, where {dir} is the
//	  folder of the file
//	> who is asked (the name that the request is signed for) and for what: an
//	  operation, or where the protocol has none a method and a path; JSON
//	  follows, on this line and the next
//	< the answer to it: status, content type, other headers; the body follows
//	= a table: its outcome, then the error code or the columns that could not be
//	  read; its rows follow, as JSON
//	! a text that is in an answer, and must not be in a row
//	@ the time of another run into the same warehouse, of which the rest tells
type scene struct {
	config  string
	runs    []*run
	secrets []string
}

// run is what is asked from a time on, and what comes of it.
type run struct {
	at        time.Time
	exchanges []*exchange
	tables    []table
}

// exchange is a request and its answer.
type exchange struct {
	request string // in the form that requestOf gives it
	status  int
	header  http.Header
	body    string
	asked   int
}

// table is what a run says of a table, and its rows.
type table struct {
	name, outcome, code string
	missing             []string
	rows                []any
}

// says compares all but the rows.
func (t table) says(want table) bool {
	return t.outcome == want.outcome && t.code == want.code && slices.Equal(t.missing, want.missing)
}

// caller is the answer to what is asked in every run before anything else.
const caller = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
	`<Arn>arn:aws:iam::123456789012:user/ann</Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`

func parse(t *testing.T, name string) *scene {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{}
	for _, block := range blocks("@ " + first.Format(time.RFC3339) + "\n" + string(text)) {
		s.add(t, name, block)
	}
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	s.config = strings.ReplaceAll(s.config, "{dir}", dir)
	return s
}

// blocks are the lines of a text together with those that go on with them.
func blocks(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if starts := len(line) > 1 && strings.Contains("#><=!@", line[:1]) && line[1] == ' '; starts || len(list) == 0 {
			list = append(list, line)
		} else {
			list[len(list)-1] += line
		}
	}
	return list
}

func (s *scene) add(t *testing.T, name, block string) {
	t.Helper()
	line, rest, _ := strings.Cut(block, "\n")
	words := strings.Fields(line)
	var r *run
	if len(s.runs) > 0 {
		r = s.runs[len(s.runs)-1]
	}
	switch words[0] {
	case "@":
		at, err := time.Parse(time.RFC3339, words[1])
		if err != nil {
			t.Fatalf("%s: %s: %v", name, line, err)
		}
		s.runs = append(s.runs, &run{at: at, exchanges: []*exchange{{
			request: "sts GetCallerIdentity {}", status: http.StatusOK, header: http.Header{"Content-Type": {"text/xml"}}, body: caller,
		}}})
	case "#":
		s.config += rest
	case ">":
		head, body, _ := strings.Cut(block[2:], "{")
		if body != "" {
			body = encoded(decoded(t, name+": "+line, "{"+body))
		}
		r.exchanges = append(r.exchanges, &exchange{request: strings.TrimSpace(head) + " " + body})
	case "<":
		e := r.exchanges[len(r.exchanges)-1]
		status, err := strconv.Atoi(words[1])
		if err != nil {
			t.Fatalf("%s: %s: %v", name, line, err)
		}
		e.status, e.header, e.body = status, http.Header{"Content-Type": {words[2]}}, strings.TrimSpace(rest)
		for _, word := range words[3:] {
			key, value, _ := strings.Cut(word, "=")
			e.header.Set(key, value)
		}
	case "=":
		want := table{name: words[1], outcome: words[2]}
		for _, word := range words[3:] {
			if columns, found := strings.CutPrefix(word, "without="); found {
				want.missing = strings.Split(columns, ",")
			} else {
				want.code = word
			}
		}
		for d := json.NewDecoder(strings.NewReader(rest)); d.More(); {
			var row any
			if err := d.Decode(&row); err != nil {
				t.Fatalf("%s: rows of %s: %v", name, want.name, err)
			}
			want.rows = append(want.rows, row)
		}
		r.tables = append(r.tables, want)
	case "!":
		s.secrets = append(s.secrets, words[1])
	default:
		t.Fatalf("%s: %s: it begins with none of # > < = ! @", name, line)
	}
}

// sent is all that the scene answers.
func (s *scene) sent() string {
	var text strings.Builder
	for _, r := range s.runs {
		for _, e := range r.exchanges {
			text.WriteString(e.body)
		}
	}
	return text.String()
}

func decoded(t *testing.T, what, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return value
}

// encoded is the one form of a value: keys are sorted.
func encoded(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
