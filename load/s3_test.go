package load

import (
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"stocktake/internal/s3test"
	"stocktake/load/store"
	"stocktake/load/store/s3"
	"stocktake/load/store/storetest"
)

// onS3 opens a warehouse in a bucket with just the given rights.
func onS3(t *testing.T, server *s3test.Server, o s3.Options, rights ...string) *s3.Store {
	t.Helper()
	cfg := server.Config()
	cfg.HTTPClient = http.DefaultClient
	if len(rights) > 0 {
		cfg.Credentials = server.User(t, o.Bucket, rights...)
	}
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	s, err := s3.New(s3.NewClient(cfg, "", "", true), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRetainOnS3(t *testing.T) {
	server := s3test.Start(t)
	s := onS3(t, server, s3.Options{Bucket: server.Bucket(t), Prefix: "w"})
	want := history(t, s, &madeFiles{t.TempDir(), map[int]map[string]TableFile{}})
	removed, err := Retain(t.Context(), s, twoDaysTwoMonths)
	if err != nil || removed.Files != 3 || removed.Bytes == 0 {
		t.Errorf("Retain: %+v, %v, want 3 files", removed, err)
	}
	if got := listed(t, s, "snapshots/"); !slices.Equal(got, want) {
		t.Errorf("Retain leaves %q, want %q", got, want)
	}
	for run, want := range map[string]FileStatus{"run-1": FileRemoved, "run-4": FileRemoved, "run-7": FileOK} {
		if got := verified(t, s, run); got["a.v1"] != want || got["b.v1"] != FileOK {
			t.Errorf("VerifyRun(%s) = %v, want a %s and b whole", run, got, want)
		}
	}
}

func TestCleanOnS3(t *testing.T) {
	server := s3test.Start(t)
	_, files := bases(t)
	s := onS3(t, server, s3.Options{Bucket: server.Bucket(t), Prefix: "w"})
	for i, sc := range scenarios[:2] {
		if _, err := Publish(t.Context(), s, sc.publication(t, files[i], readStateOf(t, s), Hooks{})); err != nil {
			t.Fatal(err)
		}
	}
	if left := leftoversOf(t, s, ""); len(left) > 0 {
		t.Errorf("left over after whole runs: %q", named(left))
	}
	sc := scenarios[3]
	sc.kept = nil
	dying := &storetest.Broken{Store: s, At: 5} // the note, three files, the manifest
	if _, err := Publish(t.Context(), dying, sc.publication(t, files[3], readStateOf(t, s), Hooks{})); !errors.Is(err, storetest.ErrDead) {
		t.Fatal(err)
	}
	left := leftoversOf(t, s, "")
	want := []string{
		"staged snapshots/a/v1/snapshot_date=2026-11-22/a.parquet", "staged snapshots/c/v1/snapshot_date=2026-11-22/c.parquet",
		"staged events/stocktake_coverage/v1/event_date=2026-11-22/run-4.parquet", "note runs/pending/run-4", "manifest runs/run-4.json",
	}
	if got := named(left); !slices.Equal(got, want) {
		t.Errorf("left over: %q, want %q", got, want)
	}
	if err := Clean(t.Context(), s, left); err != nil {
		t.Fatal(err)
	}
	if left := leftoversOf(t, s, ""); len(left) > 0 {
		t.Errorf("left over after Clean: %q", named(left))
	}
	for run := range chainOf(t, s) {
		if r, err := VerifyRun(t.Context(), s, run); err != nil || r.Bad() > 0 {
			t.Errorf("VerifyRun(%s) = %+v, %v, want nothing bad", run, r, err)
		}
	}
}

// Drop and its recovery get along with the right to put objects and to abort
// uploads.
func TestDropOnS3(t *testing.T) {
	server := s3test.Start(t)
	o := s3.Options{Bucket: server.Bucket(t), Prefix: "w"}
	reader := onS3(t, server, o)
	o.WriteOnly = true
	inbox := onS3(t, server, o, "s3:PutObject", "s3:AbortMultipartUpload")
	dir := t.TempDir()
	journal := filepath.Join(dir, "journal")
	for value, run := range []string{"run-0", "run-1", "run-2"} { // one after the other on a day
		files := dropFiles(t, dir, value)
		p := dropPublication(files, run)
		j := openDropJournal(journal, run)
		switch run {
		case "run-0":
			if _, err := Drop(t.Context(), inbox, journal, p); err != nil {
				t.Fatal(err)
			}
		case "run-1": // everything is done but for forgetting it
			j.change = func(what string) error {
				if strings.HasPrefix(what, "remove ") {
					return errMortal
				}
				return nil
			}
			_, err := (&dropping{store: inbox, journal: j}).drop(t.Context(), p)
			var unfinished *UnfinishedError
			if !errors.As(err, &unfinished) {
				t.Fatalf("drop that is not forgotten: %v, want an UnfinishedError", err)
			}
		case "run-2": // nothing is committed
			j.change = func(what string) error {
				if strings.HasPrefix(what, "rename ") || strings.HasPrefix(what, "remove ") {
					return errMortal
				}
				return nil
			}
			if _, err := (&dropping{store: inbox, journal: j}).drop(t.Context(), p); !errors.Is(err, errMortal) {
				t.Fatal(err)
			}
			run, files = "run-1", dropFiles(t, filepath.Join(dir, "again"), 1)
		}
		if lost, err := RecoverDrop(t.Context(), inbox, journal, Hooks{}); err != nil || len(lost) > 0 {
			t.Fatalf("RecoverDrop after %s: %v, %v", run, lost, err)
		}
		for name, table := range dropNames(run) {
			f := files[table].File
			if r, err := reader.Open(t.Context(), run, store.Object{Name: name, Size: f.Bytes, SHA256: f.SHA256}); err != nil {
				t.Errorf("after %s: %s: %v", run, name, err)
			} else if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if r, err := VerifyRun(t.Context(), reader, run); err != nil || r.Bad() > 0 || len(r.Files) != 3 {
			t.Errorf("VerifyRun(%s) = %+v, %v, want three whole files", run, r, err)
		}
		for _, prefix := range []string{"snapshots/", "events/"} {
			if left, err := reader.Unfinished(t.Context(), prefix); err != nil || len(left) > 0 {
				t.Errorf("after %s: uploads %+v, %v are left", run, left, err)
			}
		}
		if left := entriesOf(t, journal); len(left) > 0 {
			t.Errorf("after %s: the journal has %q", run, left)
		}
	}
	if got := listed(t, reader, "runs/"); !slices.Equal(got, []string{"runs/run-0.json", "runs/run-1.json"}) {
		t.Errorf("manifests are %q, want those of the runs that were committed", got)
	}
}
