package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stocktake/internal/config"
	"stocktake/internal/externalid"
)

// madeID is an external ID of the file. The IDs themselves are there only
// where they are asked for.
type madeID struct {
	For        string `json:"for"` // an account, discovery or *
	ExternalID string `json:"external_id,omitempty"`
	Previous   string `json:"previous_external_id,omitempty"`
}

type madeIDs struct {
	File       string   `json:"file"`
	Configured bool     `json:"configured"` // the configuration names a file
	Source     string   `json:"source"`
	Added      []madeID `json:"added"`
	Replaced   []madeID `json:"replaced"`
	Kept       []madeID `json:"kept"`
}

// idFlags are what the command is asked for.
type idFlags struct {
	source, per, file, get string
	accounts, rotate       []string
	show, asJSON           bool
}

// everyID rotates all that the file has for a source.
const everyID = "all"

func (a *app) externalIDsCommand() *cobra.Command {
	var f idFlags
	c := &cobra.Command{
		Use:   "external-ids",
		Short: "Make external IDs, in a file that only you can read",
		Long: `Makes an external ID for the roles of a source, or one for each of its accounts,
in the file that external_ids names in the configuration. IDs that are there stay.

--rotate replaces IDs by the names that they have in the file: accounts,
discovery, * for the accounts without one of their own, or all of the source's.
With --file that happens in a copy, while runs go on with the file itself.

--get prints the ID that stocktake sends to the roles in an account, or to those
of discovery, whether it stands in the file or in the configuration.`,
		Example: `  stocktake access external-ids --source acme
  stocktake access external-ids --source acme --per account --accounts 111122223333,444455556666
  stocktake access external-ids --source acme --rotate 111122223333 --file next.yaml
  stocktake access external-ids --source acme --rotate all --file next.yaml --json
  stocktake access external-ids --source acme --get discovery`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(c.Flags().Changed); err != nil {
				return usage(err)
			}
			if f.get != "" {
				return a.printExternalID(f)
			}
			return a.makeExternalIDs(f)
		},
	}
	c.Flags().StringVar(&f.source, "source", "", "name of the source")
	c.Flags().StringVar(&f.per, "per", "", "source: one external ID for all accounts (the default); account: one for each")
	c.Flags().StringSliceVar(&f.accounts, "accounts", nil, "accounts to make external IDs for; those that the configuration names where left out")
	c.Flags().StringSliceVar(&f.rotate, "rotate", nil, "replace the external IDs of these names in the file: accounts, discovery, * or all")
	c.Flags().StringVar(&f.get, "get", "", "print the external ID for an account, discovery or *, and make none")
	c.Flags().StringVar(&f.file, "file", "", "file to use, in place of the one that the configuration names")
	c.Flags().BoolVar(&f.show, "show", false, "print the external IDs")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return c
}

// check refuses flags that do not go together, and fills in the default.
func (f *idFlags) check(given func(string) bool) error {
	if f.source == "" {
		return fmt.Errorf("access external-ids without --source: expected the name of a source of the configuration")
	}
	for _, flag := range []string{"rotate", "get"} {
		for _, other := range []string{"accounts", "per", "get"} {
			if flag != other && given(flag) && given(other) {
				return fmt.Errorf("--%s with --%s: expected one of them; --%s takes accounts itself", flag, other, flag)
			}
		}
	}
	if given("get") && !nameForm.MatchString(f.get) {
		return fmt.Errorf("--get %q: expected an account ID of 12 digits, discovery or *", f.get)
	}
	for _, name := range f.rotate {
		if name != everyID && !nameForm.MatchString(name) {
			return fmt.Errorf("--rotate %q: expected account IDs of 12 digits, discovery or *, separated by commas, or all", name)
		}
	}
	for _, id := range f.accounts {
		if !accountID.MatchString(id) {
			return fmt.Errorf("--accounts %q: expected account IDs of 12 digits, separated by commas", id)
		}
	}
	if f.per = cmp.Or(f.per, "source"); f.per != "source" && f.per != "account" {
		return fmt.Errorf("--per %q: expected source or account", f.per)
	}
	if f.per == "source" && len(f.accounts) > 0 {
		return fmt.Errorf("--accounts with --per source: expected --per account")
	}
	return nil
}

