// Command size compares the files of warehouses with what DuckDB writes of the
// same rows in the same order.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
	"github.com/parquet-go/parquet-go"
)

const target = 1.1

// fewest rows that are compared: below, a file is mostly its footer.
const fewest = 1000

var tables = []string{"aws_ec2_instances", "aws_ec2_volumes", "aws_securityhub_findings"}

func main() {
	flag.Parse()
	for _, warehouse := range flag.Args() {
		if err := compare(warehouse); err != nil {
			fmt.Fprintln(os.Stderr, "size:", err)
			os.Exit(1)
		}
	}
}

func compare(warehouse string) error {
	dir, err := os.MkdirTemp("", "size")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	for _, table := range tables {
		ours, theirs := filepath.Join(warehouse, "current", table+".parquet"), filepath.Join(dir, table+".parquet")
		size, rows, err := measure(ours)
		if errors.Is(err, fs.ErrNotExist) || err == nil && rows < fewest {
			continue // nothing to compare
		}
		if err != nil {
			return err
		}
		if err := execute(fmt.Sprintf("COPY (FROM read_parquet(%s)) TO %s (FORMAT parquet, COMPRESSION zstd)", quoted(ours), quoted(theirs))); err != nil {
			return fmt.Errorf("copy %s: %w", ours, err)
		}
		copied, _, err := measure(theirs)
		if err != nil {
			return err
		}
		ratio := float64(size) / float64(copied)
		word := "missed"
		if ratio <= target {
			word = "met"
		}
		fmt.Printf("target %s: %s of %s, %d rows, %.2f MB, %.2f times the %.2f MB of DuckDB (at most %.1f)\n",
			word, table, filepath.Base(warehouse), rows, float64(size)/1e6, ratio, float64(copied)/1e6, target)
	}
	return nil
}

// measure returns a file's bytes and rows.
func measure(path string) (size, rows int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	p, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return 0, 0, fmt.Errorf("read footer of %s: %w", path, err)
	}
	return info.Size(), p.NumRows(), nil
}

// execute runs a statement in a DuckDB of its own.
func execute(statement string) error {
	var db duckdb.Database
	if duckdb.Open("", &db) == duckdb.StateError {
		return errors.New("open DuckDB")
	}
	defer duckdb.Close(&db)
	var c duckdb.Connection
	if duckdb.Connect(db, &c) == duckdb.StateError {
		return errors.New("connect to DuckDB")
	}
	defer duckdb.Disconnect(&c)
	var result duckdb.Result
	defer duckdb.DestroyResult(&result)
	if duckdb.Query(c, statement, &result) == duckdb.StateError {
		return errors.New(duckdb.ResultError(&result))
	}
	return nil
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
