package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// times are the due times of a job: a cron expression in a time zone.
//
// cron's own walk over a change of clocks skips a time that the clocks skip, and
// meets a time twice that they show twice. Here an expression that names hours
// is about what clocks on the wall show, once each: a time that does not exist
// on a day is due when the clocks are put forward, and one that exists twice is
// due the first time. An expression for every hour is about time that passes,
// and follows it through a repeated hour.
type times struct {
	spec   *cron.SpecSchedule
	zone   *time.Location
	hourly bool
}

// everyHour are the bits of an hour field that names no hour.
const everyHour = 1<<24 - 1

func parseTimes(expression, zone string) (times, error) {
	const expected = "expected five fields (minute, hour, day of month, month, day of week) or a word such as @daily"
	if strings.Contains(expression, "TZ=") {
		return times{}, fmt.Errorf("cron %q: %s; the time zone has a key of its own", expression, expected)
	}
	parsed, err := cron.ParseStandard(expression)
	if err != nil {
		return times{}, fmt.Errorf("cron %q: %w; %s", expression, err, expected)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return times{}, fmt.Errorf("cron %q: an interval would begin anew with each start of the process; %s", expression, expected)
	}
	at, err := time.LoadLocation(zone)
	if err != nil {
		return times{}, fmt.Errorf("time zone %q: %w", zone, err)
	}
	t := times{spec: spec, zone: at, hourly: spec.Hour&everyHour == everyHour}
	if t.next(time.Now()).IsZero() {
		return times{}, fmt.Errorf("cron %q: no such day within five years", expression)
	}
	return t, nil
}

// next returns the first due time after t, in UTC; zero when there is none in years.
func (s times) next(t time.Time) time.Time {
	if s.hourly {
		return s.nextPassing(t)
	}
	spec := *s.spec
	spec.Location = time.UTC
	// The clock's face goes through the days as if no zone existed.
	for face := faceOf(t.In(s.zone)); ; {
		face = spec.Next(face)
		if face.IsZero() {
			return time.Time{}
		}
		if due := shown(face, s.zone); due.After(t) {
			return due.UTC()
		}
	}
}

// nextPassing looks in one period of constant offset after the other.
func (s times) nextPassing(t time.Time) time.Time {
	spec := *s.spec
	for limit := t.AddDate(5, 0, 0); t.Before(limit); {
		begin := t.Add(time.Second).Truncate(time.Second).In(s.zone)
		_, offset := begin.Zone()
		_, end := begin.ZoneBounds()
		spec.Location = time.FixedZone("", offset)
		due := spec.Next(t)
		if end.IsZero() || !due.IsZero() && due.Before(end) {
			return due.UTC()
		}
		t = end.Add(-time.Nanosecond)
	}
	return time.Time{}
}

// faceOf is what a clock shows at t, written as UTC.
func faceOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// shown is the moment when clocks of the zone first show the face, or jump over
// it. It never decreases as the face advances.
func shown(face time.Time, zone *time.Location) time.Time {
	t := time.Date(face.Year(), face.Month(), face.Day(), face.Hour(), face.Minute(), face.Second(), 0, zone)
	start, end := t.ZoneBounds()
	switch got := faceOf(t); {
	case got.After(face): // jumped over, and t is by the offset of before
		return start
	case got.Before(face): // jumped over, and t is by the offset of after
		return end
	}
	if start.IsZero() {
		return t
	}
	_, before := start.Add(-time.Second).Zone()
	if first := face.Add(-time.Duration(before) * time.Second); first.Before(start) {
		return first
	}
	return t
}

// delay spreads the starts of many installations over the jitter. It depends on
// nothing but the job and its due time, so that a restart does not change it.
func delay(job string, due time.Time, jitter time.Duration) time.Duration {
	if jitter <= 0 {
		return 0
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", job, due.Unix()))
	return time.Duration(binary.BigEndian.Uint64(sum[:8]) % uint64(jitter))
}
