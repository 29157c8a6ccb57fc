package resourceexplorer2_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"stocktake/extract"
	"stocktake/extract/resourceexplorer2"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
)

const (
	account = "123456789012"
	home    = "us-east-1"
	denied  = `{"Message":"User: arn:aws:sts::123456789012:assumed-role/reader/s is not authorized to perform: resource-explorer-2:ListResources"}`
	noView  = `{"Message":"no default view"}`
)

// request is a call as it arrives.
type request struct {
	Region, Path string
	Body         struct {
		ViewArn, NextToken, QueryString string
		MaxResults                      int
		Filters                         struct{ FilterString string }
	}
}

// reply is an answer: a status, and with it the type of an error or "".
type reply struct {
	status     int
	code, body string
}

func ok(body string) reply { return reply{status: http.StatusOK, body: body} }
func index(region, kind string) string {
	return fmt.Sprintf(`{"Arn":"arn:aws:resource-explorer-2:%s:%s:index/1","Region":%q,"Type":%q}`, region, account, region, kind)
}
func indexes(list ...string) reply { return ok(`{"Indexes":[` + strings.Join(list, ",") + `]}`) }
func viewARN(region, name string) string {
	return fmt.Sprintf("arn:aws:resource-explorer-2:%s:%s:view/%s/1", region, account, name)
}

func view(region, name, scope, filter string) reply {
	return ok(fmt.Sprintf(`{"Tags":{"team":"cloud"},"View":{"ViewArn":%q,"ViewName":%q,"Owner":%q,"Scope":%q,"Filters":{"FilterString":%q},"IncludedProperties":[{"Name":"tags"}]}}`,
		viewARN(region, name), name, account, scope, filter))
}

// thing is a resource of the server's.
type thing struct {
	arn, owner, region, service, kind string
	tags                              [][2]string
}

func (t thing) json() string {
	var tags []string
	for _, kv := range t.tags {
		tags = append(tags, fmt.Sprintf(`{"Key":%q,"Value":%q}`, kv[0], kv[1]))
	}
	return fmt.Sprintf(`{"Arn":%q,"OwningAccountId":%q,"Region":%q,"Service":%q,"ResourceType":%q,"LastReportedAt":"2026-11-20T10:11:12Z",
		"Properties":[{"Name":"tags","LastReportedAt":"2026-11-20T10:11:12Z","Data":[%s]},{"Name":"other","LastReportedAt":"2026-11-20T10:11:12Z","Data":{"a":[1,null]}}]}`,
		t.arn, t.owner, t.region, t.service, t.kind, strings.Join(tags, ","))
}

func answer(things []thing, more string) reply {
	var list []string
	for _, t := range things {
		list = append(list, t.json())
	}
	return ok(`{"Resources":[` + strings.Join(list, ",") + `]` + more + `}`)
}

// listed answers ListResources by pages.
func listed(r request, things []thing) reply {
	from := 0
	if r.Body.NextToken != "" {
		fmt.Sscanf(r.Body.NextToken, "from-%d", &from)
	}
	to := min(from+r.Body.MaxResults, len(things))
	more := ""
	if to < len(things) && r.Body.MaxResults < 1000 {
		more = fmt.Sprintf(`,"NextToken":"from-%d"`, to)
	}
	return answer(things[from:to], more)
}

// searched answers Search, which finds 1,000 at most, but for the filters that
// it does not heed.
func searched(r request, things []thing, unheeded ...string) reply {
	var found []thing
	for _, t := range things {
		if t.fits(r.Body.QueryString, unheeded) {
			found = append(found, t)
		}
	}
	total := min(len(found), 1000)
	return answer(found[:total], fmt.Sprintf(`,"Count":{"Complete":%t,"TotalResources":%d}`, len(found) <= 1000, total))
}

func (t thing) fits(query string, unheeded []string) bool {
	of := map[string][]string{"region": {t.region}, "service": {t.service}, "resourcetype": {t.kind}, "accountid": {t.owner}, "id": {t.arn}}
	for _, kv := range t.tags {
		of["tag.key"] = append(of["tag.key"], kv[0])
	}
	for term := range strings.FieldsSeq(query) {
		term, not := strings.CutPrefix(term, "-")
		filter, value, _ := strings.Cut(term, ":")
		value, begins := strings.CutSuffix(value, "*")
		has := slices.ContainsFunc(of[filter], func(text string) bool {
			text = strings.ToLower(text)
			return text == value || begins && strings.HasPrefix(text, value)
		})
		if has == not && !slices.Contains(unheeded, filter) {
			return false
		}
	}
	return true
}

