package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"stocktake/internal/schema"
	"stocktake/load/store"
)

// ManifestVersion is the version of the manifest's format. A manifest of
// another one is not read.
const ManifestVersion = 1

// Manifest is the complete state of a warehouse after a run: every table's
// file, wherever an earlier run wrote it, and what is needed to finish the
// files of this one. It holds no secrets.
type Manifest struct {
	FormatVersion int              `json:"format_version"`
	Run           string           `json:"run"`
	Parent        string           `json:"parent,omitempty"` // "" for the first run
	Leases        []string         `json:"leases,omitempty"` // that the run held: what it collected
	Date          string           `json:"date"`             // snapshot date, UTC
	StartedAt     time.Time        `json:"started_at"`
	CommittedAt   time.Time        `json:"committed_at"`
	Program       string           `json:"program"`
	ConfigHash    string           `json:"config_hash"`
	ExitCode      int              `json:"exit_code"`
	Sources       []ManifestSource `json:"sources"`
	Tables        []ManifestTable  `json:"tables"`
	Events        []ManifestTable  `json:"events"`             // files that this run adds
	Replaced      []string         `json:"replaced,omitempty"` // files of events that it removes, as their rows are in those that it adds
	SupersededBy  string           `json:"superseded_by,omitempty"`
}

// ManifestSource is a source and its accounts. It is what a later run falls
// back on when it cannot list the accounts.
type ManifestSource struct {
	Name     string   `json:"name"`
	Accounts []string `json:"accounts"`
}

// ManifestTable is a file of a table.
type ManifestTable struct {
	Table      string        `json:"table"`
	Version    int           `json:"version"`
	Minor      int           `json:"minor"`
	SchemaHash string        `json:"schema_hash"`
	Path       string        `json:"path"`
	Current    string        `json:"current,omitempty"` // its name in current/
	Rows       int64         `json:"rows"`
	Bytes      int64         `json:"bytes"`
	SHA256     string        `json:"sha256"`
	WrittenBy  string        `json:"written_by"`       // run
	Staged     *store.Staged `json:"staged,omitempty"` // of files that this run wrote
}

// ID is the table with its major version.
func (t ManifestTable) ID() string { return fmt.Sprintf("%s.v%d", t.Table, t.Version) }

// Object is the file as a store knows it.
func (t ManifestTable) Object() store.Object {
	return store.Object{Name: t.Path, Current: t.Current, Size: t.Bytes, SHA256: t.SHA256, Staged: t.Staged}
}

func (t ManifestTable) contents() Contents {
	return Contents{Schema: t.ID(), Hash: t.SchemaHash, Rows: t.Rows, Bytes: t.Bytes, SHA256: t.SHA256}
}

// shares reports whether the run held one of the leases.
func (m *Manifest) shares(leases []string) bool {
	return slices.ContainsFunc(m.Leases, func(l string) bool { return slices.Contains(leases, l) })
}

// Find returns the file of a table, by the ID of its schema.
func (m *Manifest) Find(id string) (ManifestTable, bool) {
	if m == nil {
		return ManifestTable{}, false
	}
	i := slices.IndexFunc(m.Tables, func(t ManifestTable) bool { return t.ID() == id })
	if i < 0 {
		return ManifestTable{}, false
	}
	return m.Tables[i], true
}

// SnapshotPath is where the state of a table on a day stands.
func SnapshotPath(sch *schema.Schema, date string) string {
	return fmt.Sprintf("snapshots/%s/v%d/snapshot_date=%s/%s.parquet", sch.Table, sch.Version, date, sch.Table)
}

// EventPath is where the events that a run adds for a day stand.
func EventPath(sch *schema.Schema, date, run string) string {
	return fmt.Sprintf("%s%s/%s.parquet", eventPrefix(sch.Table, sch.Version), "event_date="+date, run)
}

func eventPrefix(table string, version int) string {
	return fmt.Sprintf("events/%s/v%d/", table, version)
}

func manifestPath(run string) string { return "runs/" + run + ".json" }

// The path of the note that a run has begun to publish; it is there as long as
// anything is left to do, or to undo.
const pendingPrefix = "runs/pending/"

