package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"stocktake/internal/disk"
	"stocktake/load/store"
)

// generation returns where the generation of a run has a file.
func (s *Store) generation(run, as string) string {
	return filepath.Join(s.root, generationsDir, run, filepath.FromSlash(as))
}

// SwitchCurrent implements store.Store. A generation is a directory of hard
// links; current/ is a symbolic link to one of them, so that all files switch
// in one step. Two generations stay: whoever has resolved the link goes on
// reading what was there.
func (s *Store) SwitchCurrent(_ context.Context, run string, links []store.Link) error {
	if err := s.switchCurrent(run, links); err != nil {
		return fmt.Errorf("switch current to run %s: %w", run, err)
	}
	return nil
}

func (s *Store) switchCurrent(run string, links []store.Link) error {
	if err := store.CheckName(run); err != nil {
		return err
	}
	link := filepath.Join(s.root, currentLink)
	to := filepath.Join(generationsDir, run)
	shown, err := os.Readlink(link)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is to be a symbolic link that stocktake makes: %w", link, err)
	}
	if shown != to {
		if err := s.makeGeneration(run, links); err != nil {
			return err
		}
		temporary := filepath.Join(s.root, ".current.new")
		if err := s.remove(temporary); err != nil {
			return err
		}
		if err := s.change("link " + temporary); err != nil {
			return err
		}
		if err := os.Symlink(to, temporary); err != nil {
			return err
		}
		if err := s.move(temporary, link); err != nil {
			return err
		}
	}
	return s.pruneGenerations(run)
}

func (s *Store) makeGeneration(run string, links []store.Link) error {
	dir := filepath.Join(s.root, generationsDir, run)
	temporary := filepath.Join(s.root, generationsDir, "."+run+".new")
	for _, left := range []string{temporary, dir} { // of an attempt that was cut off
		if err := s.remove(left); err != nil {
			return err
		}
	}
	if err := s.makeDir(temporary); err != nil {
		return err
	}
	for _, l := range links {
		if err := s.linkInto(temporary, l); err != nil {
			return err
		}
	}
	if err := disk.SyncDir(temporary); err != nil {
		return err
	}
	return s.move(temporary, dir)
}

func (s *Store) linkInto(dir string, l store.Link) error {
	if err := store.CheckName(l.As); err != nil {
		return err
	}
	if filepath.Base(l.As) != l.As {
		return fmt.Errorf("name %q: expected no directory", l.As)
	}
	from, err := s.path(l.Name)
	if err != nil {
		return err
	}
	to := filepath.Join(dir, l.As)
	if err := s.change("link " + to); err != nil {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	info, err := os.Stat(from) // a file system without hard links
	if err != nil {
		return err
	}
	if err := copyFile(store.File{Path: from, Size: info.Size()}, to); err != nil {
		return err
	}
	return disk.SyncFile(to)
}

// pruneGenerations keeps the run's generation and the one before it.
func (s *Store) pruneGenerations(run string) error {
	dir := filepath.Join(s.root, generationsDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	before, newest := "", time.Time{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if e.Name() != run && e.Name()[0] != '.' && info.ModTime().After(newest) {
			before, newest = e.Name(), info.ModTime()
		}
	}
	for _, e := range entries {
		if e.Name() != run && e.Name() != before {
			if err := s.remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
