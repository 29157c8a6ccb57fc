package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"stocktake/internal/httpfstest"
	"stocktake/internal/s3test"
)

// A testBucket has a copy of a testWarehouse below a prefix.
type testBucket struct {
	*testWarehouse
	server *s3test.Server
	name   string
	root   string
	tables []Table
}

const awkwardPrefix = "pre fix+ünï/a=b'c"

func newBucket(t *testing.T, w *testWarehouse) *testBucket {
	t.Helper()
	server := s3test.Start(t)
	b := &testBucket{testWarehouse: w, server: server, name: server.Bucket(t)}
	b.root = "s3://" + b.name + "/" + awkwardPrefix
	for _, table := range w.tables {
		local := table.Files
		table.Files = nil
		for _, file := range local {
			name, err := filepath.Rel(w.root, file)
			if err != nil {
				t.Fatal(err)
			}
			b.put(awkwardPrefix+"/"+name, file)
			table.Files = append(table.Files, b.root+"/"+name)
		}
		b.tables = append(b.tables, table)
	}
	return b
}

// put copies a local file to the bucket.
func (b *testBucket) put(key, file string) {
	b.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.server.Client().PutObject(b.t.Context(), &awss3.PutObjectInput{Bucket: &b.name, Key: &key, Body: bytes.NewReader(data)}); err != nil {
		b.t.Fatal(err)
	}
}

// objects lists the bucket with the objects' ETags.
func (b *testBucket) objects() map[string]string {
	b.t.Helper()
	out, err := b.server.Client().ListObjectsV2(b.t.Context(), &awss3.ListObjectsV2Input{Bucket: &b.name})
	if err != nil {
		b.t.Fatal(err)
	}
	found := map[string]string{}
	for _, o := range out.Contents {
		found[*o.Key] = *o.ETag
	}
	return found
}

func (b *testBucket) options() Options {
	b.t.Helper()
	return Options{Root: b.root, Tables: b.tables, Views: b.views, S3: &S3{Objects: b.server.Client(), HTTPFS: httpfstest.Extension(b.t)}}
}

// through is a client whose requests take a detour.
func (b *testBucket) through(detour func(*http.Request) error) *awss3.Client {
	return awss3.NewFromConfig(b.server.Config(), func(o *awss3.Options) {
		o.UsePathStyle = true
		o.HTTPClient = &http.Client{Transport: roundTripper(detour)}
	})
}

type roundTripper func(*http.Request) error

func (detour roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := detour(r); err != nil {
		return nil, err
	}
	return http.DefaultTransport.RoundTrip(r)
}

