package extract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stocktake/internal/spool"
)

// A listing has events of seconds, two to a page, the oldest first.
type listing struct {
	at     int
	events []int
	pages  *int
}

func (l *listing) HasMorePages() bool { return l.at < len(l.events) }

func (l *listing) NextPage(context.Context, ...func(*struct{})) (*[]int, error) {
	*l.pages++
	if *l.pages == 1000 {
		return nil, errors.New("too many pages")
	}
	page := l.events[l.at:min(l.at+2, len(l.events))]
	l.at += 2
	return &page, nil
}

func TestInWindows(t *testing.T) {
	second := func(s int) time.Time { return time.Unix(int64(s), 0) }
	many := func(n int, at func(int) int) []int {
		events := make([]int, n)
		for i := range events {
			events[i] = at(i)
		}
		return events
	}
	for _, test := range []struct {
		name   string
		events []int // their times
		opened []int // where windows begin; 0 is everywhere
	}{
		{"none", nil, []int{0}},
		{"few", []int{1, 2, 3}, []int{0}},
		{"a window to the last", many(2*windowPages, func(i int) int { return i + 1 }), []int{0}},
		{"one more", many(2*windowPages+1, func(i int) int { return i + 1 }), []int{0, 2 * windowPages}},
		{"several", many(5*windowPages, func(i int) int { return i + 1 }), []int{0, 400, 799}},
		{"all at one time", many(5*windowPages, func(int) int { return 7 }), []int{0, 7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var opened []int
			pages := 0
			seen := map[string]bool{}
			err := InWindows(t.Context(), func(from time.Time) Pager[[]int, struct{}] {
				at := 0
				if !from.IsZero() {
					at = int(from.Unix())
				}
				opened = append(opened, at)
				first := slices.IndexFunc(test.events, func(e int) bool { return e >= at })
				if first < 0 {
					first = len(test.events)
				}
				return &listing{events: test.events[first:], pages: &pages}
			}, func(page *[]int) (newest time.Time, err error) {
				for _, e := range *page {
					seen[fmt.Sprint(e)] = true
					newest = Later(newest, second(e))
				}
				return newest, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, e := range test.events {
				want[fmt.Sprint(e)] = true
			}
			if !slices.Equal(opened, test.opened) || len(seen) != len(want) {
				t.Errorf("windows from %v with %d times, want from %v with %d", opened, len(seen), test.opened, len(want))
			}
		})
	}
}

func TestMark(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	covered := func(account, by string, until, full int) Covered {
		return Covered{Source: "one", Table: "t", Account: account, Region: "r", CollectedAccount: by, Mark: spool.Mark{Until: day(until), Full: day(full)}}
	}
	for _, test := range []struct {
		name   string
		before []Covered
		covers string // accounts
		want   spool.Mark
	}{
		{"first run", nil, "", spool.Mark{}},
		{"own place", []Covered{covered("admin", "admin", 3, 1)}, "", spool.Mark{Until: day(3), Full: day(1)}},
		{"another's word", []Covered{covered("admin", "other", 3, 1)}, "", spool.Mark{}},
		{"a view", []Covered{covered("admin", "admin", 3, 2), covered("a", "admin", 4, 1)}, "admin a", spool.Mark{Until: day(3), Full: day(1)}},
		{"a new member", []Covered{covered("admin", "admin", 3, 2)}, "admin a", spool.Mark{}},
		{"a member that was asked itself", []Covered{covered("admin", "admin", 3, 2), covered("a", "a", 3, 2)}, "admin a", spool.Mark{}},
		{"not read by time", []Covered{{Source: "one", Table: "t", Account: "admin", Region: "r", CollectedAccount: "admin"}}, "", spool.Mark{}},
	} {
		u := &Unit{Asked: &Asked{Source: "one", Account: "admin", Region: "r", run: &Run{marks: Previous{Coverage: test.before}.marks()}}}
		for _, a := range strings.Fields(test.covers) {
			u.Covers = append(u.Covers, Place{Account: a, Region: "r"})
		}
		if got := u.mark("t"); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
