// Package scaffold writes the declaration of a new table from the source of the
// SDK: what is called, how large a page is, what an item is. What it cannot
// know it guesses, and says so.
package scaffold

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Table is what the author says about a new table.
type Table struct {
	Name       string // aws_ec2_egress_only_internet_gateways
	Service    string // package of the SDK: ec2
	List       string // operation that lists its rows, or their names
	Field      string // of the answer, where several hold lists
	Page       int    // its largest page; what the SDK's documentation says where it is 0
	DescribeBy string // operation that describes one name
	Describe   string // one sentence: what a row is
	Key        string // columns; a guess where it is empty
	ARN        string // source of the ARN; a guess where it is empty
}

// Plan is what a new table adds to the module.
type Plan struct {
	Files  []File
	Key    string
	ARN    string
	Checks []string // what its author has to look at

	root string
}

// File is a file as it is to be.
type File struct {
	Path string // slash-separated, from the module's root
	Text []byte
	Was  []byte // nil for a new one
}

var tableName = regexp.MustCompile(`^aws_([a-z][a-z0-9]*)_([a-z][a-z0-9]*(?:_[a-z0-9]+)*)$`)

// New plans a table of the module in root. It writes nothing.
func New(root string, t Table) (*Plan, error) {
	parts := tableName.FindStringSubmatch(t.Name)
	if parts == nil {
		return nil, fmt.Errorf("table %q: expected a name such as aws_ec2_volumes, in small letters: aws, the service, the things in plural", t.Name)
	}
	if strings.TrimSpace(t.Describe) == "" {
		return nil, fmt.Errorf(`-describe %q: expected one sentence that says what a row is, such as "EBS volumes."`, t.Describe)
	}
	prefix, things := parts[1], parts[2]
	sdk, err := readSDK(root, t.Service)
	if err != nil {
		if known, _ := packageOf(root, t.Service); known != "" {
			return nil, fmt.Errorf("-service %q: expected the SDK's package, which is %q for tables called aws_%s_…", t.Service, known, t.Service)
		}
		return nil, err
	}
	svc, err := readService(root, t.Service)
	if err != nil {
		return nil, err
	}
	if svc.exists && svc.prefix != prefix {
		return nil, fmt.Errorf("table %q: expected a name that begins with aws_%s_, as %s calls its tables", t.Name, svc.prefix, svc.dir)
	}
	if !svc.exists {
		other, err := packageOf(root, prefix)
		if err != nil {
			return nil, err
		}
		if other != "" {
			return nil, fmt.Errorf("table %q: extract/%s exists and has the tables called aws_%s_…: expected another name for those of %s", t.Name, other, prefix, t.Service)
		}
	}
	if svc.tables[t.Name] {
		return nil, fmt.Errorf("table %q: %s exists and declares it", t.Name, svc.dir)
	}
	schema := "schemas/" + t.Name + ".v1.json"
	path := svc.dir + "/" + fileName(things)
	if !svc.exists {
		path = svc.dir + "/" + t.Service + ".go"
	}
	for _, p := range []string{schema, path} {
		there, err := exists(root, p)
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", p, err)
		}
		if there {
			return nil, fmt.Errorf("table %q: %s exists; nothing is overwritten", t.Name, p)
		}
	}
	d := &declaration{table: t, sdk: sdk, service: svc, things: things, prefix: prefix}
	if err := d.read(); err != nil {
		return nil, err
	}
	text, err := d.file()
	if err != nil {
		return nil, err
	}
	plan := &Plan{root: root, Key: d.key, ARN: d.arn, Files: []File{{Path: path, Text: text}}}
	if svc.exists {
		err = plan.edit(svc.listed, func(was []byte) ([]byte, error) { return withCollector(svc.listed, was, d.variable) })
	} else {
		err = plan.edit("extract/all/all.go", func(was []byte) ([]byte, error) { return withService(was, t.Service) })
	}
	if err != nil {
		return nil, err
	}
	plan.Checks = d.checks
	return plan, nil
}

func (p *Plan) edit(path string, change func([]byte) ([]byte, error)) error {
	was, err := os.ReadFile(filepath.Join(p.root, filepath.FromSlash(path)))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	text, err := change(was)
	if err != nil {
		return err
	}
	p.Files = append(p.Files, File{path, text, was})
	return nil
}

// Overlay writes the plan to dir, for the go command's flag -overlay. The
// module itself stays as it is.
func (p *Plan) Overlay(dir string) (string, error) {
	root, err := filepath.Abs(p.root)
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	replace := map[string]string{}
	for _, f := range p.Files {
		to := filepath.Join(dir, strings.ReplaceAll(f.Path, "/", "_"))
		if err := os.WriteFile(to, f.Text, 0o644); err != nil {
			return "", fmt.Errorf("write the overlay: %w", err)
		}
		replace[filepath.Join(root, filepath.FromSlash(f.Path))] = to
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	return name, nil
}

// Write writes all files of the plan, or none.
func (p *Plan) Write() error {
	for i, f := range p.Files {
		if err := p.write(f); err != nil {
			for _, done := range p.Files[:i] {
				p.undo(done)
			}
			return err
		}
	}
	return nil
}

func (p *Plan) write(f File) error {
	path := filepath.Join(p.root, filepath.FromSlash(f.Path))
	if f.Was == nil {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make the directory of %s: %w", f.Path, err)
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			p.undoDir(f)
			return fmt.Errorf("make %s: %w", f.Path, err)
		}
		_, err = file.Write(f.Text)
		if closed := file.Close(); err == nil {
			err = closed
		}
		if err != nil {
			p.undo(f)
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		return nil
	}
	now, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	if string(now) != string(f.Was) {
		return fmt.Errorf("%s changed meanwhile: nothing is written; run the command again", f.Path)
	}
	beside, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", f.Path, err)
	}
	defer os.Remove(beside.Name())
	_, err = beside.Write(f.Text)
	if err == nil {
		err = beside.Chmod(0o644)
	}
	if closed := beside.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(beside.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.Path, err)
	}
	return nil
}

// undo takes back a file that is written. What it cannot take back shows in the
// version control.
func (p *Plan) undo(f File) {
	path := filepath.Join(p.root, filepath.FromSlash(f.Path))
	if f.Was != nil {
		_ = os.WriteFile(path, f.Was, 0o644)
		return
	}
	_ = os.Remove(path)
	p.undoDir(f)
}

// undoDir removes the directory of a new package, which is empty by then.
func (p *Plan) undoDir(f File) {
	_ = os.Remove(filepath.Dir(filepath.Join(p.root, filepath.FromSlash(f.Path))))
}
