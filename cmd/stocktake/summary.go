package main

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/load"
)

// failure is a group of equal failures of a run.
type failure struct {
	Outcome       outcome.Kind `json:"outcome"`
	Code          string       `json:"code,omitempty"`
	MissingAction string       `json:"missing_action,omitempty"`
	Advice        string       `json:"advice,omitempty"`
	Tables        []string     `json:"tables"`
	Accounts      []string     `json:"accounts"`
	Regions       []string     `json:"regions"`
	CarriedRows   int64        `json:"carried_rows"`
	Columns       []string     `json:"columns,omitempty"`
}

// failures groups what is not complete, the most widespread first.
func failures(coverage iter.Seq[load.CoverageRow]) []failure {
	type key struct {
		outcome                      outcome.Kind
		code, action, advice, detail string
	}
	at := map[key]int{}
	var groups []failure
	for r := range coverage {
		if !r.Outcome.Incomplete(false) {
			continue
		}
		k := key{r.Outcome, r.ErrorCode, r.MissingAction, r.Advice, strings.Join(r.IncompleteColumns, ",")}
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, failure{Outcome: r.Outcome, Code: r.ErrorCode, MissingAction: r.MissingAction, Advice: r.Advice, Columns: r.IncompleteColumns})
		}
		g := &groups[i]
		g.Tables, g.Accounts, g.Regions = with(g.Tables, r.TableName), with(g.Accounts, r.AccountID), with(g.Regions, r.Region)
		g.CarriedRows += r.CarriedRows
	}
	slices.SortStableFunc(groups, func(a, b failure) int {
		return cmp.Or(cmp.Compare(len(b.Accounts), len(a.Accounts)), cmp.Compare(len(b.Tables), len(a.Tables)), cmp.Compare(a.Tables[0], b.Tables[0]))
	})
	return groups
}

func with(list []string, s string) []string {
	if i, found := slices.BinarySearch(list, s); !found {
		return slices.Insert(list, i, s)
	}
	return list
}

// String is one line: what, where, and what it needs.
func (f failure) String() string {
	var b strings.Builder
	what := strings.Join(f.Tables, ", ")
	if len(f.Tables) > 3 {
		what = fmt.Sprintf("%s and %d more tables", strings.Join(f.Tables[:2], ", "), len(f.Tables)-2)
	}
	fmt.Fprintf(&b, "%s %s in ", what, f.Outcome)
	if !slices.Equal(f.Regions, []string{"global"}) {
		fmt.Fprintf(&b, "%s of ", counted(len(f.Regions), "region"))
	}
	if len(f.Accounts) == 1 {
		fmt.Fprintf(&b, "account %s", f.Accounts[0])
	} else {
		b.WriteString(counted(len(f.Accounts), "account"))
	}
	if f.MissingAction != "" {
		fmt.Fprintf(&b, ": needs %s", f.MissingAction)
	} else if f.Code != "" {
		fmt.Fprintf(&b, ": %s", f.Code)
	}
	if len(f.Columns) > 0 {
		fmt.Fprintf(&b, "; without it %s stay NULL", strings.Join(f.Columns, ", "))
	}
	if f.CarriedRows > 0 {
		fmt.Fprintf(&b, "; %d earlier rows stand in", f.CarriedRows)
	}
	return b.String()
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// report is the summary of a run for programs.
type report struct {
	Run       string               `json:"run"`
	Date      string               `json:"date"`
	Exit      int                  `json:"exit_code"`
	Complete  bool                 `json:"complete"`
	Seconds   float64              `json:"seconds"`
	Rows      int64                `json:"rows"`
	Carried   int64                `json:"carried_rows"`
	Calls     int64                `json:"calls"`
	Throttles int64                `json:"throttles"`
	Outcomes  map[outcome.Kind]int `json:"outcomes"`
	Failures  []failure            `json:"failures"`
}

func reportOf(r *pipeline.Result) report {
	out := report{
		Run: r.RunID, Date: r.Date, Exit: r.Exit, Complete: r.Exit == exitComplete, Seconds: r.Duration.Seconds(),
		Calls: r.Calls, Throttles: r.Throttles, Outcomes: map[outcome.Kind]int{}, Failures: failures(r.Coverage),
	}
	for c := range r.Coverage {
		out.Outcomes[c.Outcome]++
		out.Rows += c.Rows
		out.Carried += c.CarriedRows
	}
	return out
}

// print writes the summary for people.
func (r report) print(w io.Writer) {
	state := "complete"
	if !r.Complete {
		state = "published, not complete"
	}
	fmt.Fprintf(w, "\nrun %s: %s, %d rows (%d carried), %d calls, %d throttles, %s\n",
		r.Run, state, r.Rows, r.Carried, r.Calls, r.Throttles, time.Duration(r.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	var parts []string
	for _, k := range outcome.Kinds {
		if n := r.Outcomes[k]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", k, n))
		}
	}
	fmt.Fprintf(w, "tables by account and region: %s\n", strings.Join(parts, ", "))
	for _, f := range r.Failures {
		fmt.Fprintf(w, "  %s\n", f)
		if f.Advice != "" {
			fmt.Fprintf(w, "    %s\n", f.Advice)
		}
	}
	if len(r.Failures) > 0 {
		fmt.Fprintln(w, "ask `stocktake query coverage` for all of it")
	}
}
