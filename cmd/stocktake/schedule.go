package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stocktake/extract/all"
	"stocktake/internal/alert"
	"stocktake/internal/config"
	"stocktake/internal/metrics"
	"stocktake/internal/pipeline"
	"stocktake/internal/runid"
	"stocktake/internal/schedule"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/load/store"
)

func (a *app) scheduleCommand() *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:   "schedule",
		Short: "Stay, and run the jobs of the configuration when they are due",
		Long: `Run the jobs that the configuration has under schedule whenever they are due, make
up for the last one that was missed while no process was there, and send the
alerts that are configured. A job that is due while its own run goes on is
skipped, another job waits. Jobs that collect nothing but tables of events wait
for none but those of the same tables.

What became of each due time is kept in a file beside the spool, so that a
restart changes nothing. The first SIGTERM or Ctrl-C stops what runs and ends
the process with exit code 0; the next start goes on with it. A second one ends the process at once.

With --once it does what is due now and ends, for something else that starts it
again and again. catch_up then has to be longer than the time in between. The
exit code is that of the worst run.`,
		Example: `  stocktake schedule
  stocktake schedule --log-format json
  stocktake schedule --once
  stocktake schedule status
  curl http://127.0.0.1:9108/metrics`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := a.scheduled()
			if err != nil {
				return err
			}
			return a.schedule(c.Context(), file, once)
		},
	}
	c.Flags().BoolVar(&once, "once", false, "do what is due now, and end")
	c.AddCommand(a.scheduleStatusCommand())
	return c
}

// scheduled reads a configuration that has a schedule.
func (a *app) scheduled() (*config.File, error) {
	file, err := a.config()
	if err == nil && file.Schedule == nil {
		err = usage(fmt.Errorf("%s: schedule is not there: expected it to say when to run, as in schedule: {cron: \"30 2 * * *\"}", file.Path))
	}
	return file, err
}

// scheduleState is the file that a schedule is remembered in.
func scheduleState(file *config.File) string { return file.Spool + ".schedule.json" }

func (a *app) schedule(ctx context.Context, file *config.File, once bool) (err error) {
	n := &nights{app: a, file: file, log: a.scheduleLog()}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("find the name of this machine: %w", err)
	}
	o := schedule.Options{
		State: scheduleState(file), Jobs: file.Schedule.Jobs, CatchUp: file.Schedule.CatchUp, Stale: file.Alerts.Stale, FailedCalls: file.Alerts.FailedCalls,
		Channels: alert.Channels(file.Alerts), Origin: fmt.Sprintf("stocktake on %s, for the warehouse %s", host, file.Warehouse), Log: n.log, Run: n.run,
	}
	o.Sources = active(file)
	if o.Apart, o.Breadth, err = jobsOf(file); err != nil {
		return err
	}
	s, err := schedule.Open(o)
	if locked := (*schedule.LockedError)(nil); errors.As(err, &locked) {
		return &exitError{exitLocked, err}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if once {
		records, err := s.Once(ctx)
		return errors.Join(err, a.printOnce(records, s.View()))
	}
	return n.stay(ctx, s)
}

// jobsOf returns which jobs may run at the same time: those that no lease keeps
// apart; and how many tables a job that is narrowed to some collects.
func jobsOf(file *config.File) (apart func(a, b config.Job) bool, breadth func(config.Job) int, err error) {
	leases, widths := map[string][]string{}, map[string]int{}
	for _, j := range file.Schedule.Jobs {
		tables, err := (&narrowing{sources: j.Sources, collect: j.Collect}).tables(file)
		if err == nil {
			leases[j.Name], err = pipeline.Leases(pipeline.Options{Config: file, Collectors: all.Collectors, Streams: all.Streams, Sources: j.Sources, Tables: tables})
		}
		if err != nil {
			return nil, nil, fmt.Errorf("job %q: %w", j.Name, err)
		}
		widths[j.Name] = len(tables)
	}
	apart = func(a, b config.Job) bool {
		return a.Name != b.Name && !slices.ContainsFunc(leases[a.Name], func(l string) bool { return slices.Contains(leases[b.Name], l) })
	}
	return apart, func(j config.Job) int { return widths[j.Name] }, nil
}

// scheduleLog says what a process that stays does, also without --verbose.
func (a *app) scheduleLog() *slog.Logger {
	if a.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.err, nil))
	}
	return slog.New(slog.NewTextHandler(a.err, nil))
}

// nights runs the jobs of a schedule through the pipeline.
type nights struct {
	*app
	file *config.File
	log  *slog.Logger
}