func openOn(t *testing.T, o Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

func TestQueryOnS3(t *testing.T) {
	b := newBucket(t, inventory(t))
	db := openOn(t, b.options())
	for sql, want := range map[string]string{
		"SELECT count(*) AS n FROM aws_events":                       "n\n2\n",
		"SELECT id, added FROM aws_events ORDER BY id":               "id,added\n1,\n2,true\n",
		"SELECT account_id, outcome FROM coverage_gaps ORDER BY 1":   "account_id,outcome\n222222222222,denied\n333333333333,partial\n555555555555,\n",
		"SELECT vpc_id FROM aws_vpcs_v2":                             "vpc_id\nvpc-2\n",
		"SELECT * FROM AWS_vpcs":                                     "vpc_id,n\n",
		"FROM events_by_name ORDER BY 1":                             "name,n\nnew,1\nold,1\n",
		"WITH x AS (FROM \"aws_events\") SELECT max(id) AS n FROM x": "n\n2\n",
		"SELECT count(*) AS n FROM read_parquet(" + quoteText(b.root+"/current/aws_events*.parquet") + ", union_by_name = true)": "n\n2\n",
		"SELECT replace(file, " + quoteText(b.root) + ", '') AS f FROM glob(" + quoteText(b.root+"/**/*vpcs*") + ") ORDER BY 1":  "f\n/current/aws_vpcsa.parquet\n/v2/aws_vpcs.parquet\n",
		"SELECT count(*) AS n FROM parquet_schema(" + quoteText(b.root+"/v2/aws_vpcs.parquet") + ")":                             "n\n2\n",
	} {
		if got, err := ask(t.Context(), db, sql, nil, Format{Name: "csv"}); err != nil || got != want {
			t.Errorf("%s\n got %q, %v\nwant %q", sql, got, err, want)
		}
	}
	if got, err := db.TablesOf(t.Context(), "FROM events_by_name, coverage_gaps"); err != nil || !slices.Equal(got, []string{"aws_events", coverageTable}) {
		t.Errorf("TablesOf gives %q, %v", got, err)
	}
	path := filepath.Join(t.TempDir(), "out.parquet")
	if rows, err := db.CopyParquet(t.Context(), "SELECT id FROM aws_events ORDER BY id", nil, path); err != nil || rows != 2 {
		t.Errorf("CopyParquet = %d, %v; want 2 rows", rows, err)
	}
	if got, want := runUnlocked(t, "", "FROM "+quoteText(path)), "id\n1\n2\n"; got != want {
		t.Errorf("CopyParquet wrote %q, want %q", got, want)
	}
	onlyFile(t, path)
}

// However a text asks which views there are, it sees all of them, and the same as for a
// folder, also where none of them was used before.
func TestCatalogOnS3(t *testing.T) {
	b := newBucket(t, inventory(t))
	folder := b.open()
	for _, sql := range []string{
		"SHOW TABLES",
		"SHOW ALL TABLES",
		"DESCRIBE",
		"desc",
		"SELECT name FROM (DESC) ORDER BY name DESC",
		"PRAGMA show_tables",
		"SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1",
		"SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal ORDER BY 1, 2",
		"SELECT table_name FROM information_schema.tables ORDER BY 1",
		`SELECT name FROM "sqlite_master" ORDER BY 1`,
		"SELECT relname FROM pg_catalog.pg_class ORDER BY 1",
		"SELECT relname FROM pg_class ORDER BY 1",
		"SELECT suggestion FROM sql_auto_complete('FROM aws_v') ORDER BY 1",
		"SELECT id FROM query_table('aws_' || 'events') ORDER BY 1",
		"DESCRIBE aws_events",
		"SUMMARIZE aws_vpcs",
	} {
		want, err := ask(t.Context(), folder, sql, nil, Format{Name: "csv"})
		if err != nil {
			t.Fatalf("%s in a folder: %v", sql, err)
		}
		if got, err := ask(t.Context(), openOn(t, b.options()), sql, nil, Format{Name: "csv"}); err != nil || got != want {
			t.Errorf("%s\n got %q, %v\nwant %q", sql, got, err, want)
		}
	}
}

// A query reads only the files that it names; a broken one concerns nobody else.
func TestOnlyNamedFilesAreRead(t *testing.T) {
	b := newBucket(t, inventory(t))
	b.tables = append(b.tables, Table{Name: "aws_gone", Version: 1, Newest: true, Files: []string{b.root + "/current/aws_gone.parquet"}})
	var mu sync.Mutex
	read := map[string]bool{}
	o := b.options()
	o.S3.Objects = b.through(func(r *http.Request) error {
		mu.Lock()
		defer mu.Unlock()
		read[filepath.Base(r.URL.Path)] = true
		return nil
	})
	db := openOn(t, o)
	if len(read) > 0 {
		t.Errorf("Open read %v, want nothing", slices.Sorted(maps.Keys(read)))
	}
	if got, err := ask(t.Context(), db, "SELECT count(*) AS n FROM coverage_gaps ORDER BY n DESC", nil, Format{Name: "csv"}); err != nil || got != "n\n3\n" {
		t.Errorf("got %q, %v; want 3 gaps", got, err)
	}
	if got, want := slices.Sorted(maps.Keys(read)), []string{coverageTable + "a.parquet"}; !slices.Equal(got, want) {
		t.Errorf("a query of coverage_gaps read %q, want %q", got, want)
	}
	for range 2 { // the first leaves nothing that changes the second
		got, err := ask(t.Context(), db, "FROM aws_gone, aws_vpcs", nil, Format{Name: "csv"})
		if want := "create view aws_gone_v1: read " + b.root + "/current/aws_gone.parquet: NotFound"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, %v; want an error with %q", got, err, want)
		}
	}
	b.put(awkwardPrefix+"/current/aws_gone.parquet", b.testWarehouse.tables[1].Files[0])
	if got, err := ask(t.Context(), db, "SELECT count(*) AS n FROM aws_gone", nil, Format{Name: "csv"}); err != nil || got != "n\n0\n" {
		t.Errorf("once the file is there got %q, %v; want no rows", got, err)
	}
}

