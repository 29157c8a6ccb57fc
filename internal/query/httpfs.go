package query

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

const httpfsName = "httpfs.duckdb_extension"

// FindHTTPFS finds DuckDB's httpfs extension, which reading from S3 takes: the file that
// is given, else the one that $STOCKTAKE_HTTPFS names, else the first of the standard
// places that has one. It has to be of the DuckDB that is built in.
func FindHTTPFS(explicit string) (string, error) {
	for _, given := range []struct{ what, file string }{{"the httpfs setting", explicit}, {"$STOCKTAKE_HTTPFS", os.Getenv("STOCKTAKE_HTTPFS")}} {
		if given.file == "" {
			continue
		}
		file, err := checkHTTPFS(given.file)
		if err != nil {
			return "", fmt.Errorf("the file that %s names: %w", given.what, err)
		}
		return file, nil
	}
	places := httpfsPlaces()
	for _, place := range places {
		file, err := checkHTTPFS(place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return file, err
	}
	return "", fmt.Errorf(`reading a warehouse on S3 takes DuckDB's httpfs extension %s for %s, which is in none of
  %s
%s, or set httpfs in the configuration or $STOCKTAKE_HTTPFS to its path`,
		duckdb.LibraryVersion(), platform(), strings.Join(places, "\n  "), howToGet())
}

func howToGet() string {
	version := strings.TrimPrefix(duckdb.LibraryVersion(), "v")
	return fmt.Sprintf("Get it with `pip download duckdb-extension-httpfs==%s --no-deps` and unzip %s from the wheel into one of these folders, "+
		"or with INSTALL httpfs in the duckdb program of version %s", version, httpfsName, version)
}

func httpfsPlaces() []string {
	var folders []string
	if program, err := os.Executable(); err == nil {
		folders = append(folders, filepath.Dir(program))
	}
	if home, err := os.UserHomeDir(); err == nil {
		folders = append(folders, filepath.Join(home, ".duckdb", "extensions", duckdb.LibraryVersion(), platform()))
	}
	folders = append(folders, "/usr/lib/stocktake", "/usr/local/lib/stocktake")
	for i := range folders {
		folders[i] = filepath.Join(folders[i], httpfsName)
	}
	return folders
}

// platform is DuckDB's name of what this program runs on.
func platform() string {
	system := runtime.GOOS
	if system == "darwin" {
		system = "osx"
	}
	return system + "_" + runtime.GOARCH
}

// An extension file ends with eight fields of 32 bytes, the last one first, and a
// signature. DuckDB itself checks the signature.
const (
	fieldSize     = 32
	fieldsSize    = 8 * fieldSize
	signatureSize = 256
)

const (
	fieldFormat = iota
	fieldPlatform
	fieldVersion
)

// checkHTTPFS returns the absolute path of an extension that DuckDB can load.
func checkHTTPFS(file string) (string, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	fields := make([]byte, fieldsSize)
	_, err = f.ReadAt(fields, info.Size()-signatureSize-fieldsSize)
	field := func(i int) string {
		end := fieldsSize - i*fieldSize
		return string(bytes.TrimRight(fields[end-fieldSize:end], "\x00"))
	}
	if err != nil || field(fieldFormat) != "4" {
		return "", errors.Join(fmt.Errorf("%s is no extension of DuckDB. %s", file, howToGet()), err)
	}
	if field(fieldVersion) != duckdb.LibraryVersion() || field(fieldPlatform) != platform() {
		return "", fmt.Errorf("%s is for DuckDB %s on %s, expected %s on %s. %s",
			file, field(fieldVersion), field(fieldPlatform), duckdb.LibraryVersion(), platform(), howToGet())
	}
	return file, nil
}