// server is an endpoint that answers over HTTP, and keeps what it was asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []request
}

var signedFor = regexp.MustCompile(`Credential=[^/]+/[0-9]+/([^/]+)/`)

func serve(t *testing.T, answers func(request) reply) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" { // who is asking, before anything else
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::%s:user/u</Arn><UserId>u</UserId><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, account, account)
			return
		}
		q := request{Path: r.URL.Path}
		if m := signedFor.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
			q.Region = m[1]
		}
		if err := json.NewDecoder(r.Body).Decode(&q.Body); err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("read %s: %v", q.Path, err)
		}
		s.mu.Lock()
		s.asked = append(s.asked, q)
		s.mu.Unlock()
		reply := answers(q)
		w.Header().Set("Content-Type", "application/json")
		if reply.code != "" {
			w.Header().Set("X-Amzn-Errortype", reply.code)
		}
		w.WriteHeader(reply.status)
		fmt.Fprint(w, reply.body)
	}))
	t.Cleanup(s.Close)
	return s
}

// count is how many calls of an operation came from a region; "" is any.
func (s *server) count(region, path string) (n int) {
	for _, r := range s.asked {
		if r.Path == path && (region == "" || r.Region == region) {
			n++
		}
	}
	return n
}

type quiet struct{}

func (quiet) Discovering(string)         {}
func (quiet) Planned(*extract.Plan)      {}
func (quiet) UnitDone(spool.Unit)        {}
func (quiet) AccountDone(string, string) {}

// collected is what a run has of each table.
type collected struct {
	t      *testing.T
	spool  *spool.Spool
	units  []spool.Unit
	tables map[string]spool.TableResult // of the last unit that has them
}

// collect runs the collector for the account, on what the server answers.
func collect(t *testing.T, s *server, tables ...string) *collected {
	t.Helper()
	if tables == nil {
		tables = []string{"*"}
	}
	run := runOf(config.Source{Name: "test", Keys: &config.Keys{}, Collect: tables, Regions: config.Regions{Names: []string{home}}})
	run.Base = func(ctx context.Context, keys *config.Keys, region string) (aws.Config, error) {
		cfg, err := extract.AWS(run.Config)(ctx, keys, region)
		cfg.BaseEndpoint, cfg.Credentials = &s.URL, credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "key", "")
		return cfg, err
	}
	return extracted(t, run)
}

// runOf is a run of a source that no rate slows down.
func runOf(source config.Source) *extract.Run {
	source.Activate, source.HomeRegion = true, home
	run := &extract.Run{
		ID: "run-1", Observer: quiet{},
		Config: &config.File{
			Sources:     []config.Source{source},
			Concurrency: config.Concurrency{Accounts: 1, Units: 1, PerService: 4, S3: 4}, Rates: map[string]config.Rate{},
			Retry: config.Retry{MaxAttempts: 1, MaxBackoff: time.Second, Timeout: time.Minute},
		},
	}
	for _, service := range []string{"resourceexplorer2", "resourceexplorer2:Search", "organizations", "account", "sts"} {
		run.Config.Rates[service] = config.Rate{PerSecond: 1e6, Burst: 1e6}
	}
	for _, c := range resourceexplorer2.Collectors {
		run.Collectors = append(run.Collectors, c.Complete())
	}
	return run
}

