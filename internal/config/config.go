// Package config knows the configuration file: its keys, what each may hold,
// where a value stands in the file, and which values are secret. It must not
// know AWS clients, nor which tables exist: what a `collect` pattern may name
// is asked of the caller.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// File is a configuration with every default filled in.
type File struct {
	Path          string `json:"-"` // as given
	Dir           string `json:"-"` // absolute; relative paths in the file start here
	Warehouse     string // absolute
	Spool         string // absolute
	Simulation    *Simulation
	Sources       []Source
	Concurrency   Concurrency
	Rates         map[string]Rate // by service ("ec2") or operation ("ec2:DescribeInstances")
	Retry         Retry
	Carry         Carry
	AcceptBlocked bool
	Redact        string // "" or "personal"
}

// Simulation asks for the simulated organization in place of AWS.
type Simulation struct {
	Seed      int64
	Accounts  int
	Regions   int
	Scale     float64
	Partition string
	Faults    bool
}

// Source is one way into AWS: exactly one of Keys, Role, Roles and
// Organization is set.
type Source struct {
	Name          string
	Contact       string
	Console       string
	Activate      bool
	Credentials   *Keys // base identity of the hops; nil is the SDK's default chain
	Keys          *Keys
	Role          *Role
	Roles         []Role
	Organization  *Organization
	ExternalID    Secret `json:",omitempty"` // Load has copied it to the hops of Roles that had none
	Regions       Regions
	HomeRegion    string // Load fills it in, so it also tells the partition
	Collect       []string
	IdentityStore *IdentityStore
}

// Keys are credentials; the zero value is the SDK's default chain. Secrets are
// left out of the JSON when empty, so that Hash sees whether they are there.
type Keys struct {
	Profile         string
	AccessKeyID     Secret `json:",omitempty"`
	SecretAccessKey Secret `json:",omitempty"`
	SessionToken    Secret `json:",omitempty"`
	Account         string // the account they are expected to belong to, or ""
}

// Role is reached over one or more hops. Account is that of the last hop.
type Role struct {
	Hops              []Hop
	WholeOrganization bool
	Account           string
}

// Hop is one role to assume.
type Hop struct {
	RoleARN     string
	ExternalID  Secret `json:",omitempty"`
	SessionName string
	Duration    time.Duration
}

// Organization lists its accounts through Discovery and enters each through
// the role MemberRole.
type Organization struct {
	Discovery   *Discovery
	MemberRole  string
	ExternalID  Secret `json:",omitempty"`
	SessionName string
	Duration    time.Duration
	Accounts    AccountFilter
}

// Discovery is the identity that lists the accounts. Without Hops the
// credentials do it themselves.
type Discovery struct {
	Credentials *Keys
	Hops        []Hop
}

// AccountFilter narrows the accounts of an organization.
type AccountFilter struct {
	Include []string // account IDs
	Exclude []string // account IDs
	Units   []string // roots and organizational units
}

// Regions is either all that an account has enabled, or a list of names.
type Regions struct {
	All   bool
	Names []string
}

// IdentityStore names a store that need not be searched for.
type IdentityStore struct {
	ID     string
	Region string
}

// Concurrency bounds what runs at the same time.
type Concurrency struct {
	Accounts   int
	Units      int
	PerService int // calls in flight per account, region and service
	S3         int
}

// Rate is a token bucket.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Retry bounds the attempts of one call.
type Retry struct {
	MaxAttempts int
	MaxBackoff  time.Duration
	Timeout     time.Duration // of one attempt
}

// Carry says how long rows of units that fail are kept.
type Carry struct {
	MaxAge time.Duration
}

// maxBytes is far above thousands of roles, and keeps a wrong path (a disk
// image, a Parquet file) from being parsed.
const maxBytes = 1 << 20

// Load reads the file. Everything wrong with its content is returned at once
// as *Errors. checkCollect says whether a pattern of `collect` names anything;
// nil accepts all.
func Load(path string, checkCollect func(pattern string) error) (*File, error) {
	text, mode, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("find the folder of the configuration: %w", err)
	}
	f := &File{Path: path, Dir: dir}
	r := newReader(path, mode, checkCollect)
	if root := r.parse(text); root != nil {
		r.mapping(root, "", fileShape(f))
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return f, nil
}

func readFile(path string) (string, fs.FileMode, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer in.Close()
	// The mode is that of the open file: the path may change hands in between.
	info, err := in.Stat()
	if err != nil {
		return "", 0, err
	}
	text, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return "", 0, err
	}
	if len(text) > maxBytes {
		return "", 0, fmt.Errorf("%s: found more than %d bytes, expected a YAML file", path, maxBytes)
	}
	return string(text), info.Mode(), nil
}

const (
	fileName     = "stocktake.yaml"
	fileVariable = "STOCKTAKE_CONFIG"
)

// Find chooses the configuration file: the flag, else the environment, else
// the one in the working directory.
func Find(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if path := os.Getenv(fileVariable); path != "" {
		return path, nil
	}
	if _, err := os.Stat(fileName); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("find configuration: no flag, no $%s, and no %s in the working directory", fileVariable, fileName)
	} else if err != nil {
		return "", fmt.Errorf("find configuration: %w", err)
	}
	return fileName, nil
}

// Hash identifies what the file says, defaults included: two files of one hash
// ask for the same run. It tells that a secret is there, not which, and does
// not depend on where the file is, but for the paths it names.
func (f *File) Hash() string {
	text, err := json.Marshal(f)
	if err != nil {
		panic(fmt.Sprintf("encode configuration: %v", err)) // only numbers that Load refuses get here
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Partition of a source that Load has read.
func (s Source) Partition() string { return partitionOf(s.HomeRegion) }

// MemberRoleARN is the role to assume in a member account.
func (o Organization) MemberRoleARN(partition, account string) string {
	name := strings.NewReplacer("{account_id}", account, "{partition}", partition).Replace(o.MemberRole)
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return roleARN(partition, account, name)
}

func roleARN(partition, account, name string) string {
	return "arn:" + partition + ":iam::" + account + ":role/" + strings.TrimPrefix(name, "/")
}