// nameForm is that of a name in the file.
var nameForm = regexp.MustCompile(`^([0-9]{12}|discovery|\*)$`)

// makeExternalIDs makes or rotates external IDs, and prints what it did.
func (a *app) makeExternalIDs(f idFlags) error {
	path, err := config.Find(a.configFlag)
	if err != nil {
		return usage(err)
	}
	if f.file != "" {
		if f.file, err = filepath.Abs(f.file); err != nil {
			return err
		}
	}
	file, configured, err := config.LoadBeforeExternalIDs(path, f.file, checkCollect)
	if err != nil {
		return usage(err)
	}
	s, err := sourceOf(file, f.source)
	if err != nil {
		return err
	}
	open, err := openingsOf(s, path)
	if err != nil {
		return usage(err)
	}
	ids, err := externalid.Open(file.ExternalIDs)
	if err != nil {
		return err
	}
	made := &madeIDs{File: file.ExternalIDs, Configured: configured, Source: f.source, Added: []madeID{}, Replaced: []madeID{}, Kept: []madeID{}}
	if f.rotate != nil {
		err = open.rotate(ids, f.rotate, made)
	} else {
		err = open.make(ids, f, made)
	}
	if err != nil {
		return usage(err)
	}
	if len(made.Added)+len(made.Replaced) > 0 {
		if err := ids.Write(); err != nil {
			return err
		}
	}
	if !f.show {
		for _, list := range [][]madeID{made.Added, made.Replaced, made.Kept} {
			for i := range list {
				list[i].ExternalID, list[i].Previous = "", ""
			}
		}
	}
	if f.asJSON {
		return printJSON(a.out, made)
	}
	return a.printExternalIDs(made, path)
}

// openings are what a source takes from the file of external IDs: the
// configuration has none for these roles.
type openings struct {
	path      string // of the configuration
	discovery bool
	whole     bool     // any account of an organization
	accounts  []string // that the configuration names
}

func openingsOf(s *config.Source, path string) (openings, error) {
	if s.Keys != nil {
		return openings{}, fmt.Errorf("source %s: found keys, expected roles: no role is assumed that could ask for an external ID", s.Name)
	}
	open := openings{path: path}
	var hops []config.Hop
	for _, r := range s.Roles {
		hops = append(hops, r.Hops...)
	}
	if r := s.Role; r != nil {
		hops = append(hops, r.Hops...)
		open.whole = r.WholeOrganization && r.Hops[len(r.Hops)-1].ExternalID == ""
	}
	for _, h := range hops {
		if h.ExternalID == "" {
			open.accounts = append(open.accounts, strings.Split(h.RoleARN, ":")[4])
		}
	}
	if open.whole {
		open.accounts = nil
	}
	if o := s.Organization; o != nil {
		if open.whole = o.ExternalID == ""; open.whole {
			open.accounts = o.Accounts.Include
		}
		open.discovery = o.Discovery != nil && slices.ContainsFunc(o.Discovery.Hops, func(h config.Hop) bool { return h.ExternalID == "" })
	}
	if !open.discovery && !open.whole && len(open.accounts) == 0 {
		return open, fmt.Errorf("source %s: its roles have external IDs in %s, which go before those of a file: remove external_id there", s.Name, path)
	}
	return open, nil
}

// uses says whether the source takes the ID of that name from the file.
func (o openings) uses(name string) bool {
	switch name {
	case config.ForDiscovery:
		return o.discovery
	case config.EveryOther:
		return o.whole || len(o.accounts) > 0
	}
	return o.whole || slices.Contains(o.accounts, name)
}

