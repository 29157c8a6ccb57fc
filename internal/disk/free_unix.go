//go:build linux || darwin || freebsd

package disk

import (
	"os"
	"syscall"
)

// Free returns how many bytes this user may still write to the disk of a folder.
func Free(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil
}
