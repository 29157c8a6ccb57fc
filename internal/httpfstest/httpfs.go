// Package httpfstest gets DuckDB's httpfs extension for tests: from the Python package
// that its makers publish, signed by them, and kept in the user's cache. It knows nothing
// of DuckDB's API.
package httpfstest

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// Version is that of DuckDB which the extension is for.
const Version = "1.5.5"

const name = "httpfs.duckdb_extension"

// Extension returns the path of the extension. Where it cannot be had the test is
// skipped, except where CI is set.
func Extension(t testing.TB) string {
	t.Helper()
	file, err := Fetch(t.Context())
	if err != nil {
		missing := t.Skipf
		if os.Getenv("CI") != "" {
			missing = t.Fatalf
		}
		missing("the test needs DuckDB's httpfs extension: %v", err)
	}
	return file
}

// Fetch returns the path of the extension, which it downloads once.
func Fetch(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "stocktake-tests", "httpfs-"+Version)
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Several processes may download at once; the last rename stays.
	fresh, err := os.MkdirTemp(dir, "download-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	extension, err := download(ctx, fresh)
	if err != nil {
		return "", err
	}
	return file, os.Rename(extension, file)
}

// download uses the pip of a virtual environment: not every python3 has one.
func download(ctx context.Context, dir string) (string, error) {
	environment := filepath.Join(dir, "venv")
	for _, command := range [][]string{
		{"python3", "-m", "venv", environment},
		{filepath.Join(environment, "bin", "python"), "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--dest", dir, "duckdb-extension-httpfs==" + Version},
	} {
		if output, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, output)
		}
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return "", errors.Join(fmt.Errorf("pip downloaded %q, expected one wheel", wheels), err)
	}
	return unpack(wheels[0], filepath.Join(dir, name))
}

func unpack(wheel, to string) (_ string, err error) {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return "", err
	}
	defer archive.Close()
	for _, f := range archive.File {
		if path.Base(f.Name) != name {
			continue
		}
		from, err := f.Open()
		if err != nil {
			return "", err
		}
		defer from.Close()
		out, err := os.Create(to)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(out, from)
		return to, errors.Join(err, out.Close())
	}
	return "", fmt.Errorf("%s holds no %s", wheel, name)
}
