// Package metrics shows a schedule over HTTP: whether it lives, whether it is
// ready, and its numbers for Prometheus. It changes nothing, and knows neither
// AWS nor what a run does.
package metrics

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"stocktake/internal/schedule"
)

// Schedule is what is shown.
type Schedule interface {
	View() schedule.View
	Alive() error
	Ready() error
}

// Handler answers /healthz, /readyz and /metrics.
func Handler(s Schedule) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(collector{s}); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", check(s.Alive))
	mux.HandleFunc("GET /readyz", check(s.Ready))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux, nil
}

func check(ask func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := ask(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("stocktake_"+name, help, labels, nil)
}

var (
	lastComplete = describe("last_complete_run_timestamp_seconds", "When the last complete run of a source ended; absent before the first one.", "source")
	completeAge  = describe("last_complete_run_age_seconds", "Age of the last complete run of a source; before the first one, how long it has been waited for.", "source")
	units        = describe("units", "Tables by account and region in the last published run of a job, by outcome.", "job", "source", "outcome")
	rows         = describe("rows", "Rows that the last published run of a job has read.", "job", "source")
	calls        = describe("calls_total", "Calls to AWS.", "source")
	failedCalls  = describe("failed_calls_total", "Calls to AWS that failed.", "source")
	throttles    = describe("throttles_total", "Answers of AWS that asked for fewer calls.", "source")
	bytesWritten = describe("bytes", "Bytes of the files that the last published run of a job has written; absent where that cannot be read back.", "job")
	runs         = describe("runs_total", "Due times by what became of them: a run, or why there was none.", "job", "result")
	running      = describe("running", "1 while a run of the job goes on.", "job")
	duration     = describe("last_run_seconds", "How long the last run of a job took.", "job")
	nextDue      = describe("next_due_timestamp_seconds", "When the job is due next, without the jitter.", "job")
	alerts       = describe("alerts", "1 for each condition that goes on.", "alert", "subject")
	deliveries   = describe("alert_deliveries_total", "Attempts to tell of a condition, by how they ended.", "channel", "result")
	untold       = describe("alerts_untold", "Messages that a channel has yet to deliver.", "channel")
	stateSaved   = describe("state_saved", "0 while the state of the schedule cannot be written.")
)

// collector reads the schedule whenever it is asked.
type collector struct{ s Schedule }

func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		lastComplete, completeAge, units, rows, calls, failedCalls, throttles, bytesWritten, runs, running, duration, nextDue, alerts, deliveries, untold, stateSaved,
	} {
		to <- d
	}
}

func (c collector) Collect(to chan<- prometheus.Metric) {
	v := c.s.View()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	for _, source := range v.Sources {
		since := source.Watched
		if !source.LastComplete.IsZero() {
			since = source.LastComplete
			gauge(lastComplete, seconds(since), source.Name)
		}
		gauge(completeAge, v.At.Sub(since).Seconds(), source.Name)
		counter(calls, source.Calls, source.Name)
		counter(failedCalls, source.FailedCalls, source.Name)
		counter(throttles, source.Throttles, source.Name)
	}
	for _, j := range v.Jobs {
		for _, result := range schedule.Results {
			counter(runs, j.Totals[result], j.Name, string(result))
		}
		going := 0.0
		if _, ok := v.RunOf(j.Name); ok {
			going = 1
		}
		gauge(running, going, j.Name)
		gauge(nextDue, seconds(j.NextDue), j.Name)
		if took := lastDuration(j.History); took > 0 {
			gauge(duration, took.Seconds(), j.Name)
		}
		if j.Last == nil {
			continue
		}
		if j.Last.Bytes > 0 {
			gauge(bytesWritten, float64(j.Last.Bytes), j.Name)
		}
		for _, source := range j.Last.Sources {
			gauge(rows, float64(source.Rows), j.Name, source.Source)
			for outcome, n := range source.Units {
				gauge(units, float64(n), j.Name, source.Source, outcome)
			}
		}
	}
	for _, a := range v.Alerts {
		gauge(alerts, 1, string(a.Kind), a.Subject)
	}
	for channel, told := range v.Told {
		counter(deliveries, told.Delivered, channel, "delivered")
		counter(deliveries, told.Failed, channel, "failed")
		gauge(untold, float64(told.Untold), channel)
	}
	saved := 1.0
	if v.Unsaved != "" {
		saved = 0
	}
	gauge(stateSaved, saved)
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// lastDuration is that of the last run that took place.
func lastDuration(history []schedule.Record) (took time.Duration) {
	for _, r := range history {
		if !r.Ended.IsZero() && r.Result != schedule.Skipped {
			took = r.Ended.Sub(r.Began)
		}
	}
	return took
}