func extracted(t *testing.T, run *extract.Run) *collected {
	t.Helper()
	if err := run.Prepare(); err != nil {
		t.Fatal(err)
	}
	plan, err := run.Plan(t.Context(), extract.Previous{})
	if err != nil {
		t.Fatal(err)
	}
	c := &collected{t: t, tables: map[string]spool.TableResult{}}
	if c.spool, err = spool.Create(t.TempDir(), spool.Meta{RunID: "run-1", Date: "2026-11-22"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.spool.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := run.Extract(t.Context(), plan, c.spool); err != nil {
		t.Fatal(err)
	}
	for u, err := range c.spool.Units() {
		if err != nil {
			t.Fatal(err)
		}
		c.units = append(c.units, u)
		for _, table := range u.Tables {
			c.tables[strings.TrimPrefix(table.Table, "aws_resourceexplorer2_")] = table
		}
	}
	return c
}

// want compares a table's outcome, its rows, and that none came twice.
func (c *collected) want(table string, kind outcome.Kind, code string, rows int64) {
	c.t.Helper()
	got := c.tables[table]
	if got.Outcome.Kind != kind || got.Outcome.Code != code || got.Rows != rows || got.Duplicates != 0 {
		c.t.Errorf("%s: got %+v, %d rows, %d duplicates; want %s %q, %d rows, no duplicates", table, got.Outcome, got.Rows, got.Duplicates, kind, code, rows)
	}
}

// says looks for words in the outcome.
func (c *collected) says(table string, words ...string) {
	c.t.Helper()
	o := c.tables[table].Outcome
	for _, w := range words {
		if !strings.Contains(o.Message+o.Advice, w) {
			c.t.Errorf("%s: got message %q and advice %q, want %q in them", table, o.Message, o.Advice, w)
		}
	}
}

// text is all rows of a table, as JSON.
func (c *collected) text(of spool.TableResult) string {
	c.t.Helper()
	rows, err := c.spool.Rows(of)
	if err != nil {
		c.t.Fatal(err)
	}
	var all strings.Builder
	for i := range rows.Runs() {
		run, err := rows.Run(i)
		if err != nil {
			c.t.Fatal(err)
		}
		for {
			batch, err := run.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				c.t.Fatal(err)
			}
			text, err := batch.MarshalJSON()
			if err != nil {
				c.t.Fatal(err)
			}
			all.Write(text)
		}
		if err := run.Close(); err != nil {
			c.t.Fatal(err)
		}
	}
	return all.String()
}

// things makes n resources of an account, of different regions, services and types.
func things(n int) []thing {
	var list []thing
	kinds := []string{"ec2:instance", "ec2:volume", "lambda:function", "s3:bucket", "rds:db"}
	for i := range n {
		t := thing{owner: account, region: []string{"us-east-1", "eu-west-1", "global"}[i%3], kind: kinds[i%7%len(kinds)]}
		t.service, _, _ = strings.Cut(t.kind, ":")
		t.arn = fmt.Sprintf("arn:aws:%s:%s:%s:thing/%05d", t.service, t.region, account, i)
		if i%2 == 0 {
			t.tags = [][2]string{{"Owner", "team"}}
		}
		list = append(list, t)
	}
	return list
}

// aggregated is an account with an aggregator index at home and one more index.
func aggregated(r request, resources func(request) reply) reply {
	switch r.Path {
	case "/ListIndexes":
		return indexes(index("eu-west-1", "LOCAL"), index(home, "AGGREGATOR"))
	case "/ListViews":
		return ok(fmt.Sprintf(`{"Views":[%q]}`, viewARN(r.Region, "all")))
	case "/GetView":
		return view(r.Region, "all", "arn:aws:iam::"+account+":root", "")
	}
	return resources(r)
}

// TestComplete reads an account whose resources fit in a page.
func TestComplete(t *testing.T) {
	own := things(3)
	own[0].tags = append(own[0].tags, [2]string{"api-token", "canary"})
	s := serve(t, func(r request) reply {
		return aggregated(r, func(r request) reply { return listed(r, own) })
	})
	got := collect(t, s)
	got.want("indexes", outcome.OK, "", 2)
	got.want("views", outcome.OK, "", 2)
	got.want("resources", outcome.OK, "", 3)
	for path, n := range map[string]int{"/ListIndexes": 1, "/ListViews": 2, "/GetView": 2, "/ListResources": 1, "/Search": 0} {
		if s.count("", path) != n {
			t.Errorf("got %d calls of %s, want %d", s.count("", path), path, n)
		}
	}
	if s.count(home, "/ListResources") != 1 {
		t.Errorf("the aggregator's region was not asked: %+v", s.asked)
	}
	text := got.text(got.tables["resources"])
	for _, want := range []string{`"arn:aws:ec2:us-east-1:` + account + `:thing/00000"`, `"region":"global"`, `{"key":"Owner","value":"team"}`, `{"key":"api-token","value":null}`, `"name":"other"`} {
		if !strings.Contains(text, want) {
			t.Errorf("rows lack %s: %s", want, text)
		}
	}
	if strings.Contains(text, `"name":"tags"`) || strings.Contains(text, "canary") {
		t.Errorf("tags are among the properties, or the value of a secret one is in the rows: %s", text)
	}
}

// TestUnknownTags keeps tags of another form out of the rows, and says so.
func TestUnknownTags(t *testing.T) {
	s := serve(t, func(r request) reply {
		return aggregated(r, func(r request) reply {
			reply := answer(things(1), "")
			reply.body = strings.ReplaceAll(reply.body, `[{"Key":"Owner","Value":"team"}]`, `{"Owner":"team","api-token":"canary"}`)
			return reply
		})
	})
	got := collect(t, s)
	got.want("resources", outcome.Partial, "unreadable_value", 1)
	if text := got.text(got.tables["resources"]); strings.Contains(text, "canary") || !strings.Contains(text, `"not_collected":["tags"]`) {
		t.Errorf("got %s, want it to say that it lacks the tags", text)
	}
}

// TestBeyondThousand pages through more than a search finds, without asking for
// the size that has no second page.
func TestBeyondThousand(t *testing.T) {
	s := serve(t, func(r request) reply {
		return aggregated(r, func(r request) reply { return listed(r, things(2500)) })
	})
	collect(t, s).want("resources", outcome.OK, "", 2500)
	if n := s.count(home, "/ListResources"); n != 3 {
		t.Errorf("got %d pages, want 3", n)
	}
}

// TestFullLastPage does not take a page that is full, and names no other one,
// for the end.
func TestFullLastPage(t *testing.T) {
	cut := things(2500)
	s := serve(t, func(r request) reply {
		return aggregated(r, func(r request) reply {
			if r.Path == "/Search" {
				return searched(r, cut)
			}
			return answer(cut[:999], "")
		})
	})
	if got := collect(t, s).tables["resources"]; got.Outcome.Kind != outcome.OK || got.Rows != 2500 {
		t.Errorf("got %+v with %d rows, want ok with 2500", got.Outcome, got.Rows)
	}
}

// TestSearch splits queries until each answer is complete, where the list is
// refused or not known.
func TestSearch(t *testing.T) {
	many := things(6000)
	for i := range many[:2500] { // alike but for their ARNs and tags
		many[i] = thing{arn: fmt.Sprintf("arn:aws:ec2:us-east-1:%s:volume/vol-%05d", account, i*7), owner: account, region: home, service: "ec2", kind: "ec2:volume"}
		if i%5 == 0 {
			many[i].tags = [][2]string{{"Environment", "prod"}, {"with space", "x"}}
		}
	}
	for name, refusal := range map[string]reply{
		"refused": {http.StatusForbidden, "AccessDeniedException", denied},
		"unknown": {http.StatusNotFound, "UnknownOperationException", `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(r request) reply {
				return aggregated(r, func(r request) reply {
					if r.Path == "/ListResources" {
						return refusal
					}
					return searched(r, many)
				})
			})
			collect(t, s).want("resources", outcome.OK, "", 6000)
			for _, r := range s.asked {
				if len(r.Body.QueryString) > 1280 {
					t.Errorf("got a query of %d characters", len(r.Body.QueryString))
				}
			}
			if n := s.count("", "/Search"); n > 60 {
				t.Errorf("got %d searches for 6,000 resources", n)
			}
		})
	}
}

// TestIncompleteLeaf names the queries that cannot be split further, and keeps
// no part of the rows.
func TestIncompleteLeaf(t *testing.T) {
	many := things(100)
	for i := range 1500 {
		many = append(many, thing{arn: fmt.Sprintf("arn:aws:ec2:eu-west-1:%s:volume/%d", account, i), owner: account, region: "eu-west-1", service: "ec2", kind: "ec2:volume"})
	}
	s := serve(t, func(r request) reply {
		return aggregated(r, func(r request) reply {
			if r.Path == "/ListResources" {
				return reply{http.StatusForbidden, "AccessDeniedException", denied}
			}
			return searched(r, many, "id")
		})
	})
	got := collect(t, s)
	got.want("resources", outcome.Failed, "incomplete_search", 0)
	got.says("resources", "us-east-1", "region:eu-west-1", "service:ec2")
	got.want("views", outcome.OK, "", 2)
}

// TestBothRefused says which action is missing.
func TestBothRefused(t *testing.T) {
	s := serve(t, func(r request) reply {
		return aggregated(r, func(request) reply { return reply{http.StatusForbidden, "AccessDeniedException", `{"Message":"no"}`} })
	})
	got := collect(t, s)
	got.want("resources", outcome.Denied, "AccessDeniedException", 0)
	if action := got.tables["resources"].Outcome.MissingAction; action != "resource-explorer-2:Search" {
		t.Errorf("got missing action %q", action)
	}
}

// TestNoDefaultView meets the answer 401.
func TestNoDefaultView(t *testing.T) {
	unauthorized := reply{http.StatusUnauthorized, "UnauthorizedException", noView}
	local := func(r request) reply {
		if r.Path == "/ListIndexes" {
			return indexes(index("eu-west-1", "LOCAL"), index(home, "LOCAL"))
		}
		return reply{}
	}
	for _, c := range []struct {
		name    string
		answers func(request) reply
		tables  []string
		kind    outcome.Kind
		code    string
		rows    int64
		says    []string
	}{
		{"a view without a filter takes its place", func(r request) reply {
			return aggregated(r, func(r request) reply {
				if r.Body.ViewArn != viewARN(home, "all") {
					return unauthorized
				}
				return listed(r, things(5))
			})
		}, nil, outcome.OK, "", 5, nil},
		{"so it does where views are not collected", func(r request) reply {
			return aggregated(r, func(r request) reply {
				if r.Body.ViewArn != viewARN(home, "all") {
					return unauthorized
				}
				return listed(r, things(5))
			})
		}, []string{"aws_resourceexplorer2_resources"}, outcome.OK, "", 5, nil},
		{"none is without a filter", func(r request) reply {
			if r.Path == "/GetView" {
				return view(r.Region, "all", "arn:aws:iam::"+account+":root", "service:ec2")
			}
			return aggregated(r, func(request) reply { return unauthorized })
		}, nil, outcome.NotEnabled, "", 0, []string{"us-east-1", "create a default view"}},
		{"one region of two has none", func(r request) reply {
			if a := local(r); a.status != 0 {
				return a
			}
			if r.Path == "/ListViews" {
				return ok(`{"Views":[]}`)
			}
			if r.Region == "eu-west-1" {
				return unauthorized
			}
			return listed(r, things(5))
		}, nil, outcome.Failed, "no_view", 0, []string{"eu-west-1", "aggregator"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := collect(t, serve(t, c.answers), c.tables...)
			got.want("resources", c.kind, c.code, c.rows)
			got.says("resources", c.says...)
			if got.tables["resources"].FailedCalls != 0 {
				t.Errorf("got %d failed calls: the answer was one", got.tables["resources"].FailedCalls)
			}
		})
	}
}

// TestLocalIndexes asks each region where none gathers the others.
func TestLocalIndexes(t *testing.T) {
	all := things(9)
	s := serve(t, func(r request) reply {
		if r.Path == "/ListIndexes" {
			return indexes(index("eu-west-1", "LOCAL"), index(home, "LOCAL"))
		}
		return aggregated(r, func(r request) reply {
			return listed(r, slices.DeleteFunc(slices.Clone(all), func(t thing) bool { return (t.region == "eu-west-1") != (r.Region == "eu-west-1") }))
		})
	})
	collect(t, s).want("resources", outcome.OK, "", 9)
}

// TestNoIndex is an account without Resource Explorer.
func TestNoIndex(t *testing.T) {
	got := collect(t, serve(t, func(request) reply { return indexes() }))
	for _, table := range []string{"indexes", "views", "resources"} {
		got.want(table, outcome.NotEnabled, "", 0)
		got.says(table, "turn it on")
	}
}

// TestOthersResources leaves out what a default view shows of other accounts.
func TestOthersResources(t *testing.T) {
	all := things(1200)
	for i := range 700 {
		all[i].owner = "999999999999"
	}
	for name, refuse := range map[string]bool{"listed": false, "searched": true} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(r request) reply {
				return aggregated(r, func(r request) reply {
					switch {
					case r.Path == "/Search":
						return searched(r, all)
					case refuse:
						return reply{http.StatusForbidden, "AccessDeniedException", denied}
					}
					return listed(r, slices.DeleteFunc(slices.Clone(all), func(t thing) bool { return !t.fits(r.Body.Filters.FilterString, nil) }))
				})
			})
			collect(t, s).want("resources", outcome.OK, "", 500)
		})
	}
}

// TestOrganizationView reads the simulated organization with and without its
// view: the same resources come, from the administrator alone where the accounts
// gather theirs in its region, and from the others themselves. Indexes and views
// stay each account's own.
func TestOrganizationView(t *testing.T) {
	org := sim.New(sim.Options{Seed: 3, Accounts: 14, Regions: []string{home, "eu-west-1"}, Scale: 1, Now: time.Date(2026, time.November, 22, 6, 0, 0, 0, time.UTC)})
	discovery, discoveryID := org.DiscoveryRole()
	member, memberID := org.MemberRole()
	read := func(views ...string) (*collected, map[string]map[string]bool, []string) {
		run := runOf(config.Source{
			Name: "test", Collect: []string{"*"}, Regions: config.Regions{All: true}, OrganizationViews: views,
			Organization: &config.Organization{
				Discovery:  &config.Discovery{Hops: []config.Hop{{RoleARN: discovery, ExternalID: config.Secret(discoveryID), Duration: time.Hour}}},
				MemberRole: member, ExternalID: config.Secret(memberID), Duration: time.Hour,
			},
		})
		run.Base = func(ctx context.Context, _ *config.Keys, _ string) (aws.Config, error) { return org.Config(ctx), nil }
		got := extracted(t, run)
		found, asked := map[string]map[string]bool{}, []string(nil)
		for _, u := range got.units {
			for _, table := range u.Tables {
				if found[table.Table] == nil {
					found[table.Table] = map[string]bool{}
				}
				if table.Rows == 0 {
					continue
				}
				if table.Table == "aws_resourceexplorer2_resources" {
					asked = append(asked, u.ID.Account)
				}
				for _, name := range arnOf.FindAllString(got.text(table), -1) {
					if found[table.Table][name] {
						t.Errorf("%s: %s came twice", table.Table, name)
					}
					found[table.Table][name] = true
				}
			}
		}
		return got, found, asked
	}
	_, own, each := read()
	viewed, through, some := read("resource_explorer")
	if len(own["aws_resourceexplorer2_resources"]) < 1000 || !maps.EqualFunc(own, through, maps.Equal) {
		t.Errorf("got %d resources through the view, want the %d of the accounts", len(through["aws_resourceexplorer2_resources"]), len(own["aws_resourceexplorer2_resources"]))
	}
	if len(some) == 0 || len(some) >= len(each)/2 || !slices.Contains(some, org.SecurityAccount()) {
		t.Errorf("asked %v for resources, without the view %v; want few, the administrator among them", some, each)
	}
	org.Deny(sim.Rule{Operation: "ListResources"})
	if _, found, _ := read("resource_explorer"); !maps.EqualFunc(own, found, maps.Equal) {
		t.Errorf("searches through the view find other rows than lists")
	}
	org.Deny(sim.Rule{Operation: "ListIndexesForMembers"})
	if _, found, asked := read("resource_explorer"); !maps.EqualFunc(own, found, maps.Equal) || !slices.Equal(asked, each) {
		t.Errorf("where the view cannot be told, asked %v; want %v", asked, each)
	}
	for _, u := range viewed.units {
		if u.ID.Region == "global" {
			continue
		}
		if u.ID.Account != org.SecurityAccount() || len(u.Tables) != 1 || len(u.Tables[0].Covers) < 2 {
			t.Errorf("unit of the view: got %+v", u)
		}
	}
}

var arnOf = regexp.MustCompile(`"arn":"[^"]+"`)
