package honesttest

import (
	"fmt"
	"slices"
	"testing"

	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
)

const (
	images = "aws_ecr_images"
	scans  = "aws_ecr_image_scan_findings"
)

// imagesOf are queries about images of the last run. Inspector's scans show
// neither state nor summary in the list, nor do images that were never scanned.
const (
	allImages     = "SELECT count(*) FROM " + images
	statelessScan = allImages + " WHERE image_scan_status IS NULL"
	basicScan     = allImages + " WHERE image_scan_findings_summary IS NOT NULL"
	confirmedOld  = "SELECT count(*) FROM " + scans + " WHERE last_confirmed_at < (SELECT max(last_confirmed_at) FROM " + scans + ") - INTERVAL 1 HOUR"
)

// scanWorld is a company with images, which collects what patterns say.
func scanWorld(t *testing.T, collect ...string) *world {
	t.Helper()
	w := newWorld(t, t.TempDir(), company)
	w.org.Resize(sim.Any, sim.Sizes{Repositories: 4, Images: 6, ImageFindings: 3})
	w.source("acme").Collect = collect
	return w
}

// asked runs, and counts the calls of an operation of ECR.
func (w *world) asked(t *testing.T, operation string) (*pipeline.Result, *reader, int64) {
	t.Helper()
	w.org.Reset()
	result := w.run(t)
	n := 0
	for k, calls := range w.org.Calls() {
		if k.Service == "ecr" && k.Operation == operation {
			n += calls
		}
	}
	return result, read(t, w.open(t)), int64(n)
}

// TestScansAreReadOnce: a scan that an earlier run has read is not asked for
// again until the next full pull, and the table is the same all the while.
func TestScansAreReadOnce(t *testing.T) {
	t.Parallel()
	w := scanWorld(t, "aws_ecr_*")
	const operation = "DescribeImageScanFindings"
	_, r, n := w.asked(t, operation)
	if want := r.number(statelessScan) + r.number(basicScan); n != want || n == r.number(allImages) || r.number(basicScan) == 0 {
		t.Errorf("first run: got %d of %d images asked, want the %d that may have a scan", n, r.number(allImages), want)
	}
	first := r.contents()[images]
	rows := r.number("SELECT count(*) FROM " + scans)

	w.now = w.now.Add(day)
	_, r, n = w.asked(t, operation)
	if want := r.number(statelessScan); n != want {
		t.Errorf("second run: got %d images asked, want the %d of which nothing is known", n, want)
	}
	if got := r.number("SELECT count(*) FROM " + scans); got != rows || r.contents()[images] != first {
		t.Errorf("second run: got %d findings, want the %d of the first", got, rows)
	}
	if got := r.number(confirmedOld); got != 0 {
		t.Errorf("second run: %d findings are not confirmed", got)
	}

	// Images that are gone stay until a full pull, where some scan was not read anew.
	w.org.Resize(sim.Any, sim.Sizes{Repositories: 4, Images: 2, ImageFindings: 3})
	orphans := "SELECT count(*) FROM " + scans + " f WHERE NOT EXISTS (SELECT 1 FROM " + images + " i WHERE i.image_digest = f.image_digest AND i.account_id = f.account_id AND i.region = f.region)"
	w.now = w.now.Add(day)
	_, r, _ = w.asked(t, operation)
	if r.number(orphans) == 0 {
		t.Error("third run: no finding is of an image that is gone")
	}
	unread := "SELECT count(DISTINCT (f.account_id, f.region)) FROM " + scans + " f WHERE scan_type = 'ENHANCED' AND NOT EXISTS (SELECT 1 FROM " + images + " i WHERE i.image_digest = f.image_digest)"
	if got := r.number(unread); got != 0 {
		t.Errorf("third run: %d places, all of whose images were asked, keep findings of images that are gone", got)
	}
	w.now = w.now.Add(6 * day)
	_, r, n = w.asked(t, operation)
	if want := r.number(statelessScan) + r.number(basicScan); n != want {
		t.Errorf("full pull: got %d images asked, want %d", n, want)
	}
	if got := r.number(orphans); got != 0 {
		t.Errorf("full pull: got %d findings of images that are gone", got)
	}
}

