package extract

// SourceCollects reports whether the unit's source collects a table, whatever
// this run was narrowed to.
func (u *Unit) SourceCollects(table string) bool {
	for _, s := range u.run.Config.Sources {
		if s.Name != u.Source {
			continue
		}
		tables, err := Select(u.run.Collectors, u.run.Streams, s.Collect)
		return err == nil && tables[table] // the plan has made the same choice without an error
	}
	return false
}
