package load

import (
	"sync/atomic"

	"stocktake/load/store/storetest"
)

// disk is one whose process ends at a change: that change and all after it do
// not take place.
type disk struct {
	at      int
	changes atomic.Int64
}

func (d *disk) change(string) error {
	if d.changes.Add(1) > int64(d.at) {
		return storetest.ErrDead
	}
	return nil
}

func (d *disk) count() int { return int(d.changes.Load()) }