// TestNewestScans: what the configuration leaves out is said, and an image that
// comes within the limit later is read, however old its scan.
func TestNewestScans(t *testing.T) {
	t.Parallel()
	w := scanWorld(t, "aws_ecr_*")
	const operation = "DescribeImageScanFindings"
	w.file.ECR.Newest = 2
	result, r, n := w.asked(t, operation)
	const newest = "(SELECT *, row_number() OVER (PARTITION BY account_id, region, repository_name ORDER BY image_pushed_at DESC) AS place FROM " + images + ")"
	const scannable = " WHERE (image_scan_status IS NULL OR image_scan_findings_summary IS NOT NULL) AND place "
	if want := r.number("SELECT count(*) FROM " + newest + scannable + "<= 2"); n != want || n == 0 {
		t.Errorf("got %d images asked, want %d", n, want)
	}
	if got := r.number("SELECT count(*) FROM " + scans + " f JOIN " + newest + " i USING (account_id, region, repository_name, image_digest) WHERE i.place > 2"); got != 0 {
		t.Errorf("got %d findings of images beyond the newest", got)
	}
	left := map[string]string{}
	for _, row := range r.rows("SELECT account_id, region, count(*), count(DISTINCT repository_name) FROM " + newest + scannable + "> 2 GROUP BY ALL") {
		left[fmt.Sprint(row[0], row[1])] = fmt.Sprintf("%v images of %v repositories are left out: the 2 newest of each are asked for their scans.", row[2], row[3])
	}
	for c := range result.Coverage {
		if c.TableName != scans {
			continue
		}
		want, code := left[fmt.Sprint(c.AccountID, c.Region)], ""
		if want != "" {
			code = "capped"
		}
		if c.Outcome == outcome.OK && (c.ErrorCode != code || c.ErrorMessage != want || (c.Advice != "") != (want != "")) {
			t.Errorf("%v: got %q %q %q, want %q %q", idOf(c), c.ErrorCode, c.ErrorMessage, c.Advice, code, want)
		}
	}
	if len(left) == 0 || result.Exit != 0 {
		t.Errorf("%d places leave something out, exit %d; want some, and 0", len(left), result.Exit)
	}

	capped := r.number("SELECT count(*) FROM " + scans)
	w.file.ECR.Newest = 0
	w.now = w.now.Add(day)
	_, r, n = w.asked(t, operation)
	if want := r.number(statelessScan) + r.number(basicScan); n != want {
		t.Errorf("without a limit: got %d images asked, want all %d", n, want)
	}
	if got := r.number("SELECT count(*) FROM " + scans); got <= capped {
		t.Errorf("without a limit: got %d findings, want more than the %d before", got, capped)
	}
}

// TestInspectorHasThem: findings are not read twice where Inspector has them.
func TestInspectorHasThem(t *testing.T) {
	t.Parallel()
	w := scanWorld(t, "aws_ecr_*", "aws_inspector2_findings")
	refused := w.members[1]
	w.org.Deny(sim.Rule{Account: refused, Service: "ecr", Operation: "GetRegistryScanningConfiguration"})
	w.org.Throttle(sim.Rule{Account: w.members[2], Service: "ecr", Operation: "GetRegistryScanningConfiguration"}, -1)
	result, r, _ := w.asked(t, "DescribeImageScanFindings")
	enhanced := r.keys("SELECT DISTINCT account_id, ' ', region FROM aws_inspector2_findings WHERE list_any_value(resources).type = 'AWS_ECR_CONTAINER_IMAGE'")
	spared, asked := 0, 0
	for c := range result.Coverage {
		if c.TableName != scans {
			continue
		}
		switch c.AccountID {
		case w.members[2]:
			if c.Outcome != outcome.Throttled {
				t.Errorf("%v: got %s, want throttled", idOf(c), c.Outcome)
			}
			continue
		case refused:
			if c.Outcome != outcome.OK {
				t.Errorf("%v: got %s (%s), want that the images are asked", idOf(c), c.Outcome, c.ErrorMessage)
			}
			continue
		}
		switch has := slices.Contains(enhanced, fmt.Sprint(c.AccountID, " ", c.Region)); {
		case c.Outcome == outcome.NotEnabled:
			spared++
			if c.Rows != 0 || c.ErrorMessage != "Amazon Inspector scans the registry: its findings are in aws_inspector2_findings, which the source collects too." {
				t.Errorf("%v: got %d rows and %q", idOf(c), c.Rows, c.ErrorMessage)
			}
		case has:
			t.Errorf("%v: got %s, and Inspector has its images", idOf(c), c.Outcome)
		case c.Rows > 0:
			asked++
		}
	}
	if len(enhanced) == 0 || spared == 0 || asked == 0 {
		t.Errorf("Inspector has images of %d places; %d are spared, %d asked; want some of each", len(enhanced), spared, asked)
	}
	both := "SELECT count(*) FROM " + scans + " WHERE scan_type = 'ENHANCED' AND account_id <> '" + refused + "'"
	if got := r.number(both); got != 0 {
		t.Errorf("got %d findings of Inspector twice", got)
	}
}
