package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzLoad holds that any file is either refused with a place for each problem
// or a valid configuration, and that the schema accepts what Load accepts.
func FuzzLoad(f *testing.F) {
	for _, name := range fixtures(f, "*.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	schema := compileSchema(f)
	setEnvironment(f)
	name := filepath.Join(f.TempDir(), "stocktake.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(name, checkCollect)
		if err != nil {
			checkProblems(t, text, err)
			return
		}
		if len(c.Sources) == 0 || c.OnS3() == filepath.IsAbs(c.Warehouse) || c.OnS3() != (c.Output.Mode != "") || !filepath.IsAbs(c.Spool) || len(c.Hash()) != 64 {
			t.Errorf("%q: got %+v, want sources, absolute paths or a bucket with an output, and a hash", text, c)
		}
		if c.Schedule != nil {
			for _, j := range c.Schedule.Jobs {
				if j.Name == "" || comesDue(nil, j.Cron) != nil || isTimeZone(nil, j.TimeZone) != nil {
					t.Errorf("%q: got job %+v, want a name, and a time that comes", text, j)
				}
			}
			if len(c.Schedule.Jobs) == 0 {
				t.Errorf("%q: got a schedule without jobs", text)
			}
		}
		for _, s := range c.Sources {
			if s.Partition() == "" || len(s.Collect) == 0 || s.Regions.All == (len(s.Regions.Names) > 0) {
				t.Errorf("%q: got source %+v, want a partition, something to collect, and regions", text, s)
			}
		}
		if err := validate(schema, text); err != nil {
			t.Errorf("%q: Load accepts it and the schema does not: %v", text, err)
		}
	})
}

func checkProblems(t *testing.T, text []byte, err error) {
	if len(text) > maxBytes {
		return
	}
	problems, ok := errors.AsType[*Errors](err)
	if !ok || len(problems.Problems) == 0 {
		t.Fatalf("%q: got error %v, want *Errors with problems", text, err)
	}
	for _, p := range problems.Problems {
		if p.Line < 1 || p.Column < 1 || p.Found == "" || p.Expected == "" {
			t.Errorf("%q: got %+v, want a place, what was found and what was expected", text, p)
		}
	}
}