// stay runs the loop, and answers over HTTP meanwhile.
func (n *nights) stay(ctx context.Context, s *schedule.Scheduler) error {
	n.log.Info("schedule begins", "jobs", len(n.file.Schedule.Jobs), "state", scheduleState(n.file))
	if n.file.Schedule.Listen == "" {
		return s.Loop(ctx)
	}
	handler, err := metrics.Handler(s)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", n.file.Schedule.Listen)
	if err != nil {
		return fmt.Errorf("listen for health and metrics: %w", err)
	}
	n.log.Info("health and metrics", "address", listener.Addr().String())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(listener)
		stop() // nobody would see whether it lives
	}()
	err = s.Loop(ctx)
	err = errors.Join(err, server.Close())
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("answer health and metrics: %w", ended))
	}
	n.log.Info("schedule ends")
	return err
}

// run does a job, and goes on with an earlier run of it where that is possible.
func (n *nights) run(ctx context.Context, at schedule.Attempt) (schedule.Report, error) {
	narrowed := narrowing{sources: at.Job.Sources, collect: at.Job.Collect}
	tables, err := narrowed.tables(n.file)
	if err != nil {
		return schedule.Report{}, err
	}
	progress := n.progress()
	defer progress.Close()
	o := pipeline.Options{Sources: at.Job.Sources, Tables: tables, Observer: progress}
	if o.Resume, err = resumable(n.file.Spool, at.CutOff); err != nil {
		return schedule.Report{}, err
	}
	result, err := n.collect(ctx, n.file, o)
	if errors.Is(err, pipeline.ErrNoResume) {
		n.log.Warn("the run that was cut off cannot go on, so that a new one begins", "reason", err)
		o.Resume = false
		result, err = n.collect(ctx, n.file, o)
	}
	if err != nil {
		return n.unpublished(err)
	}
	for _, note := range result.Notes {
		n.log.Info("note", "run", result.RunID, "text", note)
	}
	report := reportOfNight(result, n.file, at.Job)
	report.Resumed, report.Bytes = o.Resume, result.Bytes
	return report, nil
}

// unpublished tells a run that another process was in the way of, and one that
// is published all the same, from one that failed.
func (n *nights) unpublished(err error) (schedule.Report, error) {
	var locked *store.LockedError
	var unfinished *load.UnfinishedError
	switch {
	case errors.As(err, &locked):
		return schedule.Report{}, &schedule.Skip{Reason: err.Error()}
	case errors.As(err, &unfinished):
		return schedule.Report{Run: unfinished.Run, ExitCode: exitIncomplete, Problem: err.Error()}, nil
	}
	return schedule.Report{}, err
}

// resumable reports whether some spool is of a run that began at that time or
// later. The IDs of runs tell.
func resumable(root string, since time.Time) (bool, error) {
	if since.IsZero() {
		return false, nil
	}
	dirs, err := spool.Find(root)
	if err != nil || len(dirs) == 0 {
		return false, err
	}
	began, err := runid.Start(filepath.Base(dirs[len(dirs)-1]))
	if err != nil {
		return false, fmt.Errorf("spool %s: expected the ID of a run: %w", dirs[len(dirs)-1], err)
	}
	return !began.Before(since.Truncate(time.Second)), nil
}

// active names the sources that take part in runs.
func active(file *config.File) (names []string) {
	for _, s := range file.Sources {
		if s.Activate {
			names = append(names, s.Name)
		}
	}
	return names
}

// reportOfNight adds up the coverage of each source that was asked.
func reportOfNight(result *pipeline.Result, file *config.File, job config.Job) schedule.Report {
	report := schedule.Report{Run: result.RunID, Complete: result.Exit == exitComplete, ExitCode: result.Exit}
	asked := job.Sources
	if len(asked) == 0 {
		asked = active(file)
	}
	type read struct {
		schedule.SourceReport
		gaps []load.CoverageRow
	}
	sources := map[string]*read{}
	for r := range result.Coverage {
		s := sources[r.Source]
		if s == nil {
			s = &read{SourceReport: schedule.SourceReport{Units: map[string]int64{}}}
			sources[r.Source] = s
		}
		s.Units[string(r.Outcome)]++
		s.Rows += r.Rows
		s.Calls += r.Calls
		s.FailedCalls += r.FailedCalls
		s.Throttles += r.Throttles
		if r.Outcome.Incomplete(file.AcceptBlocked) {
			s.gaps = append(s.gaps, r)
		}
	}
	for _, name := range asked {
		s := sources[name]
		if s == nil { // a source that says nothing was not read
			s = &read{SourceReport: schedule.SourceReport{Units: map[string]int64{}}}
		}
		s.Source, s.Complete = name, len(s.Units) > 0 && len(s.gaps) == 0
		for _, f := range failures(slices.Values(s.gaps)) {
			s.Problems = append(s.Problems, schedule.Problem{What: f.String(), Advice: f.Advice, Accounts: f.Accounts})
		}
		report.Sources = append(report.Sources, s.SourceReport)
	}
	return report
}

