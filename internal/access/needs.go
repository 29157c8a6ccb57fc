// Package access says which rights stocktake needs, and writes the policies and
// stacks that grant them: everything follows from the operations that the
// collectors of the chosen tables declare. It calls nothing.
package access

import (
	"maps"
	"slices"
	"strings"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
)

// Need is an IAM action, and what is lost without it.
type Need struct {
	Action  string              `json:"action"`
	Why     string              `json:"why,omitempty"`     // of what finds accounts and regions
	Tables  []string            `json:"tables,omitempty"`  // that are denied without it
	Columns map[string][]string `json:"columns,omitempty"` // by table: they stay NULL without it
	Hints   []string            `json:"hints,omitempty"`   // tables that take more calls, or other ones, without it
}

// Service is the prefix of the action, such as "ec2".
func (n Need) Service() string {
	service, _, _ := strings.Cut(n.Action, ":")
	return service
}

// Needs are the rights of the two kinds of role, each by action. A source that
// is no organization has only a member's: what the organization's account would
// be asked is asked there.
type Needs struct {
	Discovery []Need `json:"discovery,omitempty"` // of the role that lists the accounts
	Member    []Need `json:"member"`              // of the role in each account
}

// Of returns what a source needs for what it collects. An error names a pattern
// that selects nothing.
func Of(s *config.Source) (Needs, error) {
	tables, err := extract.Select(all.Collectors, all.Streams, s.Collect)
	if err != nil {
		return Needs{}, err
	}
	discovery, member := needs{}, needs{}
	organization, viewed := s.Organization != nil || s.Role != nil && s.Role.WholeOrganization, false
	if s.Organization == nil {
		discovery = member
	}
	for _, c := range all.Collectors {
		to := member
		if c.Scope == extract.Organization || c.Scope == extract.IdentityCenter {
			to = discovery
		}
		to.collector(c, tables, c.Calls)
		to.views(c, tables)
		if a := c.Administrator; a != nil && organization && (a.Option == "" || slices.Contains(s.OrganizationViews, a.Option)) {
			member.view(c, tables, a.Calls)
			viewed = viewed || slices.ContainsFunc(c.Tables, func(t extract.Table) bool { return tables[t.Name] })
		}
	}
	for _, d := range extract.Discovery {
		action := d.Service.ActionsOf(d.Operation)[0]
		switch d.Operation {
		case "AssumeRole", "GetCallerIdentity": // of the calling identity; and granted to all
		case "ListAccounts":
			if organization {
				discovery.add(action).Why = d.Why
			}
		case "ListDelegatedAdministrators":
			if viewed {
				discovery.add(action).Why = d.Why
			}
		case "ListAccountsForParent", "ListOrganizationalUnitsForParent":
			if s.Organization != nil && len(s.Organization.Accounts.Units) > 0 {
				discovery.add(action).Why = d.Why
			}
		case "ListInstances":
			if s.IdentityStore != nil {
				continue
			}
			for _, c := range all.Collectors {
				for _, t := range c.Tables {
					if c.Scope == extract.IdentityCenter && tables[t.Name] {
						need := discovery.add(action)
						need.Why, need.Tables = d.Why, appendNew(need.Tables, t.Name)
					}
				}
			}
		default: // regions
			if s.Regions.All {
				member.add(action).Why = d.Why
			}
		}
	}
	n := Needs{Member: member.sorted()}
	if s.Organization != nil {
		n.Discovery = discovery.sorted()
	}
	return n, nil
}

// needs are by action.
type needs map[string]*Need

func (n needs) add(action string) *Need {
	if n[action] == nil {
		n[action] = &Need{Action: action}
	}
	return n[action]
}

// collector adds what calls need for the tables that are collected. What leads
// to a table is needed with it.
func (n needs) collector(c *extract.Collector, tables map[string]bool, calls []extract.Call) {
	for _, call := range calls {
		table := c.TableOf(call)
		affected := c.Below(table)
		if !slices.ContainsFunc(affected, func(t string) bool { return tables[t] }) {
			continue
		}
		if !tables[table] && call.Optional() {
			continue // only the rows that lead on are asked for
		}
		for _, action := range c.Service.ActionsOf(call.Operation) {
			need := n.add(action)
			switch columns := c.Leaves(call); {
			case len(columns) > 0:
				if need.Columns == nil {
					need.Columns = map[string][]string{}
				}
				need.Columns[table] = slices.Compact(slices.Sorted(slices.Values(append(need.Columns[table], columns...))))
			case call.Hint || call.Instead != "":
				need.Hints = appendNew(need.Hints, table)
			default:
				for _, t := range affected {
					if tables[t] {
						need.Tables = appendNew(need.Tables, t)
					}
				}
			}
		}
	}
}

// view adds what an administrator's view takes: without it the accounts are
// asked one by one.
func (n needs) view(c *extract.Collector, tables map[string]bool, calls []extract.Call) {
	for _, call := range calls {
		if table := c.TableOf(call); tables[table] {
			for _, action := range c.Service.ActionsOf(call.Operation) {
				need := n.add(action)
				need.Hints = appendNew(need.Hints, table)
			}
		}
	}
}

// views adds what finds the view that a table is read through where none is the
// default, or the organization's: the calls of the collector's other tables.
func (n needs) views(c *extract.Collector, tables map[string]bool) {
	if c.Administrator == nil || c.Administrator.View == nil {
		return
	}
	for _, table := range c.Administrator.Tables {
		if !tables[table] {
			continue
		}
		for _, call := range c.Calls {
			if c.TableOf(call) == table || slices.Contains(c.Below(c.TableOf(call)), table) {
				continue
			}
			for _, action := range c.Service.ActionsOf(call.Operation) {
				need := n.add(action)
				need.Hints = appendNew(need.Hints, table)
			}
		}
	}
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func (n needs) sorted() []Need {
	var list []Need
	for _, action := range slices.Sorted(maps.Keys(n)) {
		need := *n[action]
		slices.Sort(need.Tables)
		slices.Sort(need.Hints)
		list = append(list, need)
	}
	return list
}
