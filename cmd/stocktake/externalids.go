package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stocktake/extract"
	"stocktake/extract/all"
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

func (a *app) externalIDsCommand() *cobra.Command {
	var source, per, file string
	var accounts []string
	var rotate, show, asJSON bool
	c := &cobra.Command{
		Use:   "external-ids",
		Short: "Make external IDs, in a file that only you can read",
		Long: `Makes an external ID for the roles of a source, or one for each of its accounts,
in the file that external_ids names in the configuration. IDs that are there stay.`,
		Example: `  stocktake access external-ids --source acme
  stocktake access external-ids --source acme --per account --accounts 111122223333,444455556666
  stocktake access external-ids --source acme --rotate --accounts 111122223333 --file next.yaml --show`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if source == "" {
				return usage(fmt.Errorf("access external-ids without --source: expected the name of a source of the configuration"))
			}
			if rotate {
				if len(accounts) == 0 {
					return usage(fmt.Errorf("--rotate without --accounts: expected the accounts whose external IDs to replace"))
				}
				per = cmp.Or(per, "account")
			}
			if per = cmp.Or(per, "source"); per != "source" && per != "account" {
				return usage(fmt.Errorf("--per %q: expected source or account", per))
			}
			if per == "source" && len(accounts) > 0 {
				return usage(fmt.Errorf("--accounts with --per source: expected --per account"))
			}
			path, err := config.Find(a.configFlag)
			if err != nil {
				return usage(err)
			}
			if file != "" {
				if file, err = filepath.Abs(file); err != nil {
					return err
				}
			}
			f, configured, err := config.LoadBeforeExternalIDs(path, file, func(pattern string) error {
				_, err := extract.Select(all.Collectors, all.Streams, []string{pattern})
				return err
			})
			if err != nil {
				return usage(err)
			}
			names, err := externalIDNames(f, source, per == "account", accounts)
			if err != nil {
				return usage(err)
			}
			made, err := makeExternalIDs(f.ExternalIDs, source, names, accounts, rotate, show)
			if err != nil {
				return err
			}
			made.Configured = configured
			if asJSON {
				e := json.NewEncoder(a.out)
				e.SetIndent("", "  ")
				return e.Encode(made)
			}
			return a.printExternalIDs(made, path)
		},
	}
	c.Flags().StringVar(&source, "source", "", "name of the source")
	c.Flags().StringVar(&per, "per", "", "source: one external ID for all accounts (the default); account: one for each")
	c.Flags().StringSliceVar(&accounts, "accounts", nil, "accounts to make external IDs for; those that the configuration names where left out")
	c.Flags().BoolVar(&rotate, "rotate", false, "replace the external IDs of the accounts that --accounts names")
	c.Flags().StringVar(&file, "file", "", "file to write, in place of the one that the configuration names")
	c.Flags().BoolVar(&show, "show", false, "print the external IDs")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// externalIDNames are the names under which the source needs external IDs.
func externalIDNames(f *config.File, source string, perAccount bool, accounts []string) ([]string, error) {
	i := slices.IndexFunc(f.Sources, func(s config.Source) bool { return s.Name == source })
	if i < 0 {
		names := make([]string, len(f.Sources))
		for i, s := range f.Sources {
			names[i] = s.Name
		}
		return nil, fmt.Errorf("--source %q: expected one of %s", source, strings.Join(names, ", "))
	}
	for _, id := range accounts {
		if !accountForm.MatchString(id) {
			return nil, fmt.Errorf("--accounts %q: expected account IDs of 12 digits, separated by commas", id)
		}
	}
	s := f.Sources[i]
	if s.Keys != nil {
		return nil, fmt.Errorf("source %s: found keys, expected roles: no role is assumed that could ask for an external ID", source)
	}
	var names, known []string // known are the accounts of the configuration's hops that have no ID there
	hops := []config.Hop{}
	for _, r := range s.Roles {
		hops = append(hops, r.Hops...)
	}
	if s.Role != nil {
		hops = append(hops, s.Role.Hops...)
	}
	for _, h := range hops {
		if h.ExternalID == "" {
			known = append(known, strings.Split(h.RoleARN, ":")[4])
		}
	}
	whole := s.Role != nil && s.Role.WholeOrganization
	own := fmt.Errorf("source %s: its roles have external IDs in %s, which go before those of a file: remove external_id there", source, f.Path)
	if o := s.Organization; o != nil {
		whole, known = true, o.Accounts.Include
		if o.ExternalID != "" {
			return nil, own
		}
		if d := o.Discovery; d != nil && slices.ContainsFunc(d.Hops, func(h config.Hop) bool { return h.ExternalID == "" }) {
			names = append(names, config.ForDiscovery)
		}
	} else if len(known) == 0 {
		return nil, own
	}
	if !perAccount {
		return append(names, config.EveryOther), nil
	}
	for _, id := range accounts {
		if !whole && !slices.Contains(known, id) {
			return nil, fmt.Errorf("--accounts %s: source %s has no role without an external ID there, expected some of %s", id, source, strings.Join(known, ","))
		}
	}
	if len(accounts) == 0 {
		accounts = known
		if len(accounts) == 0 || whole && s.Organization == nil {
			return nil, fmt.Errorf("source %s: the configuration does not name its accounts, expected them with --accounts 111122223333,444455556666", source)
		}
	}
	names = append(names, accounts...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

func makeExternalIDs(path, source string, names, rotated []string, rotate, show bool) (*madeIDs, error) {
	ids, err := externalid.Open(path)
	if err != nil {
		return nil, err
	}
	made := &madeIDs{File: path, Source: source, Added: []madeID{}, Replaced: []madeID{}, Kept: []madeID{}}
	for _, name := range names {
		m := madeID{For: name, ExternalID: ids.Get(source, name)}
		list := &made.Kept
		switch {
		case m.ExternalID == "":
			m.ExternalID, list = ids.Make(source, name), &made.Added
		case rotate && slices.Contains(rotated, name):
			m.Previous, m.ExternalID, list = m.ExternalID, ids.Make(source, name), &made.Replaced
		}
		if !show {
			m.ExternalID, m.Previous = "", ""
		}
		*list = append(*list, m)
	}
	if len(made.Added)+len(made.Replaced) == 0 {
		return made, nil
	}
	return made, ids.Write()
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
