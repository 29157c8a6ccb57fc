//go:build linux

package soaktest

import (
	"bytes"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"stocktake/internal/faultproxy"
	"stocktake/internal/pipeline"
)

// objects reads and writes a bucket past the store.
type objects struct {
	*bucket
	client *awss3.Client
}

func (o objects) get(t *testing.T, name string) []byte {
	t.Helper()
	out, err := o.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &o.Bucket, Key: aws.String("warehouse/" + name)})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (o objects) put(t *testing.T, name string, data []byte) {
	t.Helper()
	if _, err := o.client.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &o.Bucket, Key: aws.String("warehouse/" + name), Body: bytes.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
}

// all is what stands in the bucket, but for leases, with checksums.
func (o objects) all(t *testing.T) map[string]string {
	t.Helper()
	sums := map[string]string{}
	pages := awss3.NewListObjectsV2Paginator(o.client, &awss3.ListObjectsV2Input{Bucket: &o.Bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page.Contents {
			if name := strings.TrimPrefix(*object.Key, "warehouse/"); !strings.HasPrefix(name, "runs/leases/") {
				sums[name] = sumOf(o.get(t, name))
			}
		}
	}
	return sums
}

// TestBucketDamage does to objects of a bucket what people do.
func TestBucketDamage(t *testing.T) {
	t.Parallel()
	b := objects{bucket: newBucket(t, faultproxy.Options{})}
	b.client = b.server.Client()
	r := &round{dir: t.TempDir(), company: small, now: monday, far: true, writer: b.writer, reader: b.reader}
	r.commitUndisturbed(t)
	r.before = read(t, b.reader(t))
	before := b.all(t)
	r.now = nextDay
	manifest, volumes := "runs/"+r.before.run+".json", "snapshots/aws_ec2_volumes/v1/snapshot_date=2026-11-23/aws_ec2_volumes.parquet"
	pointer := []string{"runs/HEAD"}
	for _, d := range []struct {
		name    string
		objects []string
		change  func([]byte) []byte
		want    string
	}{
		{"the pointer is cut off", pointer, func(b []byte) []byte { return b[:len(b)/2] }, "runs/HEAD"},
		{"the pointer is empty", pointer, func([]byte) []byte { return nil }, "runs/HEAD"},
		{"the manifest is cut off", []string{manifest}, func(b []byte) []byte { return b[:len(b)-100] }, manifest + ": read manifest"},
		{"a file of the last commit is cut off", []string{volumes, "current/aws_ec2_volumes.parquet"}, func(b []byte) []byte { return b[:len(b)-10] }, volumes},
	} {
		saved := map[string][]byte{}
		for _, name := range d.objects {
			saved[name] = b.get(t, name)
			b.put(t, name, d.change(saved[name]))
		}
		damaged := b.all(t)
		o := options(r.company.config(t, r.dir), b.reader(t), small.at(nextDay), nextDay)
		_, err := pipeline.Run(t.Context(), o)
		if err == nil {
			t.Fatalf("%s: the run succeeds", d.name)
		}
		if !strings.Contains(err.Error(), d.want) {
			t.Errorf("%s: the run says %q, want it to say %q", d.name, err, d.want)
		}
		if got := b.all(t); !maps.Equal(got, damaged) {
			t.Errorf("%s: the run has changed the warehouse from %v to %v", d.name, damaged, got)
		}
		for name, data := range saved {
			b.restore(t, name, data)
		}
		if got := b.all(t); !maps.Equal(got, before) {
			t.Fatalf("%s: the warehouse is %v afterwards, before %v", d.name, got, before)
		}
	}
	for _, problem := range same(read(t, b.reader(t)), r.before) {
		t.Error(problem)
	}
	r.commitUndisturbed(t)
	r.settle(t, firstNext(t))
}

// restore brings an object back, of a file with the metadata that it is known
// again by.
func (o objects) restore(t *testing.T, name string, data []byte) {
	t.Helper()
	if _, err := o.client.PutObject(t.Context(), &awss3.PutObjectInput{
		Bucket: &o.Bucket, Key: aws.String("warehouse/" + name), Body: bytes.NewReader(data), Metadata: map[string]string{"sha256": sumOf(data)},
	}); err != nil {
		t.Fatal(err)
	}
}

func firstNext(t *testing.T) *contents {
	t.Helper()
	newPlain(t)
	return firstDay.next
}
