// Package catalog says what stocktake can collect: every table with its
// columns, streams, operations and permissions, put together from the
// collectors and the schemas. It prints nothing and calls nothing.
package catalog

import (
	"fmt"
	"path"
	"slices"
	"sort"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/schema"
	"stocktake/schemas"
)

// Table is a table as users know it.
type Table struct {
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Service     string      `json:"service"` // "" for stocktake's own tables
	Scope       string      `json:"scope"`
	Streams     []string    `json:"streams"`
	Version     string      `json:"version"` // major.minor of the schema
	Key         []string    `json:"key"`
	OnRequest   bool        `json:"on_request,omitempty"`  // only its name or a stream selects it
	EventTime   string      `json:"event_time,omitempty"`  // column that says when; set where rows are added and never replaced
	Incremental bool        `json:"incremental,omitempty"` // what changed is asked for, and not always everything
	Operations  []Operation `json:"operations"`
	Actions     []string    `json:"actions"` // IAM actions, those of optional details included
	Columns     []Column    `json:"columns"`

	Schema *schema.Schema `json:"-"`
	Item   string         `json:"-"` // Go type of the item, as in "types.Volume"
}

// Operation is an API call that a table takes.
type Operation struct {
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
	Details []string `json:"details,omitempty"` // columns that stay NULL without it; none when the table needs it
	Per     string   `json:"per,omitempty"`     // table of whose rows each costs one call
	Batch   int      `json:"batch,omitempty"`   // rows of it that one call is for, where it is more than one
	Page    int      `json:"page,omitempty"`    // rows that a page holds at most, where the call says
	Instead string   `json:"instead,omitempty"` // operation that it stands in for where that one is refused
	Hint    bool     `json:"hint,omitempty"`    // it tells which of the others are worth making; without it all are made
	View    bool     `json:"view,omitempty"`    // of a delegated administrator's view; without it the accounts are asked one by one
}

// Column is a column or a nested field.
type Column struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Origin      string   `json:"origin"`
	Redacted    string   `json:"redacted,omitempty"`
	Description string   `json:"description"`
	Fields      []Column `json:"fields,omitempty"`
}

// Tables returns every table, by name.
func Tables() ([]Table, error) {
	every, err := schemas.All()
	if err != nil {
		return nil, err
	}
	var tables []Table
	for _, c := range all.Collectors {
		for _, t := range c.Tables {
			table, err := describe(c, t)
			if err != nil {
				return nil, err
			}
			tables = append(tables, table)
		}
	}
	for _, s := range every {
		if s.Internal {
			tables = append(tables, Table{
				Name: s.Table, Description: s.Description, Scope: "written by every run", Streams: []string{}, Operations: []Operation{}, Actions: []string{},
				Version: version(s), Key: s.Key, Columns: columns(s.Columns, "stocktake"), Schema: s,
			})
		}
	}
	sort.Slice(tables, func(i, j int) bool { return tables[i].Name < tables[j].Name })
	return tables, nil
}

func version(s *schema.Schema) string { return fmt.Sprintf("%d.%d", s.Version, s.Minor) }

func describe(c *extract.Collector, t extract.Table) (Table, error) {
	s, err := schemas.Newest(t.Name)
	if err != nil {
		return Table{}, err
	}
	table := Table{
		Name: t.Name, Description: s.Description, Service: c.Service.Name, Scope: string(c.Scope), Streams: StreamsOf(t.Name),
		Version: version(s), Key: s.Key, Columns: columns(s.AllColumns(), t.Item.Name()), Schema: s, Item: t.Item.String(),
		OnRequest: slices.Contains(c.OnRequest, t.Name), EventTime: s.EventTime, Incremental: s.Incremental,
	}
	for _, call := range operations(c, t) {
		actions := c.Service.ActionsOf(call.Operation)
		table.Operations = append(table.Operations, Operation{Name: call.Operation, Actions: actions, Details: c.Leaves(call), Per: call.Per, Batch: call.Batch, Page: call.Page, Instead: call.Instead, Hint: call.Hint, View: !declares(c.Calls, call.Operation)})
		for _, a := range actions {
			if !slices.Contains(table.Actions, a) {
				table.Actions = append(table.Actions, a)
			}
		}
	}
	return table, nil
}

func declares(calls []extract.Call, operation string) bool {
	return slices.ContainsFunc(calls, func(call extract.Call) bool { return call.Operation == operation })
}

// operations are the calls that decide the table, and those of the tables that
// lead to it.
func operations(c *extract.Collector, t extract.Table) []extract.Call {
	var calls []extract.Call
	if t.Parent != "" {
		for _, p := range c.Tables {
			if p.Name == t.Parent {
				for _, call := range operations(c, p) {
					if !call.Optional() {
						calls = append(calls, call)
					}
				}
			}
		}
	}
	for i, call := range c.AllCalls() {
		again := i >= len(c.Calls) && declares(c.Calls, call.Operation) // the administrator's view makes it too
		if c.TableOf(call) == t.Name && !again {
			calls = append(calls, call)
		}
	}
	return calls
}

// StreamsOf returns the streams that contain a table.
func StreamsOf(table string) []string {
	streams := []string{}
	for name, globs := range all.Streams {
		if slices.ContainsFunc(globs, func(g string) bool { ok, _ := path.Match(g, table); return ok }) {
			streams = append(streams, name)
		}
	}
	sort.Strings(streams)
	return streams
}

func columns(cs []schema.Column, of string) []Column {
	out := make([]Column, len(cs))
	for i, c := range cs {
		origin := "stocktake"
		if c.Source != "" {
			origin = of + "." + c.Source
		}
		out[i] = Column{Name: c.Name, Type: c.Type, Origin: origin, Redacted: c.Redact, Description: c.Description, Fields: columns(c.Fields, origin)}
	}
	return out
}
