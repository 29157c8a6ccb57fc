package query

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A File is a query kept in a file. It begins with comment lines that say what it is:
//
//	-- title: Security groups open to the world
//	-- description: Every rule that lets any address in,
//	--   with the instances behind it.
//	-- param: port = 22  the port that must not be reachable
//
// A default may be in single quotes, for one that is empty or has two spaces in it.
type File struct {
	Name        string
	Title       string
	Description string // one line
	Params      []Param
	SQL         string // the whole text, so that DuckDB's line numbers are those of the file
}

// A Param is a parameter $Name of a query.
type Param struct {
	Name        string
	Default     string
	Description string
}

// ParseFile reads a query file. The name is for messages and for File.Name.
func ParseFile(name string, text []byte) (File, error) {
	p := &fileParser{file: File{Name: name, SQL: string(text)}}
	for i, line := range strings.Split(string(text), "\n") {
		comment, ok := strings.CutPrefix(strings.TrimRight(line, "\r"), "--")
		if !ok {
			break
		}
		if err := p.header(comment); err != nil {
			return File{}, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	if p.file.Title == "" {
		return File{}, fmt.Errorf("%s:1: the query has no title, expected a line \"-- title: …\" at the top", name)
	}
	if err := p.file.checkBody(); err != nil {
		return File{}, err
	}
	return p.file, nil
}

type fileParser struct {
	file         File
	described    bool
	continuation bool // the line before belongs to the description
}

func (p *fileParser) header(comment string) error {
	if more, ok := strings.CutPrefix(comment, "   "); ok && p.continuation {
		p.file.Description = strings.TrimSpace(p.file.Description + " " + strings.TrimSpace(more))
		return nil
	}
	p.continuation = false
	key, value, ok := strings.Cut(strings.TrimSpace(comment), ":")
	value = strings.TrimSpace(value)
	switch {
	case ok && key == "title":
		if p.file.Title != "" {
			return fmt.Errorf("a second title %q", value)
		}
		if value == "" {
			return errors.New("the title is empty")
		}
		p.file.Title = value
	case ok && key == "description":
		if p.described {
			return fmt.Errorf("a second description %q, expected a line that goes on to begin with \"--   \"", value)
		}
		p.file.Description, p.described, p.continuation = value, true, true
	case ok && key == "param":
		return p.param(value)
	default:
		return fmt.Errorf("%q, expected \"title: …\", \"description: …\" or \"param: …\" before the first line that is no comment",
			strings.TrimSpace(comment))
	}
	return nil
}

var paramLine = regexp.MustCompile(`^([a-z_][a-z0-9_]*)\s*=\s*(?:'((?:[^']|'')*)'|([^\s']\S*(?: \S+)*))(?:\s{2,}(\S.*))?$`)

func (p *fileParser) param(line string) error {
	m := paramLine.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("param %q, expected \"name = default  description\" with two spaces between the last two", line)
	}
	for _, other := range p.file.Params {
		if other.Name == m[1] {
			return fmt.Errorf("a second param %s", m[1])
		}
	}
	value := m[3]
	if value == "" {
		value = strings.ReplaceAll(m[2], "''", "'")
	}
	p.file.Params = append(p.file.Params, Param{Name: m[1], Default: value, Description: m[4]})
	return nil
}

// checkBody compares the parameters that the header declares with those the SQL uses.
func (f File) checkBody() error {
	used := map[string]bool{}
	all := tokens(f.SQL)
	for _, t := range all {
		if t.kind != param {
			continue
		}
		used[t.value] = true
		if !f.declares(t.value) {
			return fmt.Errorf("%s:%d: $%s has no line \"-- param: %s = default  description\"", f.Name, t.line, t.value, t.value)
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("%s: there is no SQL below the header", f.Name)
	}
	for _, declared := range f.Params {
		if !used[declared.Name] {
			return fmt.Errorf("%s: param %s is not used, expected $%s in the SQL", f.Name, declared.Name, declared.Name)
		}
	}
	return nil
}

func (f File) declares(name string) bool {
	for _, p := range f.Params {
		if p.Name == name {
			return true
		}
	}
	return false
}
