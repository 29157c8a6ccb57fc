package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2027, 3, 1, 2, 30, 0, 0, time.UTC)

func failed(subject string, at time.Time) Condition {
	return Condition{Kind: RunFailed, Subject: subject, Since: at, What: "The disk is full.", Accounts: []string{"111122223333"}, Advice: "Make room."}
}

// receiver is a channel that notes what arrives, and refuses by Refuse.
type receiver struct {
	name   string
	got    []string
	Refuse func(Message) error
}

func (r *receiver) Name() string { return r.name }

func (r *receiver) Send(_ context.Context, m Message) error {
	if r.Refuse != nil {
		if err := r.Refuse(m); err != nil {
			return err
		}
	}
	r.got = append(r.got, fmt.Sprintf("%s %s %s", m.Alert, m.Subject, m.State))
	return nil
}

// round does what the loop does at a tick, with the book as it comes back from a file.
func round(t *testing.T, b *Book, now time.Time, channels ...*receiver) *Book {
	t.Helper()
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	b = &Book{}
	if err := json.Unmarshal(text, b); err != nil {
		t.Fatal(err)
	}
	var names []string
	var ways []Channel
	for _, c := range channels {
		names, ways = append(names, c.name), append(ways, c)
	}
	for _, d := range Deliver(t.Context(), ways, b.Pending(now, names, "host")) {
		b.Settle(d, now)
	}
	b.Forget(names)
	return b
}

func TestToldOnce(t *testing.T) {
	mail, hook := &receiver{name: "email"}, &receiver{name: "webhook"}
	b := &Book{}
	for i := range 5 {
		at := start.Add(time.Duration(i) * time.Hour)
		if changed := b.Begin(failed("nightly", at)); changed != (i == 0) {
			t.Errorf("begin %d: got changed %t, want it the first time only", i, changed)
		}
		b = round(t, b, at, mail, hook)
	}
	if e := b.Active(RunFailed, "nightly"); e == nil || !e.Since.Equal(start) {
		t.Fatalf("active: got %+v, want one since %s", e, start)
	}
	if !b.End(RunFailed, "nightly", start.Add(6*time.Hour), "It works.") || b.End(RunFailed, "nightly", start, "") {
		t.Error("end: got no change the first time or one the second time")
	}
	for range 3 {
		b = round(t, b, start.Add(7*time.Hour), mail, hook)
	}
	want := []string{"run_failed nightly begun", "run_failed nightly ended"}
	if !slices.Equal(mail.got, want) || !slices.Equal(hook.got, want) || len(b.Entries) != 0 {
		t.Errorf("told: got %q by mail, %q by webhook, and %d entries left, want %q each and none", mail.got, hook.got, len(b.Entries), want)
	}
	if got := b.Counts["email"]; got != (Count{Delivered: 2}) {
		t.Errorf("counts of email: got %+v, want 2 delivered", got)
	}
	b.Begin(failed("nightly", start.Add(24*time.Hour)))
	if round(t, b, start.Add(24*time.Hour), mail); len(mail.got) != 3 {
		t.Errorf("a second time: got %q, want a third message", mail.got)
	}
}

