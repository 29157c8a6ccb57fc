package schedule

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// TestNext lists all due times around changes of clocks.
func TestNext(t *testing.T) {
	for _, c := range []struct {
		name, cron, zone string
		from, to         string   // UTC; from is excluded
		want             []string // UTC, day and time
	}{
		{"spring skips 02:30: due at the jump to 03:00, once", "30 2 * * *", "Europe/Berlin", "2027-03-26T12:00:00Z", "2027-03-30T12:00:00Z",
			[]string{"27 01:30", "28 01:00", "29 00:30", "30 00:30"}},
		{"autumn shows 02:30 twice: due the first time, once", "30 2 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z", "2026-10-26T12:00:00Z",
			[]string{"24 00:30", "25 00:30", "26 01:30"}},
		{"asked within the repeated hour", "30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T12:00:00Z", []string{"26 01:30"}},
		{"several skipped times are one", "*/20 2,3 * * *", "Europe/Berlin", "2027-03-28T00:30:00Z", "2027-03-28T12:00:00Z",
			[]string{"28 01:00", "28 01:20", "28 01:40"}},
		{"several repeated times come once", "0,30 1-3 * * *", "Europe/Berlin", "2026-10-24T22:30:00Z", "2026-10-25T12:00:00Z",
			[]string{"24 23:00", "24 23:30", "25 00:00", "25 00:30", "25 02:00", "25 02:30"}},
		{"every half-hour follows passing time in spring", "*/30 * * * *", "Europe/Berlin", "2027-03-28T00:15:00Z", "2027-03-28T02:15:00Z",
			[]string{"28 00:30", "28 01:00", "28 01:30", "28 02:00"}},
		{"every half-hour follows passing time in autumn", "*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", "2026-10-25T02:15:00Z",
			[]string{"25 00:00", "25 00:30", "25 01:00", "25 01:30", "25 02:00"}},
		{"a change of half an hour, forward", "*/20 * * * *", "Australia/Lord_Howe", "2026-10-03T15:00:00Z", "2026-10-03T16:20:00Z",
			[]string{"03 15:10", "03 15:40", "03 16:00", "03 16:20"}},
		{"midnight does not exist", "0 0 * * *", "America/Santiago", "2026-09-05T00:00:00Z", "2026-09-08T00:00:00Z",
			[]string{"05 04:00", "06 04:00", "07 03:00"}},
		{"a day does not exist", "0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2012-01-01T00:00:00Z",
			[]string{"29 22:00", "30 10:00", "30 22:00", "31 22:00"}},
		{"only on Sundays, at the jump", "30 2 * * sun", "Europe/Berlin", "2027-03-20T00:00:00Z", "2027-04-05T00:00:00Z",
			[]string{"21 01:30", "28 01:00", "04 00:30"}},
		{"a zone without changes", "15 1 1 * *", "Asia/Kolkata", "2027-01-15T00:00:00Z", "2027-04-01T00:00:00Z",
			[]string{"31 19:45", "28 19:45", "31 19:45"}},
		{"a word", "@daily", "UTC", "2027-01-15T00:00:00Z", "2027-01-17T12:00:00Z", []string{"16 00:00", "17 00:00"}},
		{"leap days", "0 3 29 2 *", "UTC", "2027-01-01T00:00:00Z", "2033-01-01T00:00:00Z", []string{"29 03:00", "29 03:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			times, err := parseTimes(c.cron, c.zone)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for at := times.next(instant(t, c.from)); !at.IsZero() && !at.After(instant(t, c.to)); at = times.next(at) {
				got = append(got, at.Format("02 15:04"))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s in %s, from %s to %s:\n got %q\nwant %q", c.cron, c.zone, c.from, c.to, got, c.want)
			}
		})
	}
}

// TestOnceADay goes through years of zones with odd changes: a job at one time
// of the day is due once for each day, a day of clocks after the last time.
func TestOnceADay(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tehran", "UTC"} {
		for _, at := range []string{"0 0", "30 0", "0 2", "30 2", "0 3", "59 23"} {
			times, err := parseTimes(at+" * * *", zone)
			if err != nil {
				t.Fatal(err)
			}
			due := times.next(time.Date(2020, 1, 1, 0, 0, 0, 0, times.zone).Add(-time.Second))
			days := 1
			for next := times.next(due); next.In(times.zone).Year() < 2026; next = times.next(next) {
				if passed := next.Sub(due); passed < 23*time.Hour || passed > 25*time.Hour {
					t.Errorf("%s in %s: got %s after %s", at, zone, next, due)
				}
				due = next
				days++
			}
			if days != 6*365+2 {
				t.Errorf("%s in %s: got %d due times, want one for each of %d days", at, zone, days, 6*365+2)
			}
		}
	}
}

func TestParseTimes(t *testing.T) {
	for _, c := range []struct{ cron, zone, want string }{
		{"30 2 * * *", "Europe/Berlin", ""},
		{"@hourly", "", ""},
		{"30 2 * *", "UTC", `cron "30 2 * *": expected exactly 5 fields`},
		{"61 2 * * *", "UTC", "above maximum"},
		{"", "UTC", "expected five fields"},
		{"@every 6h", "UTC", "an interval would begin anew"},
		{"TZ=Europe/Berlin", "UTC", "the time zone has a key of its own"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "UTC", "the time zone has a key of its own"},
		{"0 0 30 2 *", "UTC", "no such day"},
		{"* * 30 2 *", "Europe/Berlin", "no such day"},
		{"30 2 * * *", "Europe/Atlantis", `time zone "Europe/Atlantis"`},
	} {
		_, err := parseTimes(c.cron, c.zone)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q in %q: got error %v, want %q", c.cron, c.zone, err, c.want)
		}
	}
}

// FuzzTimes: whatever parses has due times that come one after the other.
func FuzzTimes(f *testing.F) {
	for _, cron := range []string{"30 2 * * *", "*/7 */5 1,15 jan-jun mon", "@weekly", "0 0 29 2 *", "? ? ? ? ?", "*/20 * * * *"} {
		for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"} {
			f.Add(cron, zone, int64(1_800_000_000))
		}
	}
	f.Fuzz(func(t *testing.T, cron, zone string, unix int64) {
		times, err := parseTimes(cron, zone)
		if err != nil {
			return
		}
		at := time.Unix(unix%(1<<33), 0)
		for range 20 {
			next := times.next(at)
			if next.IsZero() {
				return
			}
			if !next.After(at) {
				t.Fatalf("%q in %q after %s: got %s", cron, zone, at.UTC(), next)
			}
			at = next
		}
	})
}

func TestDelay(t *testing.T) {
	due := instant(t, "2027-03-01T01:30:00Z")
	const jitter = 20 * time.Minute
	seen := map[time.Duration]bool{}
	for day := range 100 {
		at := due.AddDate(0, 0, day)
		got := delay("nightly", at, jitter)
		if got < 0 || got >= jitter || got != delay("nightly", at.In(time.FixedZone("", 3600)), jitter) {
			t.Fatalf("delay at %s: got %s, want the same within [0, %s) each time", at, got, jitter)
		}
		seen[got] = true
	}
	if len(seen) < 90 {
		t.Errorf("delays of 100 days: got %d different ones, want them spread", len(seen))
	}
	if delay("a", due, jitter) == delay("b", due, jitter) {
		t.Error("delays of two jobs at one time: got the same, want different ones")
	}
	if got := delay("a", due, 0); got != 0 {
		t.Errorf("delay without jitter: got %s, want 0", got)
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
