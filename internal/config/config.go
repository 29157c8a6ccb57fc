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

// File is a configuration with every default filled in. What changes neither
// the rows of a run nor the place they go to is left out of the JSON, and so
// of Hash.
type File struct {
	Path          string `json:"-"` // as given
	Dir           string `json:"-"` // absolute; relative paths in the file start here
	Warehouse     string // an absolute folder, or s3://BUCKET/PREFIX without a slash at the end
	Output        Output // of a warehouse on S3
	Spool         string `json:"-"` // absolute
	Simulation    *Simulation
	Sources       []Source
	Concurrency   Concurrency     `json:"-"`
	Rates         map[string]Rate `json:"-"` // by service ("ec2") or operation ("ec2:DescribeInstances")
	Retry         Retry           `json:"-"`
	Carry         Carry
	AcceptBlocked bool
	Redact        string        // "" or "personal"
	Keep          *Keep         `json:"-"` // nil keeps every snapshot
	Schedule      *Schedule     `json:"-"` // nil is no schedule
	Alerts        Alerts        `json:"-"`
	MaxDuration   time.Duration `json:"-"` // of a run; 0 is without limit
	FullPull      time.Duration `json:"-"` // how often tables that are pulled incrementally are pulled as a whole
	CloudTrail    CloudTrail
	ECR           ECR
	Metrics       Metrics
	// ExternalIDs is the file of external IDs, absolute, or "".
	ExternalIDs       string `json:"-"`
	RequireExternalID bool   `json:"-"` // refuse roles without one
	HTTPFS            string `json:"-"` // DuckDB's extension for S3, absolute; "" is the standard places
}

// CloudTrail says which events of CloudTrail are read.
type CloudTrail struct {
	LookBack time.Duration `json:"-"` // of the first run; later ones go on where the last has ended
	ReadOnly bool          // events that only read, too
}

// ECR says of which images in ECR the scans are read.
type ECR struct {
	Newest int // of each repository; 0 is all
}

// Metrics says which metrics of CloudWatch are read.
type Metrics struct {
	List       string               `json:"-"` // file with the list in place of the built-in one, absolute; "" is that
	Namespaces map[string]Namespace // the list, by namespace
	LookBack   time.Duration        `json:"-"` // of the first run; later ones go on where the last has ended
}

// Output says how a warehouse on S3 is written and read. It is the zero value
// for a folder.
type Output struct {
	Mode         string `json:"-"` // "full", or "drop" for an identity that may put and nothing else
	Region       string
	Endpoint     string            // of an S3 server that is not AWS's, or ""
	PathStyle    bool              `json:"-"`
	Encryption   string            `json:"-"` // "", "none", "AES256" or "aws:kms"; "" leaves it to the bucket
	KMSKey       string            `json:"-"`
	BucketKey    bool              `json:"-"`
	BucketOwner  string            `json:"-"` // the account that the bucket must belong to, or ""
	StorageClass string            `json:"-"`
	Tags         map[string]string `json:"-"`
	Credentials  *Keys             `json:"-"` // base identity of the hops; nil is the SDK's default chain
	Hops         []Hop             `json:"-"`
}

// Keep is how many snapshots stay: the last one of so many days, weeks and
// months.
type Keep struct {
	Daily, Weekly, Monthly int
}

// Schedule says when stocktake runs by itself.
type Schedule struct {
	TimeZone string
	Jitter   time.Duration
	CatchUp  time.Duration // how late a missed run is made up for; 0 is never
	Listen   string        // address of health and metrics, or ""
	Jobs     []Job         // at least one, with what the schedule says for all of them
}

// Job is a run that is started by the clock.
type Job struct {
	Name     string
	Cron     string // five fields, or a word such as @daily
	TimeZone string
	Jitter   time.Duration
	Sources  []string // names; none is all
	Collect  []string // narrows what the sources collect; none does not
}

// Alerts say who hears of a run that needs someone, and when.
type Alerts struct {
	Email       *Email
	Webhook     *Webhook
	FailedCalls float64       // share of the calls, from 0 to 1
	Stale       time.Duration // age of the last good run
}

// Email is a way to send alerts.
type Email struct {
	Host     string
	Port     int
	TLS      string // "starttls", "tls" or "none"
	Username string
	Password Secret `json:",omitempty"`
	From     string
	To       []string
}

// Webhook is a way to send alerts. URLs of chat systems are secrets themselves.
type Webhook struct {
	URL   Secret `json:",omitempty"`
	Token Secret `json:",omitempty"` // sent as "Authorization: Bearer"
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
	Name              string
	Contact           string
	Console           string
	Activate          bool
	Credentials       *Keys // base identity of the hops; nil is the SDK's default chain
	Keys              *Keys
	Role              *Role
	Roles             []Role
	Organization      *Organization
	ExternalID        Secret `json:",omitempty"` // Load has copied it to the hops of Roles that had none
	Regions           Regions
	HomeRegion        string // Load fills it in, so it also tells the partition
	Collect           []string
	IdentityStore     *IdentityStore
	OrganizationViews []string // services whose view of the organization is read in place of the accounts' own
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
	ExternalIDs       ExternalIDs `json:",omitempty"` // of the members of a whole organization, from the file
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
	ExternalID  Secret      `json:",omitempty"` // of all accounts
	ExternalIDs ExternalIDs `json:",omitempty"` // from the file, where there is no ExternalID
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
	return LoadWith(path, "", checkCollect)
}

// LoadWith is Load with a file of external IDs in place of the one that the
// configuration names; "" is that one.
func LoadWith(path, externalIDs string, checkCollect func(pattern string) error) (*File, error) {
	if externalIDs == "" {
		return loadWith(path, checkCollect, nil)
	}
	file, err := filepath.Abs(externalIDs)
	if err != nil {
		return nil, fmt.Errorf("find the file of external IDs: %w", err)
	}
	return loadWith(path, checkCollect, func(_ *reader, f *File) { f.ExternalIDs = file })
}

// loadWith calls before with the file once its own keys are read, ahead of the
// files that it names.
func loadWith(path string, checkCollect func(pattern string) error, before func(*reader, *File)) (*File, error) {
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
	r.before = before
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

// Hash identifies the run that the file asks for, defaults included: two files
// of one hash ask for the same rows in the same place, as fast or slowly and
// with as many attempts as they like. It tells that a secret is there, not
// which, and does not depend on where the file is, but for a warehouse whose
// path is relative.
func (f *File) Hash() string {
	text, err := json.Marshal(f)
	if err != nil {
		panic(fmt.Sprintf("encode configuration: %v", err)) // only numbers that Load refuses get here
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// OnS3 says whether the warehouse is on S3.
func (f *File) OnS3() bool { return strings.HasPrefix(f.Warehouse, "s3://") }

// WriteOnly says whether the output may be written and not read.
func (f *File) WriteOnly() bool { return f.Output.Mode == drop }

// Partition of a source that Load has read.
func (s Source) Partition() string { return partitionOf(s.HomeRegion) }

// Members is how the accounts of a whole organization are entered: each through
// a role of the last hop's name.
func (role Role) Members() *Organization {
	last := role.Hops[len(role.Hops)-1]
	_, name, _ := strings.Cut(last.RoleARN, ":role/")
	o := &Organization{MemberRole: name, ExternalID: last.ExternalID, ExternalIDs: role.ExternalIDs, SessionName: last.SessionName, Duration: last.Duration}
	if role.ExternalIDs != nil {
		o.ExternalID = "" // the hop's is that of its own account
	}
	return o
}

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
