package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"stocktake/extract"
	"stocktake/internal/spool"
)

// progress shows how a run gets on.
type progress interface {
	extract.Observer
	Step(name string) // a step of the run begins
	Close()
}

// isTerminal reports whether w is a terminal, and its width.
func isTerminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	return width, err == nil
}

func (a *app) progress() progress {
	if _, ok := isTerminal(a.err); ok && a.logFormat == "text" && !a.verbose {
		return &bars{to: a.err}
	}
	say := func(text string) { fmt.Fprintln(a.err, text) }
	if a.logFormat == "json" {
		log := slog.New(slog.NewJSONHandler(a.err, nil))
		say = func(text string) { log.Info(text) }
	}
	return logged{&lines{say: say, accounts: map[string]*tally{}}, a.log}
}

// logged adds a log record for each table of each unit.
type logged struct {
	progress
	log *slog.Logger
}

func (l logged) UnitDone(u spool.Unit) {
	l.progress.UnitDone(u)
	for _, t := range u.Tables {
		level := slog.LevelDebug
		if t.Outcome.Kind.Incomplete(false) {
			level = slog.LevelInfo
		}
		l.log.Log(context.Background(), level, "collected", "table", t.Table, "source", u.ID.Source, "account", u.ID.Account, "region", u.ID.Region,
			"outcome", t.Outcome.Kind, "code", t.Outcome.Code, "missing_action", t.Outcome.MissingAction, "rows", t.Rows,
			"calls", t.Calls, "throttles", t.Throttles, "seconds", u.EndedAt.Sub(u.StartedAt).Seconds())
	}
}

// tally counts the units of an account.
type tally struct {
	units, incomplete int
	rows, calls       int64
	started, ended    time.Time
}

func (t *tally) add(u spool.Unit) {
	t.units++
	for _, table := range u.Tables {
		t.rows += table.Rows
		t.calls += table.Calls
		if table.Outcome.Kind.Incomplete(false) {
			t.incomplete++
		}
	}
	if t.started.IsZero() || u.StartedAt.Before(t.started) {
		t.started = u.StartedAt
	}
	if u.EndedAt.After(t.ended) {
		t.ended = u.EndedAt
	}
}

// lines is the progress for logs and pipes: a line for each account.
type lines struct {
	say      func(string)
	mu       sync.Mutex
	accounts map[string]*tally
	left     int
}

func (l *lines) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.say(fmt.Sprintf(format, args...))
}

func (l *lines) Discovering(source string) { l.printf("%s: finding accounts", source) }

func (l *lines) Planned(p *extract.Plan) {
	accounts, units := p.Size()
	l.printf("collecting %d units in %d accounts", units, accounts)
	l.left = accounts
}

func (l *lines) UnitDone(u spool.Unit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.accounts[u.ID.Source+u.ID.Account]
	if t == nil {
		t = &tally{}
		l.accounts[u.ID.Source+u.ID.Account] = t
	}
	t.add(u)
}

func (l *lines) AccountDone(source, account string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left--
	t := l.accounts[source+account]
	if t == nil {
		return
	}
	state := "complete"
	if t.incomplete > 0 {
		state = fmt.Sprintf("%d tables not complete", t.incomplete)
	}
	l.say(fmt.Sprintf("%s %s: %d rows, %d calls, %s, %s; %d accounts left",
		source, account, t.rows, t.calls, t.ended.Sub(t.started).Round(10*time.Millisecond), state, l.left))
}

func (l *lines) Step(name string) { l.printf("%s", name) }
func (l *lines) Close()           {}

// bars is the progress for people at a terminal.
type bars struct {
	to io.Writer

	container              *mpb.Progress
	accounts, units        *mpb.Bar
	rows, calls, throttles atomic.Int64
}

func (b *bars) Discovering(source string) { fmt.Fprintf(b.to, "%s: finding accounts …\n", source) }

func (b *bars) Planned(p *extract.Plan) {
	accounts, units := p.Size()
	b.container = mpb.New(mpb.WithOutput(b.to), mpb.WithWidth(40))
	counter := decor.CountersNoUnit(" %d / %d")
	b.accounts = b.container.AddBar(int64(accounts), mpb.PrependDecorators(decor.Name("accounts ")), mpb.AppendDecorators(counter))
	b.units = b.container.AddBar(int64(units), mpb.PrependDecorators(decor.Name("units    ")), mpb.AppendDecorators(
		decor.CountersNoUnit(" %d / %d"),
		decor.Any(func(decor.Statistics) string {
			return fmt.Sprintf("  %d rows  %d calls  %d throttles", b.rows.Load(), b.calls.Load(), b.throttles.Load())
		}),
		decor.OnComplete(decor.AverageETA(decor.ET_STYLE_GO, decor.WC{W: 8}), ""),
	))
}

func (b *bars) UnitDone(u spool.Unit) {
	for _, t := range u.Tables {
		b.rows.Add(t.Rows)
		b.calls.Add(t.Calls)
		b.throttles.Add(t.Throttles)
	}
	b.units.Increment()
}

func (b *bars) AccountDone(string, string) { b.accounts.Increment() }

func (b *bars) Step(name string) {
	b.Close()
	fmt.Fprintf(b.to, "%s …\n", name)
}

// Close ends the bars, complete or not.
func (b *bars) Close() {
	if b.container == nil {
		return
	}
	b.accounts.Abort(false)
	b.units.Abort(false)
	b.container.Wait()
	b.container = nil
}