// make gives an ID to each name that has none.
func (o openings) make(ids *externalid.File, f idFlags, made *madeIDs) error {
	names := f.accounts
	switch {
	case f.per == "source":
		names = []string{config.EveryOther}
	case len(names) == 0:
		names = o.accounts
		if len(names) == 0 {
			return fmt.Errorf("source %s: the configuration does not name its accounts, expected them with --accounts 111122223333,444455556666", f.source)
		}
	}
	for _, id := range f.accounts {
		if !o.uses(id) {
			return fmt.Errorf("--accounts %s: source %s has no role without an external ID there, expected some of %s", id, f.source, strings.Join(o.accounts, ","))
		}
	}
	names = append([]string{config.ForDiscovery}, names...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		m := madeID{For: name, ExternalID: ids.Get(f.source, name)}
		switch {
		case !o.uses(name):
		case m.ExternalID != "":
			made.Kept = append(made.Kept, m)
		default:
			m.ExternalID = ids.Make(f.source, name)
			made.Added = append(made.Added, m)
		}
	}
	return nil
}

// rotate replaces the IDs of the names, and keeps the others.
func (o openings) rotate(ids *externalid.File, names []string, made *madeIDs) error {
	there := ids.Names(made.Source)
	if len(there) == 0 {
		return fmt.Errorf("--rotate: %s has no external ID of source %s: without --rotate the command makes them", made.File, made.Source)
	}
	every := slices.Contains(names, everyID)
	for _, name := range names {
		switch {
		case name == everyID:
		case !slices.Contains(there, name):
			return fmt.Errorf("--rotate %s: %s has no external ID of that name for source %s, expected some of %s, or all", name, made.File, made.Source, strings.Join(there, ","))
		case !o.uses(name):
			return fmt.Errorf("--rotate %s: source %s does not use it: external_id in %s goes before it", name, made.Source, o.path)
		case externalid.Elsewhere(ids.Get(made.Source, name)):
			return fmt.Errorf("--rotate %s: its external ID is %s of the environment: change it there", name, ids.Get(made.Source, name))
		}
	}
	for _, name := range there {
		m := madeID{For: name, ExternalID: ids.Get(made.Source, name)}
		chosen := every || slices.Contains(names, name)
		if !chosen || !o.uses(name) || externalid.Elsewhere(m.ExternalID) {
			made.Kept = append(made.Kept, m)
			continue
		}
		m.Previous, m.ExternalID = m.ExternalID, ids.Make(made.Source, name)
		made.Replaced = append(made.Replaced, m)
	}
	return nil
}

// printExternalID prints one external ID and nothing else, for scripts.
func (a *app) printExternalID(f idFlags) error {
	file, err := a.configWith(f.file)
	if err != nil {
		return err
	}
	s, err := sourceOf(file, f.source)
	if err != nil {
		return err
	}
	id, err := s.ExternalIDFor(f.get)
	if err != nil {
		return usage(fmt.Errorf("--get %s: %w", f.get, err))
	}
	_, err = fmt.Fprintln(a.out, id.Reveal())
	return err
}

func (a *app) printExternalIDs(made *madeIDs, path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: source %s: %d external IDs added, %d replaced, %d kept\n", made.File, made.Source, len(made.Added), len(made.Replaced), len(made.Kept))
	for _, l := range []struct {
		word string
		ids  []madeID
	}{{"added", made.Added}, {"replaced", made.Replaced}, {"kept", made.Kept}} {
		for _, m := range l.ids {
			fmt.Fprintf(&b, "  %-8s  %s", l.word, m.For)
			if m.ExternalID != "" {
				fmt.Fprintf(&b, "  %s", m.ExternalID)
			}
			if m.Previous != "" {
				fmt.Fprintf(&b, "  was %s", m.Previous)
			}
			b.WriteString("\n")
		}
	}
	if !made.Configured {
		fmt.Fprintf(&b, "Nothing uses the file yet: add this line to %s:\nexternal_ids: %s\n", path, made.File)
	}
	_, err := a.out.Write([]byte(b.String()))
	return err
}
