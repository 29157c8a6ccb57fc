package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"stocktake/internal/disk"
	"stocktake/load/store"
)

// Free space that a disk should have: a run over hundreds of accounts needs some
// hundred megabytes in the spool, and keeps two states of the warehouse at once.
const (
	scarce = 1 << 30
	tooFew = 64 << 20
)

// warehouse tries to write, read and remove an object. Folders that were made for
// that are removed again.
func (e *examination) warehouse(ctx context.Context) {
	name := e.Config.Warehouse
	where := "Make the folder writable for this user and its disk mounted to be written, or set warehouse to another folder."
	if e.Config.OnS3() {
		where = "Correct what the cause names: the rights of the identity in output, the bucket policy, the key, the region or the network; docs/s3.md lists the rights."
	} else {
		defer e.unmake(name)()
	}
	s, err := e.Store(ctx)
	if err == nil {
		err = s.Probe(ctx)
	}
	did := "can be written"
	if err == nil && !e.Config.WriteOnly() {
		err = tryObject(ctx, s)
		did = "can be written, read and cleaned up"
	}
	if err != nil {
		e.unsafe = true
		f := Finding{What: "the warehouse " + name + " cannot be used"}
		f.fail(err.Error(), where)
		e.add(f)
		return
	}
	e.add(Finding{Level: OK, What: "the warehouse " + name + " " + did})
	if !e.Config.OnS3() {
		e.space("warehouse", name)
	}
}

// unmake returns what removes the folders of a path that are not there yet.
func (e *examination) unmake(path string) func() {
	var made []string
	for dir := path; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		made = append(made, dir)
	}
	return func() {
		for _, dir := range made {
			if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
				f := Finding{What: "folder " + dir + " is left over"}
				f.fail(err.Error(), "Remove it if it is empty.")
				f.Level = Warn
				e.add(f)
				return
			}
		}
	}
}

// tryObject writes, reads and removes an object.
func tryObject(ctx context.Context, s store.Store) (err error) {
	name, text := "doctor-"+strings.ToLower(rand.Text()), []byte("stocktake\n")
	defer func() { err = errors.Join(err, s.Delete(context.WithoutCancel(ctx), name)) }()
	if err := s.Put(ctx, name, text); err != nil {
		return err
	}
	got, err := s.Get(ctx, name)
	if err == nil && !bytes.Equal(got, text) {
		err = fmt.Errorf("get %s: got %d bytes that are not those that were put", name, len(got))
	}
	if err == nil {
		_, err = s.Head(ctx)
	}
	return err
}

// machine looks at the spool's disk and at what reads the warehouse.
func (e *examination) machine(ctx context.Context) {
	dir := existing(e.Config.Spool)
	if err := tryFolder(dir); err != nil {
		e.unsafe = true
		f := Finding{What: "the spool " + e.Config.Spool + " cannot be written"}
		f.fail(err.Error(), "Make the folder writable for this user, or set spool to another one.")
		e.add(f)
	} else {
		e.space("spool", e.Config.Spool)
	}
	f := Finding{Level: OK, What: "DuckDB starts"}
	if err := e.DuckDB(ctx); err != nil {
		f.What = "DuckDB does not start"
		f.fail(err.Error(), "Give the process more memory, and a temporary folder that can be written.")
	}
	e.add(f)
	if !e.Config.OnS3() {
		return
	}
	path, err := e.HTTPFS()
	f = Finding{Level: OK, What: "DuckDB's httpfs extension is " + path}
	if err != nil {
		f = Finding{Level: Warn, What: "DuckDB's httpfs extension is not there: runs do without, query and views of the bucket do not",
			Cause: err.Error(), Cure: "Get the file as the cause says, or set httpfs, --httpfs or $STOCKTAKE_HTTPFS to it."}
	}
	e.add(f)
}

// tryFolder writes a file and removes it.
func tryFolder(dir string) error {
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// existing is the path, or the nearest folder above it that there is.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

func (e *examination) space(what, path string) {
	free, err := disk.Free(existing(path))
	f := Finding{Level: OK, What: fmt.Sprintf("the disk of the %s %s has %.1f GB free", what, path, float64(free)/1e9)}
	switch {
	case err != nil:
		f.What = fmt.Sprintf("the free space of the %s %s cannot be told", what, path)
		f.Level, f.Cause, f.Cure = Warn, err.Error(), "Look yourself that there is a gigabyte or more."
	case free < tooFew:
		f.fail("A run needs more: it holds what it collects on disk.", "Free some space, or set "+what+" to a folder on another disk.")
	case free < scarce:
		f.Level, f.Cause, f.Cure = Warn, "It may not last for a run over many accounts.", "Free some space, or set "+what+" to a folder on another disk."
	}
	e.add(f)
}