// printOnce says what was done, and returns the exit code of the worst.
func (a *app) printOnce(records []schedule.Record, v schedule.View) error {
	code := exitComplete
	weight := map[int]int{exitComplete: 0, exitIncomplete: 1, exitLocked: 2, exitNothing: 3}
	for _, r := range records {
		fmt.Fprintf(a.out, "%s, due %s: %s\n", r.Job, inZone(r.Due, "UTC"), said(r))
		this := map[schedule.Result]int{schedule.Complete: exitComplete, schedule.Incomplete: exitIncomplete, schedule.Skipped: exitLocked}
		if c, ok := this[r.Result]; !ok {
			code = exitNothing
		} else if weight[c] > weight[code] {
			code = c
		}
	}
	if len(records) == 0 {
		fmt.Fprintln(a.out, "nothing is due")
	}
	for _, j := range v.Jobs {
		fmt.Fprintf(a.out, "%s starts next at %s\n", j.Name, inZone(j.NextStart, j.TimeZone))
	}
	if code != exitComplete {
		return &exitError{code: code}
	}
	return nil
}

// said is a record in a few words.
func said(r schedule.Record) string {
	text := string(r.Result)
	if r.MadeUp {
		text += " (made up)"
	}
	if r.Report != nil {
		text += ", run " + r.Report.Run
		if r.Report.Resumed {
			text += " (gone on with)"
		}
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
}

func (a *app) scheduleStatusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the jobs, when they are due, and what became of the last times",
		Long: `Show the jobs of the schedule, when they are due next, what became of their last
due times, how old each source is, and the alerts that go on. It reads the file
that the process keeps, so it works while that runs, and also when it does not:
/healthz of the process tells whether it lives.`,
		Example: `  stocktake schedule status
  stocktake schedule status --json | jq '.jobs[] | {name, next_due}'`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			file, err := a.scheduled()
			if err != nil {
				return err
			}
			v, err := schedule.Status(scheduleState(file), file.Schedule.Jobs)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.out, v)
			}
			return a.printStatus(v)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// statusRecords is how many due times of a job people are shown.
const statusRecords = 10

func (a *app) printStatus(v schedule.View) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "JOB\tCRON\tTIME ZONE\tDUE NEXT\tSTARTS")
	for _, j := range v.Jobs {
		starts := inZone(j.NextStart, j.TimeZone)
		if r, ok := v.RunOf(j.Name); ok {
			starts = "running since " + inZone(r.Began, j.TimeZone)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", j.Name, j.Cron, j.TimeZone, inZone(j.NextDue, j.TimeZone), starts)
	}
	fmt.Fprintln(w, "\nJOB\tDUE\tTOOK\tRESULT\t")
	for _, j := range v.Jobs {
		for _, r := range j.History[max(0, len(j.History)-statusRecords):] {
			took := "-"
			if !r.Ended.IsZero() {
				took = r.Ended.Sub(r.Began).Round(time.Second).String()
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", j.Name, inZone(r.Due, j.TimeZone), took, said(r))
		}
	}
	fmt.Fprintln(w, "\nSOURCE\tLAST COMPLETE RUN\tAGE\tRUN\t")
	for _, s := range v.Sources {
		when, age := "-", "-"
		if !s.LastComplete.IsZero() {
			when, age = inZone(s.LastComplete, "UTC"), v.At.Sub(s.LastComplete).Round(time.Minute).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", s.Name, when, age, cmp.Or(s.LastCompleteRun, "-"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, alert := range v.Alerts {
		fmt.Fprintf(a.out, "\n%s since %s: %s\n  %s\n", alert.Kind, inZone(alert.Since, "UTC"), strings.ReplaceAll(alert.What, "\n", "\n  "), alert.Advice)
	}
	return nil
}

// inZone writes a time as clocks of the zone show it.
func inZone(t time.Time, zone string) string {
	if at, err := time.LoadLocation(zone); err == nil { // Load has refused others
		t = t.In(at)
	}
	return t.Format("2006-01-02 15:04 MST")
}
