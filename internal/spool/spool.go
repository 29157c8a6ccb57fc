// Package spool keeps what a run has collected until it is loaded: per unit and
// table one file of sorted runs of rows, and a journal with one line per
// finished unit. A unit that has no line does not exist, so a killed run loses
// whole units and never parts of one. The package knows files, sorting and
// Arrow's wire format; it knows neither AWS nor the warehouse.
package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"stocktake/internal/outcome"
	"stocktake/internal/schema"
)

// FormatVersion is the version of the files of a spool. A spool of another one
// is not resumed.
const FormatVersion = 2

const (
	metaName    = "meta.json"
	journalName = "journal.jsonl"
	tablesName  = "tables"
	sharedName  = tablesName + "/shared.rows"
)

// Meta says which run a spool belongs to.
type Meta struct {
	FormatVersion int       `json:"format_version"`
	RunID         string    `json:"run_id"`
	Date          string    `json:"date"` // snapshot date, UTC
	ConfigHash    string    `json:"config_hash"`
	Parent        string    `json:"parent"`           // last committed run when this one began; "" for none
	Leases        []string  `json:"leases,omitempty"` // that the run holds as long as it goes on
	Program       string    `json:"program"`
	StartedAt     time.Time `json:"started_at"`
}

// UnitID names a unit.
type UnitID struct {
	Source    string `json:"source"`
	Collector string `json:"collector"`
	Account   string `json:"account"`
	Region    string `json:"region"`
}

func (id UnitID) String() string {
	return id.Source + "/" + id.Collector + "/" + id.Account + "/" + id.Region
}

// Place is whom rows are about. Where it names what a result covers, "*" stands
// for every account or every region.
type Place struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

// Unit is a finished unit: a line of the journal.
type Unit struct {
	ID              UnitID        `json:"id"`
	CollectedRegion string        `json:"collected_region,omitempty"` // region that was asked
	Partition       string        `json:"partition,omitempty"`
	StartedAt       time.Time     `json:"started_at"`
	EndedAt         time.Time     `json:"ended_at"`
	Tables          []TableResult `json:"tables"`
}

// TableResult is what a unit has of one table.
type TableResult struct {
	Table       string          `json:"table"`
	Schema      string          `json:"schema"` // ID of the schema
	Outcome     outcome.Outcome `json:"outcome"`
	Rows        int64           `json:"rows,omitempty"`       // rows in the file; a merge of its runs may drop more duplicates
	Duplicates  int64           `json:"duplicates,omitempty"` // rows that a later row of the same key replaced
	Discarded   int64           `json:"discarded,omitempty"`
	Calls       int64           `json:"calls,omitempty"`
	FailedCalls int64           `json:"failed_calls,omitempty"`
	Retries     int64           `json:"retries,omitempty"`
	Throttles   int64           `json:"throttles,omitempty"`
	File        string          `json:"file,omitempty"`         // relative to the spool; "" when there are no rows
	Offset      int64           `json:"offset,omitempty"`       // where in the file they begin
	Bytes       int64           `json:"bytes,omitempty"`        // how much of the file they take
	Checksum    string          `json:"checksum,omitempty"`     // xxh3 of these bytes
	Runs        []int64         `json:"runs,omitempty"`         // where in these bytes each sorted run begins
	Mixed       bool            `json:"mixed,omitempty"`        // some row is of another place than the unit
	DuplicateIn []PlaceCount    `json:"duplicate_in,omitempty"` // whom the duplicates are about, where Mixed
	Covers      []Place         `json:"covers,omitempty"`       // what this result speaks for; nil: the unit's own place
	Mark        Mark            `json:"mark,omitzero"`          // of tables that are read by time
	Incremental bool            `json:"incremental,omitempty"`  // the rows are what changed since the last mark
}

// Mark is how far a table that is read by time has been read.
type Mark struct {
	Until time.Time `json:"until,omitzero"` // what came or changed before has been read
	Full  time.Time `json:"full,omitzero"`  // when everything was last asked for
}

// PlaceCount is a number of rows of a place.
type PlaceCount struct {
	Place
	Count int64 `json:"count"`
}

// Keep fills in what the file of a table holds.
func (r *TableResult) Keep(f File) {
	r.Rows, r.Duplicates, r.DuplicateIn = f.Rows, f.Duplicates, f.DuplicateIn
	r.File, r.Offset, r.Bytes, r.Checksum, r.Runs, r.Mixed = f.Name, f.Offset, f.Bytes, f.Checksum, f.Runs, f.Mixed
}

// Spool is an open spool. All its methods may be called at the same time.
type Spool struct {
	dir     string
	meta    Meta
	memory  holding
	tables  sync.Map // *schema.Schema → *table
	decoder decoders
	journal *journal
	shared  *shared
}

