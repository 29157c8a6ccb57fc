package extract

import (
	"maps"
	"slices"
	"testing"
	"time"
)

func TestAttributes(t *testing.T) {
	type row struct {
		Incomplete
		Policy            *string
		DelaySeconds      *int64
		FifoQueue         *bool
		CreatedTimestamp  *time.Time
		VisibilityTimeout *int64
		ContentBased      *bool
		LastModified      *time.Time
		NotSent           *int64
		Tags              map[string]string
	}
	var r row
	others := Attributes(&r, map[string]string{
		"Policy": "", "DelaySeconds": "0", "FifoQueue": "true", "CreatedTimestamp": "1785500000",
		"VisibilityTimeout": "soon", "ContentBased": "maybe", "LastModified": "yesterday", "Tags": "x", "NotCollected": "y", "Brand.New": "z",
	})
	if r.Policy == nil || *r.Policy != "" || r.DelaySeconds == nil || *r.DelaySeconds != 0 || r.FifoQueue == nil || !*r.FifoQueue {
		t.Errorf("got %+v, want an empty policy, no delay and a FIFO queue", r)
	}
	if want := time.Date(2026, 7, 31, 12, 13, 20, 0, time.UTC); r.CreatedTimestamp == nil || !r.CreatedTimestamp.Equal(want) {
		t.Errorf("created: got %v, want %v", r.CreatedTimestamp, want)
	}
	if r.NotSent != nil || r.VisibilityTimeout != nil || r.ContentBased != nil || r.LastModified != nil {
		t.Errorf("got %+v, want no value for what was not sent or does not read", r)
	}
	if want := []string{"content_based", "last_modified", "visibility_timeout"}; !slices.Equal(r.NotCollected, want) {
		t.Errorf("not collected: got %q, want %q", r.NotCollected, want)
	}
	if want := map[string]string{"Tags": "x", "NotCollected": "y", "Brand.New": "z"}; !maps.Equal(others, want) {
		t.Errorf("others: got %q, want %q", others, want)
	}
}
