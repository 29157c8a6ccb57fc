// Package disk makes files outlive a power cut, and gives a file to one process
// at a time. It knows nothing of what files hold.
package disk

import (
	"errors"
	"os"
	"path/filepath"
)

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error { return sync(dir) }

// SyncFile makes the content of a file durable.
func SyncFile(name string) error { return sync(name) }

func sync(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Replace writes a file, at once and as a whole, and durably.
func Replace(path string, text []byte) error {
	temporary := path + ".new"
	f, err := os.Create(temporary)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}