// TestRetry: what a channel could not deliver comes later, ever more rarely, and
// holds up neither the other channel nor other messages.
func TestRetry(t *testing.T) {
	broken := errors.New("connection refused")
	attempts := 0
	mail := &receiver{name: "email", Refuse: func(m Message) error {
		if m.Subject == "poisoned" {
			attempts++
			return broken
		}
		return nil
	}}
	hook := &receiver{name: "webhook"}
	b := &Book{}
	b.Begin(failed("poisoned", start))
	b.Begin(failed("nightly", start.Add(time.Second)))
	for minute := range 24 * 60 {
		b = round(t, b, start.Add(time.Duration(minute)*time.Minute), mail, hook)
	}
	if want := []string{"run_failed nightly begun"}; !slices.Equal(mail.got, want) {
		t.Errorf("mail: got %q, want %q", mail.got, want)
	}
	if want := []string{"run_failed poisoned begun", "run_failed nightly begun"}; !slices.Equal(hook.got, want) {
		t.Errorf("webhook: got %q, want %q", hook.got, want)
	}
	// After 0, 1, 3, 7, 15, 31 minutes, 1 h 3 min, and each hour from then on.
	if attempts != 6+23 {
		t.Errorf("attempts in a day: got %d, want 29", attempts)
	}
	if got := b.Counts["email"]; got != (Count{Delivered: 1, Failed: 29}) || b.Untold("email") != 1 || b.Untold("webhook") != 0 {
		t.Errorf("counts: got %+v, %d and %d untold, want 1 delivered, 29 failed, 1 and 0 untold", got, b.Untold("email"), b.Untold("webhook"))
	}

	// It ends before anyone could be told by mail: one message says both.
	mail.Refuse = nil
	b.End(RunFailed, "poisoned", start.Add(24*time.Hour), "It works.")
	for range 2 {
		b = round(t, b, start.Add(24*time.Hour), mail, hook)
	}
	if want := []string{"run_failed nightly begun", "run_failed poisoned ended"}; !slices.Equal(mail.got, want) {
		t.Errorf("mail after the end: got %q, want %q", mail.got, want)
	}
}

// TestEndDuringDelivery: a message on its way is of the beginning, whatever the
// book says when it arrives.
func TestEndDuringDelivery(t *testing.T) {
	b := &Book{}
	b.Begin(failed("nightly", start))
	d := b.Pending(start, []string{"email"}, "host")[0]
	b.End(RunFailed, "nightly", start.Add(time.Minute), "It works.")
	b.Settle(d, start.Add(time.Minute))
	left := b.Pending(start.Add(time.Minute), []string{"email"}, "host")
	if len(left) != 1 || left[0].Message.State != Ended {
		t.Errorf("pending after the beginning was told: got %+v, want the end", left)
	}
}

func TestNoChannels(t *testing.T) {
	b := &Book{}
	b.Begin(failed("nightly", start))
	if b.Forget(nil); b.Active(RunFailed, "nightly") == nil {
		t.Error("without channels: got a condition that goes on forgotten, want it kept")
	}
	b.End(RunFailed, "nightly", start, "It works.")
	if b.Forget(nil); len(b.Entries) != 0 {
		t.Errorf("without channels: got %d entries after the end, want none", len(b.Entries))
	}
}

func TestText(t *testing.T) {
	b := &Book{}
	c := failed("nightly", start)
	for i := range 25 {
		c.Accounts = append(c.Accounts, fmt.Sprintf("%012d", i))
	}
	b.Begin(c)
	begun := b.Pending(start, []string{"email"}, "stocktake on host1")[0].Message
	for _, want := range []string{"The disk is full.", "Since: 2027-03-01 02:30 UTC", "111122223333, 000000000000", " and 6 more\n", "What to do: Make room.", "Sent by stocktake on host1"} {
		if !strings.Contains(begun.Text, want) {
			t.Errorf("text of a beginning: got\n%s\nwant %q in it", begun.Text, want)
		}
	}
	if begun.Title != "job nightly failed" || len(begun.Accounts) != 26 {
		t.Errorf("beginning: got title %q and %d accounts, want %q and 26", begun.Title, len(begun.Accounts), "job nightly failed")
	}
	b.End(RunFailed, "nightly", start.Add(90*time.Minute), "Run 7 was published.")
	ended := b.Pending(start, []string{"email"}, "host")[0].Message
	for _, want := range []string{"Run 7 was published.", "From 2027-03-01 02:30 UTC to 2027-03-01 04:00 UTC", "The disk is full."} {
		if !strings.Contains(ended.Text, want) {
			t.Errorf("text of an end: got\n%s\nwant %q in it", ended.Text, want)
		}
	}
	if strings.Contains(ended.Text, "What to do") || ended.ID == begun.ID {
		t.Errorf("end: got ID %s and\n%s\nwant an ID of its own and no advice", ended.ID, ended.Text)
	}
	for _, kind := range Kinds {
		if titles[kind] == ([2]string{}) {
			t.Errorf("%s has no titles", kind)
		}
	}
}