func TestQueriesAtOnceOnS3(t *testing.T) {
	b := newBucket(t, inventory(t))
	db := openOn(t, b.options())
	var wait sync.WaitGroup
	for range 4 {
		for sql, want := range map[string]string{
			"SELECT count(*) AS n FROM aws_events":    "n\n2\n",
			"SELECT count(*) AS n FROM coverage_gaps": "n\n3\n",
			"SELECT count(*) AS n FROM (SHOW TABLES)": "n\n11\n",
		} {
			wait.Go(func() {
				if got, err := ask(t.Context(), db, sql, nil, Format{Name: "csv"}); err != nil || got != want {
					t.Errorf("%s: got %q, %v; want %q", sql, got, err, want)
				}
			})
		}
	}
	wait.Wait()
}

// Nothing but the warehouse can be read, whatever DuckDB's own checks let through, and
// nothing written. ROOT stands for the warehouse, BUCKET for its bucket, OTHER for another
// one that the same credentials read, CANARY for a server that must hear of nothing.
func TestSandboxOnS3(t *testing.T) {
	denied, refused := "file system operations are disabled by configuration", ErrRefused.Error()
	cases := []struct{ name, sql, want string }{
		{"another bucket", "FROM 's3://OTHER/secret.parquet'", denied},
		{"another bucket, pattern", "FROM read_parquet('s3://OTHER/*')", denied},
		{"beside the prefix", "FROM 's3://BUCKET/secret.parquet'", denied},
		{"prefix of the same beginning", "FROM 'ROOT-2/secret.parquet'", denied},
		{"dots", "FROM 'ROOT/../secret.parquet'", "below the prefix"},
		{"dots further down", "FROM 'ROOT/current/../../secret.parquet'", "below the prefix"},
		{"dots into another bucket", "FROM 'ROOT/../../../OTHER/secret.parquet'", "below the prefix"},
		{"encoded dots", "FROM 'ROOT/%2e%2e/secret.parquet'", "NotFound"},
		{"dots in a value", "SET VARIABLE x = 'ROOT/.' || './secret.parquet'; FROM read_text(getvariable('x'))", "below the prefix"},
		{"dots as text", "FROM read_text('ROOT/../secret.parquet')", "below the prefix"},
		{"dots as bytes", "FROM read_blob('ROOT/../secret.parquet')", "below the prefix"},
		{"other scheme", "FROM 's3a://BUCKET/secret.parquet'", denied},
		{"upper case", "FROM 'S3://BUCKET/secret.parquet'", denied},
		{"list the bucket", "FROM glob('s3://BUCKET/*')", denied},
		{"list beside the prefix", "FROM glob('ROOT*/**')", denied},
		{"list by dots", "FROM read_parquet('ROOT/../*.parquet')", "below the prefix"},
		{"another server", "FROM 'ROOT/x.parquet?s3_endpoint=CANARY&s3_use_ssl=false'", "only the warehouse can be read"},
		{"another server, in a pattern", "FROM read_parquet('ROOT/*.parquet?s3_endpoint=CANARY&s3_use_ssl=false')", "only the warehouse can be read"},
		{"another server, over TLS", "FROM 'ROOT/x.parquet?s3_endpoint=CANARY&s3_use_ssl=true'", "Proxy connection failed"},
		{"another server, by host name", "FROM 'ROOT/x.parquet?s3_endpoint=CANARY&s3_url_style=vhost'", "only the warehouse can be read"},
		{"another server, made of text", "FROM read_text('ROOT/x?s3_end' || 'point=CANARY')", "only the warehouse can be read"},
		{"other credentials", "FROM 'ROOT/x.parquet?s3_access_key_id=a&s3_secret_access_key=b'", "404 Not Found"},
		{"web page", "FROM read_text('http://CANARY/x')", denied},
		{"web page over TLS", "FROM read_text('https://CANARY/x')", denied},
		{"the proxy itself", "FROM read_text('http://warehouse.invalid/OTHER/secret.parquet')", denied},
		{"hub", "FROM 'hf://datasets/a/b/c.parquet'", denied},
		{"local file", "FROM read_text('/etc/passwd')", denied},
		{"extension", "LOAD 'ROOT/x.duckdb_extension'", refused},
		{"install", "INSTALL httpfs", refused},
		{"copy to S3", "COPY (SELECT 1) TO 'ROOT/x.parquet'", refused},
		{"copy to S3 after a read", "SELECT 1; COPY (SELECT 1) TO 'ROOT/x.parquet'", refused},
		{"attach on S3", "ATTACH 'ROOT/x.duckdb' AS x", refused},
		{"log to S3", "FROM enable_logging(storage = 'file', storage_path = 'ROOT/log')", refused},
		{"create secret", "CREATE SECRET s (TYPE s3, ENDPOINT 'CANARY')", refused},
		{"create or replace secret", "CREATE OR REPLACE TEMPORARY SECRET s (TYPE s3, ENDPOINT 'CANARY')", refused},
		{"drop secret", "DROP SECRET s", refused},
		{"set endpoint", "SET s3_endpoint = 'CANARY'", refused},
		{"reset proxy", "RESET GLOBAL http_proxy", refused},
		{"secrets in the open", "FROM duckdb_secrets(redact = false)", "unredacted secrets is disabled"},
	}
	canary := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a query reached another server: %s %s", r.Method, r.RequestURI)
	}))
	defer canary.Close()
	address := strings.TrimPrefix(canary.URL, "http://")
	storeSecret(t, address)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "secret of the environment", "AWS_SESSION_TOKEN": "token of the environment",
		"AWS_REGION": "eu-west-1", "DUCKDB_S3_ENDPOINT": address, "HTTP_PROXY": "http://name:password@" + address, "NO_PROXY": "*", "no_proxy": "*",
	} {
		t.Setenv(name, value)
	}
	b := newBucket(t, inventory(t))
	other := newBucket(t, b.testWarehouse)
	for _, key := range []string{"secret.parquet", awkwardPrefix + "-2/secret.parquet", filepath.Dir(awkwardPrefix) + "/secret.parquet"} {
		b.put(key, b.testWarehouse.tables[0].Files[0])
		other.put(key, b.testWarehouse.tables[0].Files[0])
	}
	db := openOn(t, b.options())
	before := b.objects()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sql := strings.NewReplacer("ROOT", strings.ReplaceAll(b.root, "'", "''"), "BUCKET", b.name, "OTHER", other.name, "CANARY", address).Replace(c.sql)
			got, err := ask(t.Context(), db, sql, nil, Format{Name: "csv"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s\n got %q, %v\nwant an error with %q", sql, got, err, c.want)
			}
			if after := b.objects(); !maps.Equal(before, after) {
				t.Fatalf("%s: objects changed\n got %v\nwant %v", sql, after, before)
			}
		})
	}
	if got, err := ask(t.Context(), db, "SELECT count(*) AS n FROM aws_events", nil, Format{Name: "csv"}); err != nil || got != "n\n2\n" {
		t.Errorf("after all refusals got %q, %v; want 2 rows", got, err)
	}
	checkNoSecrets(t, b, db)
}

