// Package alert knows what is wrong, whom that was told, and how to tell it: a
// condition is told once when it begins and once when it ends. When a condition
// holds is decided by the caller, who also keeps the book between starts of the
// process. The package must not know schedules, nor AWS.
package alert

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is a sort of condition.
type Kind string

const (
	RunFailed     Kind = "run_failed"     // a job's last run was not published
	RunIncomplete Kind = "run_incomplete" // it was, and some units are not complete
	SourceFailing Kind = "source_failing" // too large a share of a source's calls fails
	Stale         Kind = "stale"          // no complete run of a source for too long
)

// Kinds lists them all.
var Kinds = []Kind{RunFailed, RunIncomplete, SourceFailing, Stale}

// titles are what a condition is called when it begins and when it ends.
var titles = map[Kind][2]string{
	RunFailed:     {"job %s failed", "job %s works again"},
	RunIncomplete: {"job %s is not complete", "job %s is complete again"},
	SourceFailing: {"calls of source %s fail", "calls of source %s succeed again"},
	Stale:         {"source %s is out of date", "source %s is up to date again"},
}

// Condition is something that someone should look after.
type Condition struct {
	Kind     Kind      `json:"alert"`
	Subject  string    `json:"subject"` // a job or a source
	Since    time.Time `json:"since"`
	What     string    `json:"what"` // in plain words
	Accounts []string  `json:"accounts,omitempty"`
	Advice   string    `json:"advice"` // what to do next
}

// Book holds the conditions that go on, and those that ended and not everyone
// was told of. Its zero value is empty.
type Book struct {
	Entries []*Entry         `json:"entries,omitempty"`
	Counts  map[string]Count `json:"counts,omitempty"` // by channel
}

// Entry is a condition and who was told.
type Entry struct {
	Condition
	Until  time.Time       `json:"until,omitzero"` // when it ended
	Reason string          `json:"reason,omitempty"`
	Told   map[string]Told `json:"told,omitempty"` // by channel
}

// Told says what a channel has delivered of an entry.
type Told struct {
	Begin    bool      `json:"begin,omitempty"`
	End      bool      `json:"end,omitempty"`
	Failures int       `json:"failures,omitempty"` // deliveries that failed in a row
	Next     time.Time `json:"next,omitzero"`      // of the next attempt
}

