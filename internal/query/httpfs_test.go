package query

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"stocktake/internal/httpfstest"
)

// extensionFile writes a file that ends like an extension.
func extensionFile(t *testing.T, path, format, platform, version string) string {
	t.Helper()
	content := bytes.NewBufferString("code")
	for _, field := range []string{"", "", "", "CPP", "abc123", version, platform, format} {
		content.WriteString(field + strings.Repeat("\x00", 32-len(field)))
	}
	content.WriteString(strings.Repeat("s", 256))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindHTTPFS(t *testing.T) {
	version := duckdb.LibraryVersion()
	right := func(path string) string { return extensionFile(t, path, "4", platform(), version) }
	dir, home, empty := t.TempDir(), t.TempDir(), t.TempDir()
	explicit, environment := right(filepath.Join(dir, "explicit")), right(filepath.Join(dir, "environment"))
	ofHome := right(filepath.Join(home, ".duckdb", "extensions", version, platform(), httpfsName))
	oldHome := t.TempDir()
	old := extensionFile(t, filepath.Join(oldHome, ".duckdb", "extensions", version, platform(), httpfsName), "4", platform(), "v1.4.0")
	foreign := extensionFile(t, filepath.Join(dir, "foreign"), "4", "osx_risc", version)
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no extension"), 0o644); err != nil {
		t.Fatal(err)
	}
	pip := "`pip download duckdb-extension-httpfs==" + strings.TrimPrefix(version, "v") + " --no-deps`"
	for _, c := range []struct {
		name, explicit, environment, home string
		want                              string
		errors                            []string
	}{
		{name: "given", explicit: explicit, environment: environment, home: home, want: explicit},
		{name: "environment", environment: environment, home: home, want: environment},
		{name: "home", home: home, want: ofHome},
		{name: "none", home: empty, errors: []string{"reading a warehouse on S3 takes DuckDB's httpfs extension " + version + " for " + platform(),
			filepath.Join(empty, ".duckdb", "extensions", version, platform(), httpfsName), "/usr/lib/stocktake/" + httpfsName, pip, "$STOCKTAKE_HTTPFS"}},
		{name: "given and missing", explicit: filepath.Join(dir, "nope"), home: home, errors: []string{"the httpfs setting", filepath.Join(dir, "nope"), "no such file"}},
		{name: "environment and missing", environment: filepath.Join(dir, "nope"), home: home, errors: []string{"$STOCKTAKE_HTTPFS", "no such file"}},
		{name: "of another version", home: oldHome, errors: []string{old + " is for DuckDB v1.4.0 on " + platform(), "expected " + version, pip}},
		{name: "of another platform", explicit: foreign, errors: []string{foreign + " is for DuckDB " + version + " on osx_risc", "on " + platform()}},
		{name: "no extension", explicit: text, errors: []string{text + " is no extension of DuckDB", pip}},
		{name: "directory", explicit: dir, errors: []string{dir + " is no extension of DuckDB"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("STOCKTAKE_HTTPFS", c.environment)
			t.Setenv("HOME", c.home)
			got, err := FindHTTPFS(c.explicit)
			if got != c.want || (err != nil) != (c.errors != nil) {
				t.Errorf("FindHTTPFS(%q) = %q, %v; want %q and an error with %q", c.explicit, got, err, c.want, c.errors)
			}
			for _, want := range c.errors {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("FindHTTPFS(%q)\n got error %v\nwant one with %q", c.explicit, err, want)
				}
			}
		})
	}
}

// The file that pip brings is one that DuckDB loads; one that was changed is not.
func TestLoadHTTPFS(t *testing.T) {
	file := httpfstest.Extension(t)
	if got, err := FindHTTPFS(file); err != nil || got != file {
		t.Fatalf("FindHTTPFS(%q) = %q, %v", file, got, err)
	}
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	code[len(code)/2] ^= 1
	forged := filepath.Join(t.TempDir(), httpfsName)
	if err := os.WriteFile(forged, code, 0o644); err != nil {
		t.Fatal(err)
	}
	o := newBucket(t, newWarehouse(t)).options()
	o.S3.HTTPFS = forged
	if db, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), forged) || !strings.Contains(err.Error(), "signature") {
		t.Errorf("Open with a forged extension = %v, %v; want an error about its signature", db, err)
	}
}