// storeSecret gives the user a secret, kept for DuckDB, that leads elsewhere.
func storeSecret(t *testing.T, endpoint string) {
	t.Helper()
	home := t.TempDir()
	extension := httpfstest.Extension(t)
	t.Setenv("XDG_CACHE_HOME", filepath.Dir(filepath.Dir(filepath.Dir(extension))))
	t.Setenv("HOME", home)
	runUnlocked(t, "", "SET allow_persistent_secrets = true", "LOAD "+quoteText(extension),
		"CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'secret of the home', USE_SSL false, ENDPOINT "+quoteText(endpoint)+")", "SELECT 1")
	if kept, err := filepath.Glob(filepath.Join(home, ".duckdb", "stored_secrets", "*")); err != nil || len(kept) != 1 {
		t.Fatalf("DuckDB kept %q, %v; want one secret", kept, err)
	}
}

// checkNoSecrets looks wherever DuckDB shows what it was told.
func checkNoSecrets(t *testing.T, b *testBucket, db *DB) {
	t.Helper()
	for _, sql := range []string{
		"FROM duckdb_secrets()", "FROM duckdb_settings()", "FROM duckdb_variables()", "FROM which_secret(" + quoteText(b.root) + ", 's3')",
		"SELECT current_setting('s3_secret_access_key'), current_setting('s3_session_token'), current_setting('s3_access_key_id')",
		"EXPLAIN ANALYZE SELECT count(*) FROM aws_events", "FROM duckdb_logs()",
	} {
		got, err := ask(t.Context(), db, sql, nil, Format{Name: "json"})
		if err != nil && !strings.Contains(err.Error(), "logs") {
			t.Errorf("%s: %v", sql, err)
		}
		for _, secret := range []string{b.server.SecretKey, b.server.AccessKey, "of the environment", "AKIAENVIRONMENT", "of the home", "name:password"} {
			if strings.Contains(got, secret) {
				t.Errorf("%s shows %q:\n%s", sql, secret, got)
			}
		}
	}
}

