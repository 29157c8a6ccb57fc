package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"stocktake/internal/disk"
	"stocktake/load/store"
)

// dropJournal keeps on this machine how far a run has got that is dropped: a
// line for each upload, and the commit. Either file is there as long as
// something is left to do.
type dropJournal struct {
	dir, run string
	// change, if set, is called before each change of the disk with what is
	// about to be done; an error stops it.
	change func(what string) error

	mu sync.Mutex // of appending
}

const (
	stagedSuffix = ".staged"
	commitSuffix = ".commit"
)

// dropCommit is a run that is to be finished, whatever happens.
type dropCommit struct {
	Manifest *Manifest         `json:"manifest"`
	Files    map[string]string `json:"files"` // on this machine, by their names at the destination
}

func openDropJournal(dir, run string) *dropJournal {
	return &dropJournal{dir: dir, run: run, change: func(string) error { return nil }}
}

// dropJournals returns the runs that have a journal, in order.
func dropJournals(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for journals of uploads: %w", err)
	}
	var runs []string
	for _, e := range entries {
		for _, suffix := range []string{stagedSuffix, commitSuffix} {
			if run, ok := strings.CutSuffix(e.Name(), suffix); ok && runRE.MatchString(run) && !slices.Contains(runs, run) {
				runs = append(runs, run)
			}
		}
	}
	slices.Sort(runs)
	return runs, nil
}

func (j *dropJournal) name(suffix string) string { return filepath.Join(j.dir, j.run+suffix) }

// append adds a line for an upload, durably.
func (j *dropJournal) append(st store.Staged) (err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	line, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("journal the upload of %s: %w", st.Name, err)
	}
	if err := j.writeTo(j.name(stagedSuffix), os.O_APPEND, append(line, '\n')); err != nil {
		return fmt.Errorf("journal the upload of %s: %w", st.Name, err)
	}
	return nil
}

// commit is the moment from which the run is going to be finished.
func (j *dropJournal) commit(c dropCommit) error {
	if err := j.writeCommit(c); err != nil {
		return fmt.Errorf("journal the commit: %w", err)
	}
	return nil
}

func (j *dropJournal) writeCommit(c dropCommit) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if _, err := parseDropCommit(text); err != nil {
		return err
	}
	temporary := j.name(commitSuffix + ".new")
	if err := j.writeTo(temporary, os.O_TRUNC, text); err != nil {
		return err
	}
	if err := j.change("rename " + temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, j.name(commitSuffix)); err != nil {
		return err
	}
	return disk.SyncDir(j.dir)
}

func (j *dropJournal) writeTo(name string, how int, text []byte) (err error) {
	if err := j.change("write " + name); err != nil {
		return err
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|how, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return disk.SyncDir(j.dir)
}

// remove removes a file of the journal, durably, and what writing it has left.
func (j *dropJournal) remove(suffix string) error {
	if err := j.change("remove " + j.name(suffix)); err != nil {
		return err
	}
	for _, name := range []string{j.name(suffix), j.name(suffix + ".new")} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the journal of uploads: %w", err)
		}
	}
	if err := disk.SyncDir(j.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the journal of uploads: %w", err)
	}
	return nil
}

// staged returns the uploads that were made.
func (j *dropJournal) staged() ([]store.Staged, error) {
	text, err := os.ReadFile(j.name(stagedSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal of uploads: %w", err)
	}
	staged, err := parseStaged(text)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", j.name(stagedSuffix), err)
	}
	return staged, nil
}

// parseStaged reads a journal of uploads. A last line without an end was torn.
func parseStaged(text []byte) ([]store.Staged, error) {
	var all []store.Staged
	for number := 1; ; number++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return all, nil
		}
		text = rest
		var st store.Staged
		if err := json.Unmarshal(line, &st); err != nil {
			return nil, fmt.Errorf("%d: read upload: %w", number, err)
		}
		if err := store.CheckName(st.Name); err != nil {
			return nil, fmt.Errorf("%d: %w", number, err)
		}
		all = append(all, st)
	}
}

// committed returns the commit; the error is fs.ErrNotExist when there is none.
func (j *dropJournal) committed() (*dropCommit, error) {
	text, err := os.ReadFile(j.name(commitSuffix))
	if err != nil {
		return nil, fmt.Errorf("read the journal of a commit: %w", err)
	}
	c, err := parseDropCommit(text)
	if err == nil && c.Manifest.Run != j.run {
		err = fmt.Errorf("run %s: expected %s", c.Manifest.Run, j.run)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.name(commitSuffix), err)
	}
	return c, nil
}

func parseDropCommit(text []byte) (*dropCommit, error) {
	var raw struct {
		Manifest json.RawMessage   `json:"manifest"`
		Files    map[string]string `json:"files"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("read the journal of a commit: %w", err)
	}
	m, err := ParseManifest(raw.Manifest)
	if err != nil {
		return nil, err
	}
	c := &dropCommit{m, raw.Files}
	for _, t := range c.files() {
		if t.Staged == nil || c.Files[t.Path] == "" {
			return nil, fmt.Errorf("files: found no upload or no file of %s", t.Path)
		}
	}
	return c, nil
}
