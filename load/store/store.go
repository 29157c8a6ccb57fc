// Package store is where a warehouse lives: files that are staged and become
// visible later, small objects, one pointer to the last commit, and leases.
// It knows nothing of what the files hold. Package local keeps them on a disk,
// s3 in a bucket, and memory in a map.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Store is a destination. Every implementation passes the suite in storetest.
//
// Names are relative, with forward slashes. A method that returns nil has made
// its effect durable: neither a killed process nor a power cut takes it back.
// A method that returns an error may have had its effect or not, and may be
// called again. All methods may be called at the same time, also by several
// processes; of those that change something, only one process at a time holds
// the lease Commit, and SwapHead is safe even without it.
type Store interface {
	// Root names the destination: an absolute folder, or a URL such as
	// s3://bucket/prefix. What is finished is read at Root, a slash, and its name.
	Root() string

	// Probe finds out whether the destination can be written with the settings
	// that it has, and leaves nothing behind. The error says what to change.
	Probe(ctx context.Context) error

	// Stage makes the content of a local file durable at the destination, so
	// that Finish can make it visible under a name without needing the file
	// again. Before Finish neither List nor a reader of the name sees anything
	// new; a file that has the name already stays as it is. Staging a name
	// again in the same run replaces what was staged. Stage fails when the
	// content is not what from says.
	Stage(ctx context.Context, run, name string, from File) (Staged, error)

	// Finish makes what was staged visible under its name, at once and as a
	// whole, in place of what had the name. Finishing again has no effect.
	Finish(ctx context.Context, s Staged) error

	// Unfinished returns what is staged and not finished, of names that begin
	// with the prefix, in order of the names: also what runs that have ended
	// left behind. Run is "" where the destination cannot tell.
	Unfinished(ctx context.Context, prefix string) ([]Staged, error)

	// Discard drops what is staged and not finished. Nothing staged is no error.
	Discard(ctx context.Context, s Staged) error

	// Locate says where a reader finds a file of the manifest of a run: under
	// its name, where it is staged, or in the generation that SwitchCurrent
	// made for the run, which later runs leave alone for a while. The error is
	// fs.ErrNotExist when no such file is in any of these places, and also
	// ErrReplaced when another file has the name. It is ErrUnfinished alone when
	// the file is staged and the destination cannot show it before Finish.
	Locate(ctx context.Context, run string, o Object) (Location, error)

	// Open opens a file for reading where Locate finds it.
	Open(ctx context.Context, run string, o Object) (Reader, error)

	// Put writes a small object, at once and as a whole.
	Put(ctx context.Context, name string, data []byte) error

	// Get reads a small object. The error is fs.ErrNotExist when there is none.
	Get(ctx context.Context, name string) ([]byte, error)

	// List returns what stands under a prefix that ends in a slash, in order of
	// the names.
	List(ctx context.Context, prefix string) ([]Info, error)

	// Delete removes an object or a file. Nothing to remove is no error.
	Delete(ctx context.Context, name string) error

	// Head returns the pointer to the last commit; its Run is "" before the
	// first one.
	Head(ctx context.Context) (Head, error)

	// SwapHead moves the pointer to a run, if it still is what Head returned,
	// and returns the new one. Of several callers with the same old pointer one
	// succeeds; the others get ErrConflict. After any other error Head tells
	// whether the swap took place.
	SwapHead(ctx context.Context, old Head, run string) (Head, error)

	// SwitchCurrent makes current/ show the given finished files: readers of a
	// path in it see the content of before or of after, whole. Where the
	// destination can, all files switch in one step. Switching to the run that
	// current/ shows has no effect.
	SwitchCurrent(ctx context.Context, run string, links []Link) error

	// Lock takes the lease of a name. When another holds it the error is a
	// *LockedError. A process that ends gives the lease back, at the latest when
	// it expires; who takes over an expired one of Commit makes SwapHead fail for
	// who lost it, with ErrConflict.
	Lock(ctx context.Context, lease string, h Holder) (Lease, error)
}

// Lease is the right to change a part of the warehouse.
type Lease interface {
	// Check returns nil when the lease is still held, ErrLost when another
	// process may have it, and another error when that cannot be found out.
	Check(ctx context.Context) error

	// Release gives the lease back. It may be called more than once.
	Release() error
}