// Were the checks of statements fooled, DuckDB itself would write to S3 and follow its
// settings: the proxy does not let it, and the settings are locked.
func TestProxyWithoutGuard(t *testing.T) {
	b := newBucket(t, inventory(t))
	db := openOn(t, b.options())
	before := b.objects()
	for _, sql := range []string{
		"COPY (SELECT 1 AS x) TO " + quoteText(b.root+"/x.parquet"),
		"COPY (SELECT 1 AS x) TO " + quoteText(b.tables[0].Files[0]),
		"ATTACH " + quoteText(b.root+"/x.duckdb") + " AS x",
		"SET GLOBAL http_proxy = ''",
		"SET GLOBAL httpfs_client_implementation = 'default'",
		"SET GLOBAL unsafe_disable_etag_checks = true",
	} {
		s, err := db.engine.newSession(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.exec(t.Context(), sql); err == nil {
			t.Errorf("%s ran, want an error", sql)
		}
		s.end()
		if after := b.objects(); !maps.Equal(before, after) {
			t.Fatalf("%s: objects changed\n got %v\nwant %v", sql, after, before)
		}
	}
}

// An object that is replaced while a query reads it is an error, and no mixture.
func TestReplacedInMidQuery(t *testing.T) {
	w := newWarehouse(t)
	w.table("aws_events", "SELECT i AS id, hash(i)::VARCHAR AS text FROM range(300000) r(i)")
	fresh := w.file("fresh.parquet", "SELECT -i AS id, hash(i)::VARCHAR AS text FROM range(300000) r(i)")
	b := newBucket(t, w)
	var replace sync.Once
	armed := false
	o := b.options()
	o.S3.Objects = b.through(func(r *http.Request) error {
		if armed && r.Method == http.MethodGet {
			replace.Do(func() { b.put(awkwardPrefix+"/current/aws_eventsa.parquet", fresh) })
		}
		return nil
	})
	db := openOn(t, o)
	if got, err := ask(t.Context(), db, "SELECT count(*) AS n FROM aws_events", nil, Format{Name: "csv"}); err != nil || got != "n\n300000\n" {
		t.Fatalf("before the replacement got %q, %v; want 300000", got, err)
	}
	armed = true
	got, err := ask(t.Context(), db, "SELECT min(id) AS least, max(id) AS most, max(text) AS text FROM aws_events", nil, Format{Name: "csv"})
	if want := b.tables[0].Files[0] + ": " + ErrReplaced.Error(); !errors.Is(err, ErrReplaced) || err.Error() != want {
		t.Errorf("in mid query got %q, %v; want the error %s", got, err, want)
	}
	got, err = ask(t.Context(), db, "SELECT min(id) AS least, max(id) AS most FROM aws_events", nil, Format{Name: "csv"})
	if want := "least,most\n-299999,0\n"; err != nil || got != want {
		t.Errorf("after the replacement got %q, %v; want %q", got, err, want)
	}
}

// An interrupted query does not wait for a server that does not answer.
func TestCancelledOnS3(t *testing.T) {
	b := newBucket(t, inventory(t))
	for _, c := range []struct{ name, first string }{{"before the view is there", ""}, {"on a view that is there", "SELECT count(*) FROM aws_events"}} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			reason := errors.New("enough")
			hang := false
			o := b.options()
			o.S3.Objects = b.through(func(r *http.Request) error {
				if !hang {
					return nil
				}
				cancel(reason)
				<-r.Context().Done()
				return r.Context().Err()
			})
			db := openOn(t, o)
			if c.first != "" {
				if _, err := ask(t.Context(), db, c.first, nil, Format{Name: "csv"}); err != nil {
					t.Fatal(err)
				}
			}
			hang = true
			if got, err := ask(ctx, db, "SELECT * FROM aws_events", nil, Format{Name: "csv"}); !errors.Is(err, reason) {
				t.Errorf("got %q, %v; want %v", got, err, reason)
			}
			hang = false
			if got, err := ask(t.Context(), db, "SELECT count(*) AS n FROM aws_events", nil, Format{Name: "csv"}); err != nil || got != "n\n2\n" {
				t.Errorf("after it got %q, %v; want 2 rows", got, err)
			}
		})
	}
}

