package pipeline

import (
	"context"
	"fmt"
	"path/filepath"

	"stocktake/load"
	"stocktake/load/store/local"
)

// dropDir is where a run to a destination that cannot be read keeps its journal
// and its lock.
const dropDir = ".drop"

// lockDrop takes this machine's journal, since nothing can be locked at the
// destination, and finishes what an earlier run has committed.
func (p *run) lockDrop(ctx context.Context) error {
	dir := filepath.Join(p.o.Config.Spool, dropDir)
	here, err := local.Open(dir)
	if err != nil {
		return err
	}
	if p.lease, err = Lock(ctx, here, p.o.Program); err != nil {
		return err
	}
	lost, err := load.RecoverDrop(ctx, p.o.Store, dir, p.o.hooks())
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