// Count is how many deliveries a channel has made.
type Count struct {
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`
}

// Active returns the entry of a condition that goes on, nil where there is none.
func (b *Book) Active(kind Kind, subject string) *Entry {
	for _, e := range b.Entries {
		if e.Kind == kind && e.Subject == subject && e.Until.IsZero() {
			return e
		}
	}
	return nil
}

// Begin notes that a condition holds. One that goes on keeps its beginning, and
// takes the newer words. It reports whether the book has changed.
func (b *Book) Begin(c Condition) bool {
	c.Since = c.Since.UTC()
	e := b.Active(c.Kind, c.Subject)
	if e == nil {
		b.Entries = append(b.Entries, &Entry{Condition: c})
		return true
	}
	c.Since = e.Since
	if e.What == c.What && e.Advice == c.Advice && slices.Equal(e.Accounts, c.Accounts) {
		return false
	}
	e.Condition = c
	return true
}

// End notes that a condition does not hold, and why. It reports whether the
// book has changed.
func (b *Book) End(kind Kind, subject string, at time.Time, reason string) bool {
	e := b.Active(kind, subject)
	if e == nil {
		return false
	}
	e.Until, e.Reason = at.UTC(), reason
	for channel, t := range e.Told {
		t.Failures, t.Next = 0, time.Time{}
		e.Told[channel] = t
	}
	return true
}

// Delivery is a message that a channel has to deliver.
type Delivery struct {
	Channel string
	Message Message
	Err     error // of the attempt
}

// Pending returns what is to be delivered by now, the oldest first. A condition
// that ended before a channel could tell its beginning is told there once, by
// the message of its end.
func (b *Book) Pending(now time.Time, channels []string, origin string) []Delivery {
	var due []Delivery
	failures := map[string]int{}
	for _, e := range b.Entries {
		for _, channel := range channels {
			t := e.Told[channel]
			if t.done(e) || t.Next.After(now) {
				continue
			}
			d := Delivery{Channel: channel, Message: e.message(origin)}
			due = append(due, d)
			failures[d.Message.ID+channel] = t.Failures
		}
	}
	// A message that a channel always refuses does not hold up the others.
	slices.SortStableFunc(due, func(x, y Delivery) int {
		return cmp.Compare(failures[x.Message.ID+x.Channel], failures[y.Message.ID+y.Channel])
	})
	return due
}

func (t Told) done(e *Entry) bool {
	if e.Until.IsZero() {
		return t.Begin
	}
	return t.End
}

// Untold counts the messages that wait for a channel.
func (b *Book) Untold(channel string) int {
	n := 0
	for _, e := range b.Entries {
		if !e.Told[channel].done(e) {
			n++
		}
	}
	return n
}

// Settle notes how an attempt ended, and sets the time of the next one where it
// failed.
func (b *Book) Settle(d Delivery, now time.Time) {
	if b.Counts == nil {
		b.Counts = map[string]Count{}
	}
	count := b.Counts[d.Channel]
	if d.Err != nil {
		count.Failed++
	} else {
		count.Delivered++
	}
	b.Counts[d.Channel] = count
	for _, e := range b.Entries {
		if e.key() != d.Message.key() {
			continue
		}
		if e.Told == nil {
			e.Told = map[string]Told{}
		}
		t := e.Told[d.Channel]
		switch {
		case d.Err != nil:
			t.Failures++
			t.Next = now.Add(backoff(t.Failures)).UTC()
		case d.Message.State == Ended:
			t = Told{Begin: t.Begin, End: true}
		default:
			t = Told{Begin: true}
		}
		e.Told[d.Channel] = t
	}
}

// Forget drops entries that ended and that all channels have told.
func (b *Book) Forget(channels []string) (changed bool) {
	before := len(b.Entries)
	b.Entries = slices.DeleteFunc(b.Entries, func(e *Entry) bool {
		return !e.Until.IsZero() && !slices.ContainsFunc(channels, func(c string) bool { return !e.Told[c].End })
	})
	return len(b.Entries) != before
}

// backoff is the wait after so many failures in a row.
func backoff(failures int) time.Duration {
	return min(time.Minute<<min(failures-1, 6), time.Hour)
}

// Channel is a way to tell someone.
type Channel interface {
	Name() string
	Send(ctx context.Context, m Message) error
}

// Deliver makes one attempt for each delivery, and returns those that were made.
// A channel is left alone after its first failure.
func Deliver(ctx context.Context, channels []Channel, due []Delivery) []Delivery {
	var made []Delivery
	for _, c := range channels {
		for _, d := range due {
			if d.Channel != c.Name() {
				continue
			}
			if ctx.Err() != nil {
				return made
			}
			d.Err = c.Send(ctx, d.Message)
			made = append(made, d)
			if d.Err != nil {
				break
			}
		}
	}
	return made
}

// State says which end of a condition a message is about.
type State string

const (
	Begun State = "begun"
	Ended State = "ended"
)

// Message is what a channel delivers. Its JSON is the body of a webhook.
type Message struct {
	ID       string    `json:"id"` // the same for each attempt
	Alert    Kind      `json:"alert"`
	State    State     `json:"state"`
	Subject  string    `json:"subject"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until,omitzero"`
	Title    string    `json:"title"`
	Text     string    `json:"text"`
	Accounts []string  `json:"accounts"`
	Advice   string    `json:"advice,omitempty"`
	Origin   string    `json:"origin"` // which installation says it
}

func (m Message) key() string { return keyOf(m.Alert, m.Subject, m.Since) }
func (e *Entry) key() string  { return keyOf(e.Kind, e.Subject, e.Since) }

func keyOf(kind Kind, subject string, since time.Time) string {
	return fmt.Sprintf("%s/%s/%s", kind, subject, since.UTC().Format("20060102T150405.000Z"))
}

func (e *Entry) message(origin string) Message {
	m := Message{Alert: e.Kind, State: Begun, Subject: e.Subject, Since: e.Since, Until: e.Until, Accounts: slices.Clone(e.Accounts), Origin: origin}
	if m.Accounts == nil {
		m.Accounts = []string{}
	}
	which := 0
	if !e.Until.IsZero() {
		m.State, which = Ended, 1
	} else {
		m.Advice = e.Advice
	}
	m.ID = m.key() + "/" + string(m.State)
	m.Title = fmt.Sprintf(titles[e.Kind][which], e.Subject)
	m.Text = e.text(origin)
	return m
}

// text is the message in plain words.
func (e *Entry) text(origin string) string {
	var b strings.Builder
	if e.Until.IsZero() {
		fmt.Fprintf(&b, "%s\n\nSince: %s\n", e.What, clock(e.Since))
	} else {
		fmt.Fprintf(&b, "%s\n\nFrom %s to %s it was so:\n%s\n", e.Reason, clock(e.Since), clock(e.Until), e.What)
	}
	if len(e.Accounts) > 0 {
		shown := e.Accounts[:min(len(e.Accounts), accountsShown)]
		fmt.Fprintf(&b, "Accounts: %s", strings.Join(shown, ", "))
		if more := len(e.Accounts) - len(shown); more > 0 {
			fmt.Fprintf(&b, " and %d more", more)
		}
		b.WriteString("\n")
	}
	if e.Until.IsZero() && e.Advice != "" {
		fmt.Fprintf(&b, "What to do: %s\n", e.Advice)
	}
	fmt.Fprintf(&b, "\nSent by %s\n", origin)
	return b.String()
}

// accountsShown keeps the text readable; the JSON has all of them.
const accountsShown = 20

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
