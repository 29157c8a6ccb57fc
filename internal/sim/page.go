package sim

import (
	"encoding/base64"
	"encoding/binary"
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

// inOrder pages over items by their time, the oldest first. It makes all of them
// for each page.
func inOrder[T any](n int, at func(i int) (T, bool), when func(T) time.Time) (int, func(i int) (T, bool)) {
	var items []T
	for i := range n {
		if item, ok := at(i); ok {
			items = append(items, item)
		}
	}
	slices.SortStableFunc(items, func(a, b T) int { return when(a).Compare(when(b)) })
	return of(items)
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
