package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/load"
)

func (a *app) cleanCommand() *cobra.Command {
	var apply, asJSON bool
	c := &cobra.Command{
		Use:   "clean",
		Short: "List what ended runs have left behind, and remove it",
		Long: `List what runs that were cut off have left: files and uploads that no commit is
going to finish, notes and manifests of runs that were not committed, and what
such runs had collected. Without --apply nothing is removed.

What can still be of use stays in any case: the rows of a run that can be
resumed, and a commit that the next run completes. Snapshot files that no
manifest names are only reported, since they tell of a fault.

While a run goes on, its own files are listed too; --apply then refuses with
exit code 11.`,
		Example: `  stocktake clean
  stocktake clean --apply
  stocktake clean --json | jq '.leftovers[] | select(.keep) | .name'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := a.config()
			if err != nil {
				return err
			}
			if file.WriteOnly() {
				return usage(fmt.Errorf("%s: output.mode drop: there is nothing that clean may list; the next run finishes or aborts what an earlier one has left", file.Path))
			}
			return a.clean(c.Context(), file, apply, asJSON)
		},
	}
	c.Flags().BoolVar(&apply, "apply", false, "remove what is listed, but for what is kept")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// cleaned is what `clean --json` prints.
type cleaned struct {
	Leftovers []leftover `json:"leftovers"`
	Applied   bool       `json:"applied"` // those that are not kept are removed
}

type leftover struct {
	Kind  load.LeftoverKind `json:"kind"`
	Name  string            `json:"name"`
	Run   string            `json:"run,omitempty"`
	Bytes int64             `json:"bytes"`
	Since *time.Time        `json:"since"` // null where it is not known
	Why   string            `json:"why"`
	Keep  bool              `json:"keep"`
}

func (a *app) clean(ctx context.Context, file *config.File, apply, asJSON bool) (err error) {
	out := cleaned{Leftovers: []leftover{}, Applied: apply}
	now := time.Now()
	if _, err := os.Stat(file.Warehouse); file.OnS3() || !errors.Is(err, fs.ErrNotExist) {
		found, err := a.leftovers(ctx, file, apply, now)
		if err != nil {
			return withExit(err)
		}
		for _, f := range found {
			l := leftover{Kind: f.Kind, Name: f.Name, Run: f.Run, Bytes: f.Size, Why: f.Why, Keep: f.Keep}
			if !f.Since.IsZero() {
				l.Since = &f.Since
			}
			out.Leftovers = append(out.Leftovers, l)
		}
	}
	if asJSON {
		return printJSON(a.out, out)
	}
	return a.printCleaned(out, now)
}

// leftovers lists what ended runs have left, and removes it if told to.
func (a *app) leftovers(ctx context.Context, file *config.File, apply bool, now time.Time) (found []load.Leftover, err error) {
	s, err := a.destination(ctx, file)
	if err != nil {
		return nil, err
	}
	if apply { // a list must not stand in the way of a run
		release, err := pipeline.LockAll(ctx, s, all.Collectors, version)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	if found, err = load.Leftovers(ctx, s, file.Spool, now); err != nil || !apply {
		return found, err
	}
	return found, load.Clean(ctx, s, found)
}

func (a *app) printCleaned(c cleaned, now time.Time) error {
	var bytes int64
	removable := 0
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	if len(c.Leftovers) > 0 {
		fmt.Fprintln(w, "KIND\tNAME\tBYTES\tAGE\tKEPT\tWHY")
	}
	for _, l := range c.Leftovers {
		age, kept := "", ""
		if l.Since != nil {
			age = now.Sub(*l.Since).Round(time.Minute).String()
		}
		if l.Keep {
			kept = "yes"
		} else {
			removable++
			bytes += l.Bytes
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", l.Kind, l.Name, l.Bytes, orDash(age), orDash(kept), l.Why)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	said := fmt.Sprintf("%s to remove, %d bytes; `stocktake clean --apply` does", counted(removable, "leftover"), bytes)
	switch {
	case len(c.Leftovers) == 0:
		said = "nothing is left over"
	case c.Applied:
		said = fmt.Sprintf("removed %s, %d bytes", counted(removable, "leftover"), bytes)
	case removable == 0:
		said = "nothing to remove"
	}
	_, err := fmt.Fprintln(a.out, said)
	return err
}
