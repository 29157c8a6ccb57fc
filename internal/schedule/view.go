package schedule

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"stocktake/internal/alert"
	"stocktake/internal/config"
)

// View is what there is to see of a schedule.
type View struct {
	At      time.Time              `json:"at"`
	Jobs    []JobView              `json:"jobs"`
	Sources []SourceView           `json:"sources"`
	Running []Running              `json:"running"`
	Alerts  []AlertView            `json:"alerts"`
	Told    map[string]ChannelView `json:"channels,omitempty"`
	Unsaved string                 `json:"unsaved,omitempty"` // why the state could not be written
}

// JobView is a job, its next time and its past.
type JobView struct {
	Name      string           `json:"name"`
	Cron      string           `json:"cron"`
	TimeZone  string           `json:"time_zone"`
	NextDue   time.Time        `json:"next_due"`
	NextStart time.Time        `json:"next_start"`            // with the jitter
	Waiting   *time.Time       `json:"waiting_due,omitempty"` // a due time that waits for another run
	Totals    map[Result]int64 `json:"totals"`
	History   []Record         `json:"history"`               // by due time
	Last      *Report          `json:"last_report,omitempty"` // of the last run that was published
}

// SourceView is a source as its last runs left it.
type SourceView struct {
	Name            string    `json:"name"`
	Watched         time.Time `json:"watched_since"`
	LastRun         time.Time `json:"last_run,omitzero"`
	LastComplete    time.Time `json:"last_complete,omitzero"`
	LastCompleteRun string    `json:"last_complete_run,omitempty"`
	Calls           int64     `json:"calls"`
	FailedCalls     int64     `json:"failed_calls"`
	Throttles       int64     `json:"throttles"`
}

// AlertView is a condition that goes on.
type AlertView struct {
	alert.Condition
	Told []string `json:"told"` // channels that have delivered it
}

// ChannelView is how a channel of alerts does.
type ChannelView struct {
	alert.Count
	Untold int `json:"untold"` // messages that wait for it
}

// RunOf returns the run of a job that goes on.
func (v View) RunOf(job string) (Running, bool) {
	i := slices.IndexFunc(v.Running, func(r Running) bool { return r.Job == job })
	if i < 0 {
		return Running{}, false
	}
	return v.Running[i], true
}

// View returns what there is to see now.
func (s *Scheduler) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.state.view(time.Now().UTC(), s.jobs)
	for i := range v.Jobs {
		for _, q := range s.queue {
			if q.job.Name == v.Jobs[i].Name {
				v.Jobs[i].Waiting = &q.due
			}
		}
	}
	for _, c := range s.channels {
		v.Told[c] = ChannelView{s.state.Alerts.Counts[c], s.state.Alerts.Untold(c)}
	}
	if s.unsaved != nil {
		v.Unsaved = s.unsaved.Error()
	}
	return v
}

// Alive returns nil while the loop looks at the clock.
func (s *Scheduler) Alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.beat.IsZero() {
		return fmt.Errorf("the loop has not begun")
	}
	if silent := time.Since(s.beat); silent > 3*pulse {
		return fmt.Errorf("the loop has not looked at the clock for %s", spell(silent))
	}
	return nil
}

// Ready returns nil while runs will begin when they are due, and be remembered.
func (s *Scheduler) Ready() error {
	if err := s.Alive(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return fmt.Errorf("the process is stopping")
	}
	return s.unsaved
}

// Status reads what a state file shows, without keeping others from it. What
// has not been seen yet is as it would be now.
func Status(path string, jobs []config.Job) (View, error) {
	parsed, err := parseJobs(jobs)
	if err != nil {
		return View{}, err
	}
	s, err := readState(path)
	if err != nil {
		return View{}, err
	}
	return s.view(time.Now().UTC(), parsed), nil
}

func (s *state) view(now time.Time, jobs []job) View {
	v := View{At: now, Jobs: []JobView{}, Running: []Running{}, Sources: []SourceView{}, Alerts: []AlertView{}, Told: map[string]ChannelView{}}
	for _, r := range s.Running {
		v.Running = append(v.Running, *r)
	}
	for _, j := range jobs {
		v.Jobs = append(v.Jobs, s.viewJob(now, j))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Sources)) {
		source := s.Sources[name]
		v.Sources = append(v.Sources, SourceView{
			Name: name, Watched: source.Since, LastRun: source.LastRun, LastComplete: source.LastComplete, LastCompleteRun: source.LastCompleteRun,
			Calls: source.Calls, FailedCalls: source.FailedCalls, Throttles: source.Throttles,
		})
	}
	for _, e := range s.Alerts.Entries {
		if !e.Until.IsZero() {
			continue
		}
		open := AlertView{Condition: e.Condition, Told: []string{}}
		for _, channel := range slices.Sorted(maps.Keys(e.Told)) {
			if e.Told[channel].Begin {
				open.Told = append(open.Told, channel)
			}
		}
		v.Alerts = append(v.Alerts, open)
	}
	for channel, count := range s.Alerts.Counts {
		v.Told[channel] = ChannelView{count, s.Alerts.Untold(channel)}
	}
	return v
}

func (s *state) viewJob(now time.Time, j job) JobView {
	v := JobView{Name: j.Name, Cron: j.Cron, TimeZone: j.TimeZone, Totals: map[Result]int64{}, History: []Record{}}
	handled := now
	if have := s.Jobs[j.Name]; have != nil {
		maps.Copy(v.Totals, have.Totals)
		v.History = slices.Clone(have.History)
		if have.Cron == j.Cron && have.TimeZone == j.TimeZone {
			handled = have.Handled
		}
	}
	v.NextDue = j.after(handled, now)
	v.NextStart = j.start(v.NextDue)
	for _, r := range v.History {
		if r.Report != nil {
			v.Last = r.Report
		}
	}
	return v
}
