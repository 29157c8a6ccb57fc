package sim

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// limits are a service's rules for the page size.
type limits struct {
	least, most int // accepted values of the caller; a larger one than most is refused unless clamp
	page        int // items of a page at most; 0: most
	standard    int // where the caller names no size; 0: page
	clamp       bool
}

// request is what a caller says about paging.
type request struct {
	token *string
	size  *int32
}

// page answers items from position 0 to n, beginning where the token points. Items for which at says false
// are left out.
func page[T any](c *call, r request, l limits, n int, at func(i int) (T, bool)) ([]T, *string, error) {
	size, err := c.pageSize(r.size, l)
	if err != nil {
		return nil, nil, err
	}
	i, err := c.readToken(r.token, n)
	if err != nil {
		return nil, nil, err
	}
	var items []T
	for ; i < n; i++ {
		item, ok := at(i)
		if !ok {
			continue
		}
		if len(items) == size {
			return items, c.token(i), nil
		}
		items = append(items, item)
	}
	return items, nil, nil
}

// all is for items that are never left out.
func all[T any](at func(i int) T) func(i int) (T, bool) {
	return func(i int) (T, bool) { return at(i), true }
}

// inOrder pages over items by their time, the oldest first, without those that
// when says no of. To sort them all are made, so the order is kept for the pages
// that follow: key tells those of one question from those of others.
func inOrder[T any](c *call, key any, n int, when func(i int) (time.Time, bool), at func(i int) T) (int, func(i int) (T, bool)) {
	order := c.o.order(fmt.Sprint(c.name, " ", c.account.id, " ", c.region, " ", c.now.UnixNano(), " ", wording(key)), func() []int32 {
		var order []int32
		times := map[int32]int64{}
		for i := range n {
			if t, ok := when(i); ok {
				order = append(order, int32(i))
				times[int32(i)] = t.UnixNano()
			}
		}
		slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(times[a], times[b]) })
		return order
	})
	return len(order), func(i int) (T, bool) { return at(int(order[i])), true }
}

// wording is all that a question says.
func wording(question any) string {
	b, err := json.Marshal(question)
	if err != nil {
		panic(err) // texts, numbers and times only
	}
	return string(b)
}

// order returns the order of a key, and makes it where it is not kept.
func (o *Organization) order(key string, make func() []int32) []int32 {
	o.mu.Lock()
	order, ok := o.state.orders[key]
	o.mu.Unlock()
	if ok {
		return order
	}
	order = make()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.state.orders) > 100 {
		clear(o.state.orders)
	}
	o.state.orders[key] = order
	return order
}

// of pages over a list that is at hand.
func of[T any](list []T) (int, func(i int) (T, bool)) {
	return len(list), func(i int) (T, bool) { return list[i], true }
}

func (c *call) pageSize(asked *int32, l limits) (int, error) {
	most := l.page
	if most == 0 {
		most = l.most
	}
	size := l.standard
	if size == 0 {
		size = most
	}
	if asked != nil && *asked != 0 {
		size = int(*asked)
		if size < l.least || (size > l.most && !l.clamp) {
			return 0, c.fault(c.service.dialect.badInput, 400,
				"Value %d for the page size is invalid: expected %d to %d", size, l.least, l.most)
		}
	}
	size = min(size, most)
	if forced := c.o.opts.PageSize; forced > 0 {
		size = min(size, forced)
	}
	return size, nil
}

// token is opaque to callers and good for one operation in one account and region.
func (c *call) token(position int) *string {
	b := binary.BigEndian.AppendUint64(nil, uint64(c.tokenSeed().i(position)))
	b = binary.BigEndian.AppendUint32(b, uint32(position))
	t := base64.URLEncoding.EncodeToString(b)
	return &t
}

func (c *call) tokenSeed() seed {
	return c.o.seed.s("token").s(c.account.id).s(c.region).s(c.service.name).s(c.name)
}

func (c *call) readToken(token *string, n int) (int, error) {
	if token == nil || *token == "" {
		return 0, nil
	}
	b, err := base64.URLEncoding.DecodeString(*token)
	if err == nil && len(b) == 12 {
		position := int(binary.BigEndian.Uint32(b[8:]))
		if position <= n && binary.BigEndian.Uint64(b) == uint64(c.tokenSeed().i(position)) {
			return position, nil
		}
	}
	return 0, c.fault(c.service.dialect.badToken, 400, "The pagination token is invalid")
}
