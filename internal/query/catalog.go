package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	duckdb "github.com/duckdb/duckdb-go-bindings"
	"golang.org/x/sync/errgroup"
)

// DuckDB looks into the files of a view when the view is made. On S3 that takes a few
// requests for each file, so there a view is made when a query first names it.

// stages orders views: those of a stage read only views of the stages before it.
func stages(all []View) [][]View {
	byName := map[string]View{}
	for _, v := range all {
		byName[strings.ToLower(v.Name)] = v
	}
	depths := map[string]int{}
	var depth func(name string) int
	depth = func(name string) int {
		if d, ok := depths[name]; ok {
			return d
		}
		depths[name] = 0 // a view that names itself, as a column, does not wait for itself
		d := 0
		for _, read := range namesIn(byName[name].SQL) {
			if _, ok := byName[read]; ok {
				d = max(d, depth(read)+1)
			}
		}
		depths[name] = d
		return d
	}
	var ordered [][]View
	for _, v := range all {
		d := depth(strings.ToLower(v.Name))
		for len(ordered) <= d {
			ordered = append(ordered, nil)
		}
		ordered[d] = append(ordered[d], v)
	}
	return ordered
}

// namesIn lists what may be the name of a view in a text, in lower case.
func namesIn(sql string) []string {
	var names []string
	for _, t := range tokens(sql) {
		if t.kind == word || t.kind == quoted {
			names = append(names, strings.ToLower(t.value))
		}
	}
	return names
}

// namedIn picks the views that a text may read, with those behind them, or all where it
// may ask which there are.
func namedIn(sql string, all []View) []View {
	if listsViews(tokens(sql)) {
		return all
	}
	wanted := map[string]bool{}
	for _, name := range namesIn(sql) {
		wanted[name] = true
	}
	var named []View
	for _, v := range slices.Backward(all) {
		if wanted[strings.ToLower(v.Name)] {
			named = append(named, v)
			for _, read := range namesIn(v.SQL) {
				wanted[read] = true
			}
		}
	}
	slices.Reverse(named)
	return named
}

// Statements, schemas and functions that list views, or take the name of one as a value.
// Functions also go by what their names begin with.
var (
	listingStatements = []string{"show", "describe", "pragma"}
	listingNames      = []string{"information_schema", "sql_auto_complete", "query_table"}
	listingPrefixes   = []string{"duckdb_", "pragma_", "pg_", "sqlite_"}
)

func listsViews(text []token) bool {
	for i, t := range text {
		name := strings.ToLower(t.value)
		begins := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		switch {
		case t.kind != word && t.kind != quoted:
		case slices.Contains(listingNames, name), slices.ContainsFunc(listingPrefixes, begins):
			return true
		case t.kind == quoted:
		case slices.Contains(listingStatements, name), name == "desc" && beginsStatement(text, i):
			return true
		}
	}
	return false
}

// beginsStatement tells DESC, short for DESCRIBE, from the end of an ORDER BY.
func beginsStatement(text []token, i int) bool {
	return i == 0 || slices.Contains([]string{";", "(", "explain", "analyze", "as"}, text[i-1].value)
}

// inStages makes views after those that they read, up to width at once.
func inStages(all []View, width int, create func(View) error) error {
	for _, stage := range stages(all) {
		var g errgroup.Group
		g.SetLimit(width)
		for _, v := range stage {
			g.Go(func() error { return create(v) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func createView(ctx context.Context, db duckdb.Database, r *remote, v View) error {
	c, err := connect(db, r)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.exec(ctx, v.statement()); err != nil {
		return fmt.Errorf("create view %s: %w", v.Name, r.explain(err))
	}
	return nil
}

// provide makes those of the views that are not there yet. One caller at a time does.
func (e *engine) provide(ctx context.Context, views []View) error {
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-e.turn }()
	defer e.remote.use()()
	missing := slices.DeleteFunc(slices.Clone(views), func(v View) bool { return e.made[v.Name] })
	var mu sync.Mutex
	return inStages(missing, e.remote.width(), func(v View) error {
		err := createView(ctx, e.db, e.remote, v)
		mu.Lock()
		defer mu.Unlock()
		e.made[v.Name] = err == nil
		return err
	})
}
