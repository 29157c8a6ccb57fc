package ecr

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"stocktake/extract"
	"stocktake/internal/outcome"
)

const (
	findingsTable  = "aws_ecr_image_scan_findings"
	inspectorTable = "aws_inspector2_findings"
)

// registry is the collector of all tables. A call for each image is what costs
// most by far, so each unit decides about which images it makes one.
func registry() extract.Collector {
	c := extract.Tree(service, repositories(&scans{}))
	c.Calls = append(c.Calls, extract.Call{Operation: "GetRegistryScanningConfiguration", Table: findingsTable, Hint: true})
	c.Walk = func(ctx context.Context, u *extract.Unit) error {
		if err := u.FailApart(ctx, findingsTable, inspected(ctx, u)); err != nil {
			return err
		}
		if !slices.ContainsFunc(c.Tables, func(t extract.Table) bool { return u.Wants(t.Name) }) {
			return nil
		}
		s := &scans{newest: u.Config().ECR.Newest}
		// An image that was left out may come back in, with an old scan that was
		// never read: with a cap all scans within it are read each time.
		if since := u.Since(findingsTable); s.newest == 0 && !since.IsZero() {
			s.known = since.Add(-extract.Overlap)
		}
		if err := extract.Tree(service, repositories(s)).Walk(ctx, u); err != nil {
			return err
		}
		s.conclude(u)
		return nil
	}
	return c
}

// inspected returns an extract.Off where the findings would be read twice:
// Inspector scans the registry, and its own findings are collected as well.
// Where the role may not ask that, the images are asked.
func inspected(ctx context.Context, u *extract.Unit) error {
	if !u.Wants(findingsTable) || !u.SourceCollects(inspectorTable) {
		return nil
	}
	o, err := service.Client(u).GetRegistryScanningConfiguration(ctx, &ecr.GetRegistryScanningConfigurationInput{})
	switch {
	case err != nil:
		if kind := u.Classify(ctx, err).Kind; kind == outcome.Denied || kind == outcome.Blocked {
			return nil
		}
		return err
	case o.ScanningConfiguration == nil || o.ScanningConfiguration.ScanType != types.ScanTypeEnhanced:
		return nil
	}
	return extract.Off("Amazon Inspector scans the registry: its findings are in " + inspectorTable + ", which the source collects too.")
}

// scans decides about which images of a unit the scans are read.
type scans struct {
	newest int       // images of each repository; 0 is all
	known  time.Time // scans that ended earlier have been read by earlier runs; zero is none

	mu           sync.Mutex
	unchanged    int // images whose scan has been read before
	leftOut      int // images beyond the newest
	repositories int // that have such images
}

// of returns the choice among the images of a repository.
func (s *scans) of(*Repository) extract.Choice[types.ImageDetail] {
	if s.newest == 0 {
		return extract.Choice[types.ImageDetail]{Page: s.worthwhile, Rest: func() []types.ImageDetail { return nil }}
	}
	c := &capped{most: s.newest}
	return extract.Choice[types.ImageDetail]{Page: c.hold, Rest: func() []types.ImageDetail {
		c.cut()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.leftOut += c.beyond; c.beyond > 0 {
			s.repositories++
		}
		return slices.DeleteFunc(c.held, unscanned)
	}}
}

// worthwhile leaves out images without a scan, and those whose scan is known.
func (s *scans) worthwhile(page []types.ImageDetail) []types.ImageDetail {
	unchanged := 0
	chosen := slices.DeleteFunc(slices.Clone(page), func(i types.ImageDetail) bool {
		if unscanned(i) {
			return true
		}
		old := s.read(i)
		if old {
			unchanged++
		}
		return old
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unchanged += unchanged
	return chosen
}

// unscanned reports whether an image is known to have no result of a scan.
// Newer basic scans, and those of Inspector, show neither state nor summary.
func unscanned(i types.ImageDetail) bool {
	if i.ImageScanFindingsSummary != nil || i.ImageScanStatus == nil {
		return false
	}
	switch i.ImageScanStatus.Status {
	case types.ScanStatusFailed, types.ScanStatusUnsupportedImage:
		return true
	}
	return false
}

// read reports whether an earlier run has read the scan of an image: nothing
// has happened to it since.
func (s *scans) read(i types.ImageDetail) bool {
	if i.ImageScanFindingsSummary == nil || i.ImageScanFindingsSummary.ImageScanCompletedAt == nil {
		return false
	}
	last := *i.ImageScanFindingsSummary.ImageScanCompletedAt
	for _, t := range []*time.Time{i.ImagePushedAt, i.LastActivatedAt} {
		last = extract.Later(last, aws.ToTime(t))
	}
	return last.Before(s.known)
}

// conclude records how far the table has been read, and what was left out of it.
func (s *scans) conclude(u *extract.Unit) {
	if s.newest == 0 {
		if s.unchanged == 0 {
			u.Whole(findingsTable)
		}
		u.Reached(findingsTable, u.Started())
	}
	if s.leftOut > 0 {
		u.Remark(findingsTable, outcome.Outcome{
			Code:    "capped",
			Message: fmt.Sprintf("%d images of %d repositories are left out: the %d newest of each are asked for their scans.", s.leftOut, s.repositories, s.newest),
			Advice:  "Raise ecr.newest in the configuration for the scans of more images.",
		})
	}
}

// capped holds the newest images of a repository by the time of their push.
type capped struct {
	most   int
	held   []types.ImageDetail
	beyond int // images that are older, and may have a scan
}

// hold takes a page; which images are among the newest the last page tells.
func (c *capped) hold(page []types.ImageDetail) []types.ImageDetail {
	c.held = append(c.held, page...)
	c.cut()
	return nil
}

func (c *capped) cut() {
	if len(c.held) <= c.most {
		return
	}
	slices.SortStableFunc(c.held, func(a, b types.ImageDetail) int {
		return aws.ToTime(b.ImagePushedAt).Compare(aws.ToTime(a.ImagePushedAt))
	})
	for _, i := range c.held[c.most:] {
		if !unscanned(i) {
			c.beyond++
		}
	}
	clear(c.held[c.most:])
	c.held = c.held[:c.most]
}
