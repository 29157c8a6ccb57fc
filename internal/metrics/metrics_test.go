package metrics

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"stocktake/internal/alert"
	"stocktake/internal/schedule"
)

type shown struct {
	view         schedule.View
	alive, ready error
}

func (s *shown) View() schedule.View { return s.view }
func (s *shown) Alive() error        { return s.alive }
func (s *shown) Ready() error        { return s.ready }

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestHealth(t *testing.T) {
	s := &shown{}
	h, err := Handler(s)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	for _, c := range []struct {
		alive, ready error
		path         string
		code         int
		text         string
	}{
		{nil, nil, "/healthz", 200, "ok\n"},
		{nil, nil, "/readyz", 200, "ok\n"},
		{errors.New("the loop stands"), nil, "/healthz", 503, "the loop stands\n"},
		{nil, errors.New("the process is stopping"), "/readyz", 503, "the process is stopping\n"},
		{nil, errors.New("the process is stopping"), "/healthz", 200, "ok\n"},
	} {
		s.alive, s.ready = c.alive, c.ready
		if code, text := get(t, server.URL+c.path); code != c.code || text != c.text {
			t.Errorf("%s with alive %v and ready %v: got %d %q, want %d %q", c.path, c.alive, c.ready, code, text, c.code, c.text)
		}
	}
}

func TestMetrics(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	s := &shown{view: schedule.View{
		At: at, Running: []schedule.Running{{Job: "network"}}, Unsaved: "disk full",
		Jobs: []schedule.JobView{
			{Name: "nightly", NextDue: at.Add(time.Hour), Last: &schedule.Report{Bytes: 4096, Sources: []schedule.SourceReport{{Source: "acme", Units: map[string]int64{"ok": 5, "denied": 1}, Rows: 100}}}, Totals: map[schedule.Result]int64{schedule.Complete: 7, schedule.Skipped: 2}, History: []schedule.Record{
				{Began: at.Add(-time.Hour), Ended: at.Add(-time.Hour / 2), Result: schedule.Complete}, {Began: at, Ended: at.Add(time.Second), Result: schedule.Skipped}, {Result: schedule.Missed},
			}},
			{Name: "network", NextDue: at.Add(2 * time.Hour)},
		},
		Sources: []schedule.SourceView{
			{Name: "acme", Watched: at.Add(-time.Hour), LastComplete: at.Add(-time.Minute), Calls: 50, FailedCalls: 3, Throttles: 2},
			{Name: "umbrella", Watched: at.Add(-time.Hour)},
		},
		Alerts: []schedule.AlertView{{Condition: alert.Condition{Kind: alert.Stale, Subject: "umbrella"}}},
		Told:   map[string]schedule.ChannelView{"email": {Count: alert.Count{Delivered: 3, Failed: 4}, Untold: 1}},
	}}
	h, err := Handler(s)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	code, text := get(t, server.URL+"/metrics")
	lines := strings.Split(text, "\n")
	for _, want := range []string{
		`stocktake_last_complete_run_timestamp_seconds{source="acme"} 1.79999994e+09`,
		`stocktake_last_complete_run_age_seconds{source="acme"} 60`,
		`stocktake_last_complete_run_age_seconds{source="umbrella"} 3600`,
		`stocktake_units{job="nightly",outcome="denied",source="acme"} 1`,
		`stocktake_units{job="nightly",outcome="ok",source="acme"} 5`,
		`stocktake_rows{job="nightly",source="acme"} 100`,
		`stocktake_calls_total{source="acme"} 50`,
		`stocktake_failed_calls_total{source="acme"} 3`,
		`stocktake_throttles_total{source="acme"} 2`,
		`stocktake_bytes{job="nightly"} 4096`,
		`stocktake_runs_total{job="nightly",result="complete"} 7`,
		`stocktake_runs_total{job="nightly",result="skipped"} 2`,
		`stocktake_runs_total{job="nightly",result="failed"} 0`,
		`stocktake_running{job="nightly"} 0`,
		`stocktake_running{job="network"} 1`,
		`stocktake_last_run_seconds{job="nightly"} 1800`,
		`stocktake_next_due_timestamp_seconds{job="nightly"} 1.8000036e+09`,
		`stocktake_alerts{alert="stale",subject="umbrella"} 1`,
		`stocktake_alert_deliveries_total{channel="email",result="delivered"} 3`,
		`stocktake_alert_deliveries_total{channel="email",result="failed"} 4`,
		`stocktake_alerts_untold{channel="email"} 1`,
		`stocktake_state_saved 0`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("metrics: got %d\n%s\nwant the line %s", code, text, want)
		}
	}
	if strings.Contains(text, `stocktake_last_complete_run_timestamp_seconds{source="umbrella"}`) {
		t.Error("metrics: got a time of a complete run that never took place")
	}
}