// Create makes the directory and begins an empty spool in it.
func Create(dir string, m Meta) (*Spool, error) {
	m.FormatVersion = FormatVersion
	if err := os.MkdirAll(filepath.Join(dir, tablesName), 0o700); err != nil {
		return nil, fmt.Errorf("create spool: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, metaName)); err == nil {
		return nil, fmt.Errorf("create spool: %s exists", filepath.Join(dir, metaName))
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write spool meta: %w", err)
	}
	// The journal comes first: a directory with a meta file is a whole spool.
	j, err := createJournal(filepath.Join(dir, journalName))
	if err != nil {
		return nil, err
	}
	s := &Spool{dir: dir, meta: m, journal: j}
	if s.shared, err = openShared(filepath.Join(dir, sharedName)); err != nil {
		return nil, errors.Join(err, j.close())
	}
	temporary := filepath.Join(dir, metaName+".new")
	if err := errors.Join(os.WriteFile(temporary, text, 0o600), os.Rename(temporary, filepath.Join(dir, metaName))); err != nil {
		return nil, errors.Join(fmt.Errorf("write spool meta: %w", err), s.Close())
	}
	return s, nil
}

// Open opens the spool of a run that was cut off. A last journal line that was
// torn is cut off too; a line before it that cannot be read is an error. Units
// whose files are not whole, as after a power cut, come back as lost: they are
// not among Units, and are to be collected again.
func Open(dir string) (s *Spool, lost []UnitID, err error) {
	m, err := ReadMeta(dir)
	if err != nil {
		return nil, nil, err
	}
	j, err := openJournal(filepath.Join(dir, journalName))
	if err != nil {
		return nil, nil, err
	}
	s = &Spool{dir: dir, meta: m, journal: j}
	if s.shared, err = openShared(filepath.Join(dir, sharedName)); err != nil {
		return nil, nil, errors.Join(err, j.close())
	}
	for u, err := range s.Units() {
		if err != nil {
			return nil, nil, errors.Join(err, s.Close())
		}
		if !s.whole(u) {
			lost = append(lost, u.ID)
		}
	}
	for _, id := range lost {
		j.forget(id)
	}
	return s, lost, nil
}

// whole reports whether all files of a unit are as they were written.
func (s *Spool) whole(u Unit) bool {
	return !slices.ContainsFunc(u.Tables, func(r TableResult) bool { return r.File != "" && s.verify(r) != nil })
}

// ReadMeta reads whose spool a directory is.
func ReadMeta(dir string) (Meta, error) {
	name := filepath.Join(dir, metaName)
	text, err := os.ReadFile(name)
	if err != nil {
		return Meta{}, fmt.Errorf("read spool meta: %w", err)
	}
	m, err := parseMeta(text)
	if err != nil {
		return Meta{}, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

func parseMeta(text []byte) (Meta, error) {
	var m Meta
	if err := json.Unmarshal(text, &m); err != nil {
		return Meta{}, fmt.Errorf("read spool meta: %w", err)
	}
	if m.FormatVersion != FormatVersion {
		return Meta{}, fmt.Errorf("format_version %d: expected %d; the spool was written by another version of the program", m.FormatVersion, FormatVersion)
	}
	if m.RunID == "" {
		return Meta{}, errors.New("run_id: found none, expected the ID of a run")
	}
	return m, nil
}

// Find returns the directories under root that hold a spool, in order of their
// names.
func Find(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find spools: %w", err)
	}
	var found []string
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if _, err := os.Lstat(filepath.Join(dir, metaName)); err == nil {
			found = append(found, dir)
		}
	}
	return found, nil
}

// Remove deletes a spool. What is left of it when that is cut off is no longer
// a spool.
func Remove(dir string) error {
	if err := os.Remove(filepath.Join(dir, metaName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove spool: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove spool: %w", err)
	}
	return nil
}

// Dir returns the directory of the spool.
func (s *Spool) Dir() string { return s.dir }

// Meta returns whose spool it is.
func (s *Spool) Meta() Meta { return s.meta }

// Close syncs the journal and closes the spool. Rows that were not read by then
// can no longer be.
func (s *Spool) Close() error { return errors.Join(s.journal.close(), s.shared.file.Close()) }

// Sync makes the lines of the journal durable.
func (s *Spool) Sync() error { return s.journal.sync() }

// table returns what is derived from a schema once.
func (s *Spool) table(sch *schema.Schema) (*table, error) {
	if t, ok := s.tables.Load(sch); ok {
		return t.(*table), nil
	}
	t, err := newTable(sch)
	if err != nil {
		return nil, err
	}
	kept, _ := s.tables.LoadOrStore(sch, t)
	return kept.(*table), nil
}