func TestErrorsOfS3(t *testing.T) {
	b := newBucket(t, inventory(t))
	client := func(name string, credentials aws.CredentialsProvider) *awss3.Client {
		config := b.server.Config()
		if credentials != nil {
			config.Credentials = credentials
		}
		return awss3.NewFromConfig(config, func(o *awss3.Options) { o.UsePathStyle = true })
	}
	expired := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("the session has ended")
	})
	for _, c := range []struct {
		name   string
		client *awss3.Client
		sql    string
		want   string
	}{
		{"no right to read", client("list", b.server.User(t, b.name, "s3:ListBucket")), "FROM aws_vpcs",
			"create view aws_vpcs_v1: read " + b.tables[1].Files[0] + ": AccessDenied"},
		{"no right to list", client("get", b.server.User(t, b.name, "s3:GetObject")), "FROM read_parquet(" + quoteText(b.root+"/current/*") + ")",
			"read " + b.root + "/current: AccessDenied"},
		{"no credentials", client("expired", expired), "FROM aws_events", "the session has ended"},
		{"no such object", client("", nil), "FROM " + quoteText(b.root+"/nope.parquet"), "read " + b.root + "/nope.parquet: NotFound"},
		{"unknown table", client("", nil), "FROM aws_event", "Near that name: aws_events"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := b.options()
			o.S3.Objects = c.client
			got, err := ask(t.Context(), openOn(t, o), c.sql, nil, Format{Name: "csv"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s\n got %q, %v\nwant an error with %q", c.sql, got, err, c.want)
			}
		})
	}
}

