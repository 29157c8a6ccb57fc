package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"stocktake/internal/alert"
	"stocktake/internal/disk"
)

// stateVersion changes with the meaning of what is stored.
const stateVersion = 1

// state is what has to outlive the process.
type state struct {
	Version int                     `json:"version"`
	Jobs    map[string]*jobState    `json:"jobs"`
	Sources map[string]*sourceState `json:"sources"`
	Running []*Running              `json:"going_on,omitempty"` // in the order in which they began
	Alerts  alert.Book              `json:"alerts"`
}

type jobState struct {
	Cron     string `json:"cron"`
	TimeZone string `json:"time_zone"`
	// Handled is the newest due time that was dealt with; at first, when the
	// job was first seen. Nothing before it is ever run.
	Handled time.Time        `json:"handled"`
	Cut     *cut             `json:"cut,omitempty"`
	Totals  map[Result]int64 `json:"totals,omitempty"`
	History []Record         `json:"history,omitempty"` // by due time
}

// cut is a run that ended before its work did, and may be made up.
type cut struct {
	Due     time.Time `json:"due"`
	First   time.Time `json:"first"` // when the first attempt began
	Crashes int       `json:"crashes,omitempty"`
}

type sourceState struct {
	Since           time.Time `json:"since"` // first seen
	LastRun         time.Time `json:"last_run,omitzero"`
	LastComplete    time.Time `json:"last_complete,omitzero"`
	LastCompleteRun string    `json:"last_complete_run,omitempty"`
	Calls           int64     `json:"calls"` // of all runs
	FailedCalls     int64     `json:"failed_calls"`
	Throttles       int64     `json:"throttles"`
	Samples         []sample  `json:"samples,omitempty"` // of the last day
}

// sample is the calls of one run.
type sample struct {
	At     time.Time `json:"at"`
	Calls  int64     `json:"calls"`
	Failed int64     `json:"failed"`
}

// Running is a run on its way.
type Running struct {
	Job     string    `json:"job"`
	Due     time.Time `json:"due"`
	Began   time.Time `json:"began"`
	First   time.Time `json:"first"` // when the first attempt at this due time began
	MadeUp  bool      `json:"made_up,omitempty"`
	Crashes int       `json:"crashes,omitempty"` // of this due time so far
}

// running returns the run of a job that goes on, nil where none does.
func (s *state) running(job string) *Running {
	for _, r := range s.Running {
		if r.Job == job {
			return r
		}
	}
	return nil
}

// Result says what became of a due time.
type Result string

const (
	Complete   Result = "complete"
	Incomplete Result = "incomplete" // published, and some units are not complete
	Failed     Result = "failed"     // nothing was published
	Stopped    Result = "stopped"    // by who stopped the process
	Crashed    Result = "crashed"    // the process ended in the middle of it
	Skipped    Result = "skipped"    // another run was in its way
	Missed     Result = "missed"     // no process was there
)

// Results lists them all.
var Results = []Result{Complete, Incomplete, Failed, Stopped, Crashed, Skipped, Missed}

// Record is what became of a due time of a job.
type Record struct {
	Job    string    `json:"job"`
	Due    time.Time `json:"due"`
	Began  time.Time `json:"began,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	Result Result    `json:"result"`
	Reason string    `json:"reason,omitempty"`
	MadeUp bool      `json:"made_up,omitempty"` // began late, for a time that was missed
	Report *Report   `json:"report,omitempty"`
}

// historyLength bounds the records of a job.
const historyLength = 100

func (j *jobState) add(r Record) {
	if j.Totals == nil {
		j.Totals = map[Result]int64{}
	}
	j.Totals[r.Result]++
	j.History = append(j.History, r)
	// What was skipped while a run went on is due after it.
	slices.SortStableFunc(j.History, func(a, b Record) int { return a.Due.Compare(b.Due) })
	if n := len(j.History) - historyLength; n > 0 {
		j.History = slices.Delete(j.History, 0, n)
	}
}

// readState reads the file; one that is not there is the empty state.
func readState(path string) (*state, error) {
	s := &state{Version: stateVersion}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	} else if err == nil {
		err = s.parse(text)
	}
	if err != nil {
		return nil, fmt.Errorf("read the state of the schedule %s: %w", path, err)
	}
	if s.Jobs == nil {
		s.Jobs = map[string]*jobState{}
	}
	if s.Sources == nil {
		s.Sources = map[string]*sourceState{}
	}
	return s, nil
}

func (s *state) parse(text []byte) error {
	const advice = "the file is damaged; put back a copy, or move it away: the schedule then begins anew, without history, open alerts and what it would make up"
	s.Version = 0
	if err := json.Unmarshal(text, s); err != nil {
		return fmt.Errorf("%w: %s", err, advice)
	}
	if s.Version > stateVersion {
		return fmt.Errorf("version %d: expected at most %d; a newer stocktake has written it, so use that one", s.Version, stateVersion)
	}
	if s.Version != stateVersion {
		return fmt.Errorf("version %d: expected %d: %s", s.Version, stateVersion, advice)
	}
	for name, j := range s.Jobs {
		if j == nil || j.Handled.IsZero() {
			return fmt.Errorf("job %q has no time that it was handled to: %s", name, advice)
		}
	}
	for name, source := range s.Sources {
		if source == nil || source.Since.IsZero() {
			return fmt.Errorf("source %q has no time of its beginning: %s", name, advice)
		}
	}
	if slices.Contains(s.Running, nil) {
		return fmt.Errorf("a run that goes on is null: %s", advice)
	}
	if slices.Contains(s.Alerts.Entries, nil) {
		return fmt.Errorf("an alert is null: %s", advice)
	}
	return nil
}

// write replaces the file at once, so that a process that is killed leaves the
// state of before or of after.
func (s *state) write(path string) error {
	text, err := json.MarshalIndent(s, "", " ")
	if err == nil {
		err = disk.Replace(path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the state of the schedule: %w", err)
	}
	return nil
}
