package load

import (
	"sync/atomic"

	"stocktake/load/store/storetest"
)

// failing is a disk whose process ends at a change: that change and all after
// it do not take place.
type failing struct {
	at      int
	changes atomic.Int64
}

func (d *failing) change(string) error {
	if d.changes.Add(1) > int64(d.at) {
		return storetest.ErrDead
	}
	return nil
}

func (d *failing) count() int { return int(d.changes.Load()) }