func TestOpenErrorsOnS3(t *testing.T) {
	s := &S3{Objects: s3test.Start(t).Client(), HTTPFS: httpfstest.Extension(t)}
	file := func(url string) []Table { return []Table{{Name: "a", Version: 3, Files: []string{url}}} }
	for _, c := range []struct {
		name    string
		options Options
		want    string
	}{
		{"no client", Options{Root: "s3://b/p"}, "s3://b/p takes an S3 client"},
		{"client without one", Options{Root: "s3://b/p", S3: &S3{}}, "takes an S3 client"},
		{"no bucket", Options{Root: "s3://", S3: s}, `root "s3://", expected "s3://bucket/prefix"`},
		{"slash at the end", Options{Root: "s3://b/p/", S3: s}, `root "s3://b/p/", expected`},
		{"pattern", Options{Root: "s3://b/p*", S3: s}, "without *"},
		{"question mark", Options{Root: "s3://b/p?s3_endpoint=x", S3: s}, "without *"},
		{"file outside", Options{Root: "s3://b/p", S3: s, Tables: file("s3://b/p2/x.parquet")}, "table a_v3: file s3://b/p2/x.parquet is outside the warehouse s3://b/p"},
		{"local file", Options{Root: "s3://b/p", S3: s, Tables: file("/b/p/x.parquet")}, "outside the warehouse"},
		{"pattern for a file", Options{Root: "s3://b/p", S3: s, Tables: file("s3://b/p/*.parquet")}, "without *"},
		{"no file", Options{Root: "s3://b/p", S3: s, Tables: []Table{{Name: "a", Version: 3}}}, "a_v3 has no file"},
		{"no extension", Options{Root: "s3://b/p", S3: &S3{Objects: s.Objects, HTTPFS: "/nope"}}, "/nope"},
		{"file of a bucket in a folder", Options{Root: t.TempDir(), Tables: file("s3://b/p/x.parquet")}, "resolve a file of table a_v3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			db, err := Open(t.Context(), c.options)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open(%+v) = %v, %v; want an error with %q", c.options, db, err, c.want)
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("Open(%+v) left %v in the temporary directory, %v", c.options, left, err)
			}
		})
	}
}

// The views of a bucket are for DuckDB as people run it, with access of their own.
func TestWriteDatabaseOnS3(t *testing.T) {
	b := newBucket(t, inventory(t))
	path := filepath.Join(t.TempDir(), "stocktake.duckdb")
	if err := WriteDatabase(t.Context(), path, b.options()); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, path)
	const names = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
	if got, want := runUnlocked(t, path, names), "view_name\naws_ec2_instances\naws_ec2_instances_v1\naws_events\naws_events_v1\naws_vpcs\naws_vpcs_v1\naws_vpcs_v2\ncoverage_gaps\nevents_by_name\nstocktake_coverage\nstocktake_coverage_v1\n"; got != want {
		t.Errorf("the views are\n%s\nwant\n%s", got, want)
	}
	access := fmt.Sprintf("CREATE SECRET s (TYPE s3, KEY_ID %s, SECRET %s, REGION %s, ENDPOINT %s, URL_STYLE 'path', USE_SSL false)", quoteText(b.server.AccessKey),
		quoteText(b.server.SecretKey), quoteText(b.server.Region), quoteText(strings.TrimPrefix(b.server.Endpoint, "http://")))
	load := "LOAD " + quoteText(httpfstest.Extension(t))
	for sql, want := range map[string]string{
		"FROM events_by_name ORDER BY 1":       "name,n\nnew,1\nold,1\n",
		"SELECT count(*) AS n FROM aws_events": "n\n2\n",
	} {
		if got := runUnlocked(t, path, load, access, sql); got != want {
			t.Errorf("%s: got %q, want %q", sql, got, want)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{b.server.SecretKey, b.server.AccessKey, "warehouse.invalid", "http_proxy"} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the file of views holds %q", secret)
		}
	}
	o := b.options()
	o.Tables = append(o.Tables, Table{Name: "aws_gone", Version: 1, Files: []string{b.root + "/gone.parquet"}})
	if err := WriteDatabase(t.Context(), path, o); err == nil || !strings.Contains(err.Error(), b.root+"/gone.parquet: NotFound") {
		t.Errorf("views over a missing file: got %v, want an error that names it", err)
	}
	onlyFile(t, path)
}
