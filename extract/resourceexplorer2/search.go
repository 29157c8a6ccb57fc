package resourceexplorer2

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2/types"

	"stocktake/extract"
)

// A search has at most this many results, and a query this many characters.
const (
	mostResults = 1000
	mostQuery   = 1280
)

// search emits what a query finds. Where AWS cuts the answer, the query is split
// by what the part of the answer that came shows: into one for each value of a
// filter that is found there, and one for all other values, so that together
// they find whatever the query does, and nothing twice.
func (r *reader) search(ctx context.Context, query []string) error {
	found, complete, err := r.ask(ctx, query)
	if err != nil {
		return err
	}
	if r.alone && r.foreign(found) && !slices.Contains(query, r.own()) {
		return r.search(ctx, append(slices.Clone(query), r.own()))
	}
	if complete {
		return r.emit(found)
	}
	for _, f := range filters {
		if parts := f.split(query, found); parts != nil {
			return extract.Parallel(ctx, parts, func(ctx context.Context, part *[]string) error { return r.search(ctx, *part) })
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	leaf := strings.Join(query, " ")
	if leaf == "" {
		leaf = "everything"
	}
	r.leaves = append(r.leaves, leaf)
	return nil
}

func (r *reader) ask(ctx context.Context, query []string) (found []types.Resource, complete bool, err error) {
	pager := resourceexplorer2.NewSearchPaginator(r.client, &resourceexplorer2.SearchInput{
		QueryString: aws.String(strings.Join(query, " ")), ViewArn: r.view, MaxResults: aws.Int32(mostResults),
	})
	complete = true
	err = extract.EachPage(ctx, pager, func(o *resourceexplorer2.SearchOutput) error {
		found = append(found, o.Resources...)
		complete = complete && o.Count != nil && aws.ToBool(o.Count.Complete)
		return nil
	})
	return found, complete, err
}

// filter is a way to split a query.
type filter struct {
	prefix string
	// values are those that the resources show beyond the ones that the query
	// names already.
	values func(prefix string, query []string, found []types.Resource) []string
	many   bool // a resource may have several values: each excludes those before it
	narrow bool // a value takes the place of the one that the query has
}

var filters = []filter{
	{prefix: "region:", values: single(func(a types.Resource) *string { return a.Region })},
	{prefix: "accountid:", values: single(func(a types.Resource) *string { return a.OwningAccountId })},
	{prefix: "service:", values: single(func(a types.Resource) *string { return a.Service })},
	{prefix: "resourcetype:", values: single(func(a types.Resource) *string { return a.ResourceType })},
	{prefix: "tag.key:", values: tagKeys, many: true},
	{prefix: "id:", values: longerIDs, narrow: true},
}

// split returns the queries that stand for query together, nil where the filter
// tells nothing apart. Values for which there is no room are left to the last
// query, that of all others.
func (f filter) split(query []string, found []types.Resource) [][]string {
	var others []string
	room := mostQuery - len(strings.Join(query, " ")) - 1
	var values []string
	for _, v := range f.values(f.prefix, query, found) {
		not := "-" + f.prefix + v
		if room -= len(not) + 1; room < 0 {
			break
		}
		values, others = append(values, v), append(others, not)
	}
	if len(values) == 0 {
		return nil
	}
	var parts [][]string
	for i, v := range values {
		part := slices.Clone(query)
		if f.narrow {
			part = slices.DeleteFunc(part, func(term string) bool { return strings.HasPrefix(term, f.prefix) })
		}
		part = append(part, f.prefix+v)
		if f.many {
			part = append(part, others[:i]...)
		}
		parts = append(parts, part)
	}
	return append(parts, slices.Concat(query, others))
}

// single is of filters of which a resource has one value. A query that names
// one cannot be split by it again.
func single(value func(types.Resource) *string) func(string, []string, []types.Resource) []string {
	return func(prefix string, query []string, found []types.Resource) []string {
		if named(prefix, query) {
			return nil
		}
		seen := map[string]bool{}
		for _, a := range found {
			if v := strings.ToLower(aws.ToString(value(a))); plain(v) {
				seen[v] = true
			}
		}
		return toldApart(prefix, query, seen)
	}
}

// tagKeys are those that some of the resources have, and some have not.
func tagKeys(prefix string, query []string, found []types.Resource) []string {
	count := map[string]int{}
	for _, a := range found {
		of := map[string]bool{} // a key in two spellings is one to a search
		for key := range row(a).Tags {
			if key = strings.ToLower(key); plain(key) && !of[key] {
				of[key] = true
				count[key]++
			}
		}
	}
	seen := map[string]bool{}
	for key, n := range count {
		if n < len(found) && !slices.Contains(query, prefix+key) {
			seen[key] = true
		}
	}
	return unsplit(prefix, query, seen)
}

// longerIDs are the beginnings of ARNs that are by one character longer than
// what all that were found begin with.
func longerIDs(prefix string, query []string, found []types.Resource) []string {
	var ids []string
	for _, a := range found {
		if id := strings.ToLower(aws.ToString(a.Arn)); plain(id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	first, last := ids[0], ids[len(ids)-1]
	n := 0
	for n < len(first) && n < len(last) && first[n] == last[n] {
		n++
	}
	for _, term := range query {
		if had, ok := strings.CutPrefix(term, prefix); ok && n < len(had)-len("*") {
			return nil // what was found does not begin as the query asks
		}
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if len(id) > n {
			seen[id[:n+1]+"*"] = true
		}
	}
	return toldApart(prefix, query, seen)
}

// toldApart returns no values where all resources share one, unless the query
// excludes others.
func toldApart(prefix string, query []string, seen map[string]bool) []string {
	if len(seen) < 2 && !named("-"+prefix, query) {
		return nil
	}
	return unsplit(prefix, query, seen)
}

// unsplit returns values in order. It returns none where the query excludes one
// of them: a search that does not heed that will not do so again.
func unsplit(prefix string, query []string, seen map[string]bool) []string {
	values := slices.Sorted(maps.Keys(seen))
	if slices.ContainsFunc(values, func(v string) bool { return slices.Contains(query, "-"+prefix+v) }) {
		return nil
	}
	return values
}

func named(prefix string, query []string) bool {
	return slices.ContainsFunc(query, func(term string) bool { return strings.HasPrefix(term, prefix) })
}

// plain reports whether a value can stand in a query as it is.
func plain(value string) bool {
	return value != "" && !strings.ContainsFunc(value, func(c rune) bool {
		return c <= ' ' || c > '~' || strings.ContainsRune(`"\*,`, c)
	})
}
