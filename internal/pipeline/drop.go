package pipeline

import (
	"context"
	"fmt"
	"path/filepath"

	"stocktake/load"
)

// dropDir is where a run to a destination that cannot be read keeps its journal
// and its leases.
const dropDir = ".drop"

// recoverDrop finishes what an earlier run has committed, by this machine's
// journal.
func (p *run) recoverDrop(ctx context.Context) error {
	lost, err := load.RecoverDrop(ctx, p.o.Store, filepath.Join(p.o.Config.Spool, dropDir), p.o.hooks())
	for _, l := range lost {
		p.notes = append(p.notes, l.Error())
	}
	if err != nil {
		return fmt.Errorf("finish an earlier run: %w", err)
	}
	return nil
}

// drop makes the run visible by itself.
func (p *run) drop(ctx context.Context, publication load.Publication) error {
	_, err := load.Drop(ctx, p.o.Store, filepath.Join(p.o.Config.Spool, dropDir), publication)
	return err
}
