package rowmerge

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// Range is consecutive rows of one of several batches.
type Range struct {
	Source, Start, Len int32
}

// pick is one row and the beginning of its leading key, so that most
// comparisons need not touch the batch.
type pick struct {
	lead        uint64
	source, row int32
}

// Sort returns the rows of the batches in order, and calls dropped for each row
// that a later row of the same key replaces.
func (o *Order) Sort(batches []arrow.RecordBatch, dropped func(source, row int)) []Range {
	keys := make([]Keys, len(batches))
	total := 0
	for i, b := range batches {
		keys[i] = o.Keys(b)
		total += int(b.NumRows())
	}
	if ascending(batches, keys) {
		return whole(batches)
	}
	column, skip := leading(keys, batches)
	picks := make([]pick, 0, total)
	for s, b := range batches {
		for r := range int(b.NumRows()) {
			picks = append(picks, pick{keys[s][column].lead(r, skip), int32(s), int32(r)})
		}
	}
	rest := func(a, b pick) int { return keys[a.source].Compare(int(a.row), keys[b.source], int(b.row)) }
	slices.SortFunc(picks, func(a, b pick) int {
		if a.lead != b.lead {
			return cmp.Compare(a.lead, b.lead)
		}
		if d := rest(a, b); d != 0 {
			return d
		}
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.row, b.row))
	})
	ranges := make([]Range, 0, total)
	for i, p := range picks {
		if i+1 < len(picks) && p.lead == picks[i+1].lead && rest(p, picks[i+1]) == 0 {
			dropped(int(p.source), int(p.row))
			continue
		}
		ranges = appendRange(ranges, Range{p.source, p.row, 1})
	}
	return ranges
}

func ascending(batches []arrow.RecordBatch, keys []Keys) bool {
	for s := range batches {
		rows := int(batches[s].NumRows())
		if !keys[s].Ascending(rows) {
			return false
		}
		if s > 0 && rows > 0 && batches[s-1].NumRows() > 0 &&
			keys[s-1].Compare(int(batches[s-1].NumRows())-1, keys[s], 0) >= 0 {
			return false
		}
		if rows == 0 && len(batches) > 1 {
			return false // keeps the comparison with the batch before simple
		}
	}
	return true
}

func whole(batches []arrow.RecordBatch) []Range {
	ranges := make([]Range, len(batches))
	for i, b := range batches {
		ranges[i] = Range{int32(i), 0, int32(b.NumRows())}
	}
	return ranges
}

// leading returns the first key column in which rows differ, and how many bytes
// all its values share if it is text: accounts and regions are mostly the same
// all over a batch, and ARNs begin alike.
func leading(keys []Keys, batches []arrow.RecordBatch) (column, skip int) {
	for c := range keys[0] {
		if same, shared := common(keys, batches, c); !same || c == len(keys[0])-1 {
			return c, shared
		}
	}
	return 0, 0
}

func common(keys []Keys, batches []arrow.RecordBatch, c int) (same bool, shared int) {
	first := -1
	same = true
	for s := range keys {
		rows := int(batches[s].NumRows())
		if rows == 0 {
			continue
		}
		if first < 0 {
			first = s
			if k := &keys[s][c]; k.offsets != nil && k.isSet(0) {
				shared = int(k.offsets[1] - k.offsets[0])
			}
		}
		for r := range rows {
			a, b := &keys[first][c], &keys[s][c]
			if a.compare(0, b, r) == 0 {
				continue
			}
			same = false
			if !a.isSet(0) || !b.isSet(r) || a.offsets == nil {
				return false, 0
			}
			shared = min(shared, sharedBytes(a.textAt(0), b.textAt(r)))
		}
	}
	return same, shared
}

func sharedBytes(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// lead returns a number that orders row i among the rows that share its first
// skip bytes: where two leads differ, the rows differ the same way. Text that
// ends early leads with zeros, so that equal leads decide nothing.
func (a *key) lead(i, skip int) uint64 {
	switch {
	case !a.isSet(i):
		return 0
	case a.offsets != nil:
		var head [8]byte
		copy(head[:], a.textAt(i)[skip:])
		return binary.BigEndian.Uint64(head[:])
	case a.long != nil:
		return uint64(a.long[i]) ^ 1<<63
	case a.int != nil:
		return uint64(int64(a.int[i])) ^ 1<<63
	}
	return 0
}
