package s3

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ url, bucket, prefix, err string }{
		{url: "s3://warehouse", bucket: "warehouse"},
		{url: "s3://ware.house-1/a", bucket: "ware.house-1", prefix: "a"},
		{url: "s3://warehouse/a/b c", bucket: "warehouse", prefix: "a/b c"},
		{url: "/var/warehouse", err: `warehouse "/var/warehouse": expected s3://bucket/prefix`},
		{url: "S3://warehouse", err: "expected s3://bucket/prefix"},
		{url: "s3://", err: `bucket ""`},
		{url: "s3://ab", err: `bucket "ab"`},
		{url: "s3://Ware/a", err: `bucket "Ware"`},
		{url: "s3://user:pass@host/a", err: "bucket"},
		{url: "s3://warehouse/", err: "expected no slash at its end"},
		{url: "s3://warehouse/a/", err: `prefix "a/"`},
		{url: "s3://warehouse//a", err: `prefix "/a"`},
		{url: "s3://warehouse/../a", err: `prefix "../a"`},
		{url: "s3://warehouse/.a", err: `prefix ".a"`},
	} {
		bucket, prefix, err := Parse(c.url)
		if bucket != c.bucket || prefix != c.prefix || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("Parse(%q) = %q, %q, %v, want %q, %q, error with %q", c.url, bucket, prefix, err, c.bucket, c.prefix, c.err)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		options Options
		root    string
		err     string
	}{
		{options: Options{Bucket: "bucket"}, root: "s3://bucket"},
		{options: Options{Bucket: "bucket", Prefix: "a/b", Encryption: "aws:kms", KMSKey: "k", BucketKey: true}, root: "s3://bucket/a/b"},
		{options: Options{Bucket: "bucket", Encryption: "none"}, root: "s3://bucket"},
		{options: Options{Prefix: "a"}, err: "bucket"},
		{options: Options{Bucket: "bucket", Prefix: "a/"}, err: "prefix"},
		{options: Options{Bucket: "bucket", Encryption: "aes"}, err: `encryption "aes"`},
		{options: Options{Bucket: "bucket", Encryption: "AES256", KMSKey: "k"}, err: `expected "aws:kms"`},
		{options: Options{Bucket: "bucket", BucketKey: true}, err: `expected "aws:kms"`},
		{options: Options{Bucket: "bucket", LeaseTTL: time.Millisecond}, err: "leases of 1ms"},
		{options: Options{Bucket: "bucket", PartSize: -1}, err: "negative"},
	} {
		s, err := New(nil, c.options)
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("New(%+v): %v, want an error with %q", c.options, err, c.err)
		case c.err == "" && (err != nil || s.Root() != c.root):
			t.Errorf("New(%+v): %v, want root %q", c.options, err, c.root)
		}
	}
}

func TestParts(t *testing.T) {
	const mib, gib, tib = 1 << 20, 1 << 30, 1 << 40
	for _, c := range []struct {
		size, partSize int64
		parts          int
	}{
		{0, 8 * mib, 1},
		{1, 8 * mib, 1},
		{8 * mib, 8 * mib, 1},
		{8*mib + 1, 8 * mib, 2},
		{5*gib + 1, 8 * mib, 641},
		{80_000 * mib, 8 * mib, 10_000},
		{80_000*mib + 1, 9 * mib, 8889},
		{tib, 105 * mib, 9987},
		{5 * tib, 525 * mib, 9987},
		{48 * tib, 5034 * mib, 9999},
	} {
		partSize := partSizeFor(c.size, defaultPartSize)
		if partSize != c.partSize || partSize > 5*gib {
			t.Errorf("parts of a file of %d bytes have %d, want %d and at most 5 GiB", c.size, partSize, c.partSize)
		}
		all := spans(c.size, partSize)
		if len(all) != c.parts || len(all) > maxParts {
			t.Errorf("a file of %d bytes has %d parts, want %d and at most %d", c.size, len(all), c.parts, maxParts)
		}
		at := int64(0)
		for i, p := range all {
			if p.number != int32(i+1) || p.from != at || p.len > partSize || p.len < partSize && i < len(all)-1 {
				t.Fatalf("part %d of a file of %d bytes is %+v, want it to begin at %d and to have %d bytes", i+1, c.size, p, at, partSize)
			}
			at += p.len
		}
		if at != c.size {
			t.Errorf("the parts of a file of %d bytes end at %d", c.size, at)
		}
	}
}

func TestSource(t *testing.T) {
	s, err := New(nil, Options{Bucket: "bucket", Prefix: "a b"})
	if err != nil {
		t.Fatal(err)
	}
	const name, want = "snapshots/t+1/day=2026%/é.parquet", "bucket/a%20b/snapshots/t%2B1/day=2026%25/%C3%A9.parquet"
	if got := *s.source(name); got != want {
		t.Errorf("source of %q is %q, want %q", name, got, want)
	}
}
