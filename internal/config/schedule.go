package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // for machines that have no database of time zones

	"github.com/robfig/cron/v3"
)

func scheduleShape(s *Schedule) shape {
	var single string
	return shape{
		name: "schedule",
		keys: []entry{
			{key: "cron", value: verified(&single, cronText, comesDue), doc: "when the one job nightly, of all sources, is due: minute, hour, day of month, month, day of week"},
			{key: "time_zone", value: verified(&s.TimeZone, timeZone, isTimeZone), def: "UTC", doc: "the time zone of cron"},
			{key: "jitter", value: duration(&s.Jitter, "0s", "12h"), sample: "10m", doc: "a run starts up to so much later than due; at once where left out"},
			{key: "catch_up", value: duration(&s.CatchUp, "0s", "30d"), def: "12h", doc: "how late a run that was missed is still made up for; 0s is never"},
			{key: "listen", value: verified(&s.Listen, listenAddress, isAddress), sample: "127.0.0.1:9108",
				doc: "the address of /healthz, /readyz and /metrics; none where left out"},
			{key: "jobs", value: mappings(&s.Jobs, jobShape, func(j Job) string { return j.Name }, ".name"),
				doc: "a list of jobs, in place of cron"},
		},
		choices: []choice{{keys: []string{"cron", "jobs"}, required: true}},
		done: func(r *reader, key string) {
			if s.Jobs == nil {
				s.Jobs = []Job{{Name: "nightly", Cron: single}}
			}
			for i := range s.Jobs {
				j := &s.Jobs[i]
				if j.TimeZone == "" {
					j.TimeZone = s.TimeZone
				}
				if !r.given(fmt.Sprintf("%s.jobs[%d].jitter", key, i)) {
					j.Jitter = s.Jitter
				}
			}
		},
	}
}

func jobShape(j *Job) shape {
	return shape{
		name: "job",
		keys: []entry{
			{key: "name", value: text(&j.Name, sourceName), required: true, doc: "the name of the job, as status, metrics and alerts have it"},
			{key: "cron", value: verified(&j.Cron, cronText, comesDue), required: true, doc: "when it is due: minute, hour, day of month, month, day of week"},
			{key: "time_zone", value: verified(&j.TimeZone, timeZone, isTimeZone), doc: "the time zone of cron; the schedule's where left out"},
			{key: "jitter", value: duration(&j.Jitter, "0s", "12h"), doc: "it starts up to so much later than due; the schedule's where left out"},
			{key: "sources", value: texts(&j.Sources, ruled(sourceName)), doc: "a list of the sources to collect; all where left out"},
			{key: "collect", value: texts(&j.Collect, collected), doc: "a list of what to collect of what the sources have; all where left out"},
		},
	}
}

// checkJobs holds the jobs against the sources.
func checkJobs(r *reader, f *File) {
	if f.Schedule == nil {
		return
	}
	var names []string
	for _, s := range f.Sources {
		names = append(names, s.Name)
	}
	for i, j := range f.Schedule.Jobs {
		for k, name := range j.Sources {
			if name == "" || slices.Contains(names, name) {
				continue
			}
			hint := ""
			if near := nearest(name, names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			r.problem(fmt.Sprintf("schedule.jobs[%d].sources[%d]", i, k), shown(name), "the name of a source", hint)
		}
	}
}

// comesDue refuses expressions that do not say a time of the calendar: a run
// that was missed could not be told from one that was not due.
func comesDue(_ *reader, text string) error {
	switch {
	case strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ="):
		return errors.New("the key time_zone says the time zone")
	case strings.HasPrefix(text, "@every"):
		return errors.New("@every depends on when the program started; write the times out, as in 0 */6 * * *")
	}
	times, err := cron.ParseStandard(text)
	if err != nil {
		return err
	}
	if times.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return errors.New("no such day ever comes")
	}
	return nil
}

func isTimeZone(_ *reader, text string) error {
	_, err := time.LoadLocation(text)
	return err
}

func isAddress(_ *reader, text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(port); err != nil || n > 65535 {
		return fmt.Errorf("a port is a number up to 65535")
	}
	return nil
}