var (
	dateRE = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	sumRE  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	runRE  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:+-]*$`)
)

// ParseManifest reads a manifest. An error names the key.
func ParseManifest(text []byte) (*Manifest, error) {
	var version struct {
		FormatVersion int `json:"format_version"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if version.FormatVersion != ManifestVersion {
		return nil, fmt.Errorf("read manifest: format_version %d: expected %d; it was written by another version of the program", version.FormatVersion, ManifestVersion)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var m Manifest
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("read manifest: text after the end")
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if len(m.Leases) == 0 { // those of before there were leases for events
		m.Leases = []string{store.Snapshots}
	}
	return &m, nil
}

func (m *Manifest) check() error {
	switch {
	case !runRE.MatchString(m.Run):
		return fmt.Errorf("run %q: expected the ID of a run", m.Run)
	case m.Parent != "" && !runRE.MatchString(m.Parent):
		return fmt.Errorf("parent %q: expected the ID of a run", m.Parent)
	case m.SupersededBy != "" && !runRE.MatchString(m.SupersededBy):
		return fmt.Errorf("superseded_by %q: expected the ID of a run", m.SupersededBy)
	case !dateRE.MatchString(m.Date):
		return fmt.Errorf("date %q: expected a date as in 2026-11-22", m.Date)
	}
	for _, l := range m.Leases {
		if err := store.CheckLease(l); err != nil {
			return fmt.Errorf("leases: %w", err)
		}
	}
	for _, name := range m.Replaced {
		if !eventRE.MatchString(name) {
			return fmt.Errorf("replaced %q: expected the name of a file of events", name)
		}
	}
	paths := map[string]bool{}
	names := map[string]bool{}
	for i, t := range slices.Concat(m.Tables, m.Events) {
		if err := t.check(m.Run); err != nil {
			return fmt.Errorf("table %s: %w", t.Table, err)
		}
		if paths[t.Path] {
			return fmt.Errorf("table %s: path %s: found twice", t.Table, t.Path)
		}
		paths[t.Path] = true
		if i < len(m.Tables) && t.Current != "" {
			if names[t.Current] {
				return fmt.Errorf("table %s: current %s: found twice", t.Table, t.Current)
			}
			names[t.Current] = true
		}
	}
	return nil
}

var tableRE = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (t ManifestTable) check(run string) error {
	switch {
	case !tableRE.MatchString(t.Table):
		return fmt.Errorf("table %q: expected lower-case letters, digits and _", t.Table)
	case t.Version < 1 || t.Minor < 0:
		return fmt.Errorf("version %d.%d: expected 1.0 or later", t.Version, t.Minor)
	case t.Rows < 0 || t.Bytes <= 0:
		return fmt.Errorf("rows %d, bytes %d: expected a file", t.Rows, t.Bytes)
	case !sumRE.MatchString(t.SHA256):
		return fmt.Errorf("sha256 %q: expected 64 hexadecimal digits", t.SHA256)
	case !runRE.MatchString(t.WrittenBy):
		return fmt.Errorf("written_by %q: expected the ID of a run", t.WrittenBy)
	case !strings.HasPrefix(t.Path, "snapshots/") && !strings.HasPrefix(t.Path, "events/"):
		return fmt.Errorf("path %q: expected it to begin with snapshots/ or events/", t.Path)
	}
	if err := store.CheckName(t.Path); err != nil {
		return err
	}
	if t.Current != "" && (store.CheckName(t.Current) != nil || path.Base(t.Current) != t.Current) {
		return fmt.Errorf("current %q: expected the name of a file", t.Current)
	}
	if s := t.Staged; s != nil && (s.Name != t.Path || s.Run != run || s.Size != t.Bytes || s.SHA256 != t.SHA256) {
		return fmt.Errorf("staged: found run %s, name %s with %d bytes, expected what the table says", s.Run, s.Name, s.Size)
	}
	return nil
}

// Format returns the manifest as its file holds it.
func (m *Manifest) Format() ([]byte, error) {
	m.FormatVersion = ManifestVersion
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	return append(text, '\n'), nil
}
