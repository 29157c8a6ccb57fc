// Package runid makes the IDs of runs, and reads from one when its run began. No
// other package knows what an ID is made of.
package runid

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"
)

// layout is that of the start, in UTC, so that IDs sort by time.
const layout = "20060102T150405Z"

// New makes the ID of a run that begins now: its start, and a few random digits.
func New(start time.Time) string {
	var b [3]byte
	rand.Read(b[:])
	return start.UTC().Format(layout) + "-" + hex.EncodeToString(b[:])
}

// Start returns when a run began, to the second; the error says that the text
// is no ID that New has made.
func Start(id string) (time.Time, error) {
	text, _, _ := strings.Cut(id, "-")
	return time.Parse(layout, text)
}