// Names of leases. A run holds those of what it collects from its beginning to
// its end: Snapshots, and for each event table one of the table's name, so that
// runs without a lease in common do not wait for each other. Who stages,
// commits, completes or removes holds Commit meanwhile, and is alone with it.
const (
	Snapshots = "snapshots"
	Commit    = "commit"
)

// File is a local file to stage.
type File struct {
	Path   string
	Size   int64
	SHA256 string // hexadecimal
}

// Staged is what the destination needs to finish a file. It is plain data that
// is kept in a manifest; to all but the store that made it it says nothing.
type Staged struct {
	Run    string `json:"run"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Token  string `json:"token,omitempty"` // temporary name or upload ID
	Parts  []Part `json:"parts,omitempty"`
}

// Part is a part of an upload.
type Part struct {
	Number int32  `json:"number"`
	ETag   string `json:"etag"`
	Size   int64  `json:"size"`
}

// Object names a file of a manifest.
type Object struct {
	Name    string
	Current string // its name in current/; "" when it is not shown there
	Size    int64
	SHA256  string
	Staged  *Staged // nil: it was finished by an earlier run
}

// Location is where a file can be read.
type Location struct {
	Path     string // a path, or a URL such as s3://bucket/key
	Finished bool   // it stands under its name, or in a generation
}

// Reader reads a file at any position; each ReadAt may be a request of its own.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Info is an entry of a list.
type Info struct {
	Name string
	Size int64
}

// Head is the pointer to the last commit.
type Head struct {
	Run string
	Tag string // version of the pointer, where the destination has one
}

// Link is a finished file and its name in current/.
type Link struct {
	As     string
	Name   string
	Size   int64
	SHA256 string
}

// Holder says who takes a lock.
type Holder struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Program string    `json:"program"`
	Run     string    `json:"run,omitempty"`
	Since   time.Time `json:"since"`
}

func (h Holder) String() string {
	if h.Host == "" {
		return "another process"
	}
	s := fmt.Sprintf("process %d on %s", h.PID, h.Host)
	if h.Run != "" {
		s += " (run " + h.Run + ")"
	}
	return s
}

// LockedError says who holds a lease.
type LockedError struct {
	Lease   string
	Holder  Holder
	Since   time.Time
	Expires time.Time // zero where the lease ends with its process
}

func (e *LockedError) Error() string {
	what := "the warehouse"
	if e.Lease != Snapshots && e.Lease != Commit {
		what = e.Lease + " in the warehouse"
	}
	s := fmt.Sprintf("%s is locked by %s since %s", what, e.Holder, e.Since.UTC().Format(time.RFC3339))
	if !e.Expires.IsZero() {
		s += ", at least until " + e.Expires.UTC().Format(time.RFC3339)
	}
	return s
}

// ErrLost is the error of a lease that another process may have taken over.
var ErrLost = errors.New("the lease of the warehouse was lost")

// ErrUnfinished is the error of looking for a file that a commit has not made
// visible yet; Finish does.
var ErrUnfinished = errors.New("the file is committed and not visible yet")

// ErrReplaced is the error of looking for a file whose name another one has. It
// is fs.ErrNotExist, too.
var ErrReplaced error = replaced{}

type replaced struct{}

func (replaced) Error() string        { return "another file has the name" }
func (replaced) Is(target error) bool { return target == fs.ErrNotExist }

// ErrConflict is the error of a swap that another one has preceded.
var ErrConflict = errors.New("another run was committed in the meantime")

// CheckName reports names that would lead out of the destination, or into what
// a store keeps for itself.
func CheckName(name string) error {
	if name == "" || path.Clean(name) != name || path.IsAbs(name) || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("name %q: expected a clean relative path", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return fmt.Errorf("name %q: expected no part that begins with a dot", name)
		}
	}
	return nil
}

// CheckLease reports names of leases that are not lower-case words.
func CheckLease(name string) error {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return fmt.Errorf("lease %q: expected lower-case letters, digits, _ and -", name)
	}
	return nil
}
