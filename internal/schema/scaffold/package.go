package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// service is the package below extract/ that collects a service.
type service struct {
	dir      string // slash-separated, from the module's root
	exists   bool
	prefix   string // in table names: elbv2
	declares map[string]bool
	page     int // what its variable page holds; 0 where it has none
	scopes   []string
	listed   string // file that declares Collectors
	tables   map[string]bool
}

func readService(root, name string) (*service, error) {
	s := &service{dir: "extract/" + name, declares: map[string]bool{}, tables: map[string]bool{}}
	paths, err := filepath.Glob(filepath.Join(root, "extract", name, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", s.dir, err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.dir, err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.dir, err)
		}
		s.exists = true
		s.read(file, s.dir+"/"+filepath.Base(path), text)
	}
	if s.exists && (s.prefix == "" || s.listed == "") {
		return nil, fmt.Errorf("%s: expected it to declare `service`, an extract.Service with a Name, and Collectors", s.dir)
	}
	return s, nil
}

var (
	pageOf  = regexp.MustCompile(`(?m)^var page = aws\.Int32\((\d+)\)`)
	scopeOf = regexp.MustCompile(`\.In\(extract\.(\w+)\)`)
	tableIn = regexp.MustCompile(`"(aws_\w+)"`)
)

func (s *service) read(file *ast.File, path string, text []byte) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				s.declares[d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					s.declares[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						s.declares[name.Name] = true
						switch name.Name {
						case "service":
							s.prefix = nameIn(spec)
						case "Collectors":
							s.listed = path
						}
					}
				}
			}
		}
	}
	if m := pageOf.FindSubmatch(text); m != nil {
		s.page, _ = strconv.Atoi(string(m[1]))
	}
	for _, m := range tableIn.FindAllSubmatch(text, -1) {
		s.tables[string(m[1])] = true
	}
	for _, m := range scopeOf.FindAllSubmatch(text, -1) {
		if scope := string(m[1]); !slices.Contains(s.scopes, scope) {
			s.scopes = append(s.scopes, scope)
		}
	}
}

// nameIn finds the Name in the ServiceInfo of a service.
func nameIn(spec *ast.ValueSpec) string {
	name := ""
	ast.Inspect(spec, func(n ast.Node) bool {
		kv, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		key, _ := kv.Key.(*ast.Ident)
		value, _ := kv.Value.(*ast.BasicLit)
		if key != nil && key.Name == "Name" && value != nil && value.Kind == token.STRING && name == "" {
			name, _ = strconv.Unquote(value.Value)
		}
		return true
	})
	return name
}

// packageOf finds the package of tables with a prefix, "" where there is none.
func packageOf(root, prefix string) (string, error) {
	dirs, err := os.ReadDir(filepath.Join(root, "extract"))
	if err != nil {
		return "", fmt.Errorf("list extract: %w", err)
	}
	for _, d := range dirs {
		if !d.IsDir() || d.Name() == "all" {
			continue
		}
		if s, err := readService(root, d.Name()); err == nil && s.exists && s.prefix == prefix {
			return d.Name(), nil
		}
	}
	return "", nil
}

// identifier returns a name that the package, its imports and Go leave free.
func (s *service) identifier(want, suffix string, taken ...string) string {
	for s.declares[want] || slices.Contains(taken, want) || token.IsKeyword(want) {
		want += suffix
	}
	return want
}

// fileName is that of the file for a table, which must not read like a build constraint: maintenance_windows.go would be one.
func fileName(table string) string {
	last := table[strings.LastIndex(table, "_")+1:]
	if constraints[last] {
		table = strings.ReplaceAll(table, "_", "")
	}
	if constraints[table] {
		table += "list"
	}
	return table + ".go"
}

var constraints = map[string]bool{"test": true, "windows": true, "linux": true, "darwin": true, "android": true, "ios": true, "js": true, "wasm": true, "arm": true, "solaris": true, "plan9": true, "hurd": true, "zos": true}

// withCollector returns the text of a Go file whose variable Collectors has one more.
func withCollector(path string, text []byte, name string) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var value ast.Expr
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 && v.Names[0].Name == "Collectors" {
			value = v.Values[0]
		}
		return value == nil
	})
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	switch v := value.(type) {
	case *ast.CompositeLit:
		return appended(text, at(v.Lbrace), at(v.Rbrace), name)
	case *ast.CallExpr:
		if last, ok := lastArg(v).(*ast.CompositeLit); ok {
			return appended(text, at(last.Lbrace), at(last.Rbrace), name)
		}
		return appended(text, at(v.Lparen), at(v.Rparen), "[]extract.Collector{"+name+"}")
	}
	return nil, fmt.Errorf("%s: expected Collectors to be a list of collectors, or slices.Concat of lists", path)
}

func lastArg(c *ast.CallExpr) ast.Expr {
	if len(c.Args) == 0 {
		return nil
	}
	return c.Args[len(c.Args)-1]
}

// withService returns the text of extract/all/all.go with one service more.
func withService(text []byte, name string) ([]byte, error) {
	const path = "extract/all/all.go"
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var list *ast.CallExpr
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 && v.Names[0].Name == "Collectors" {
			list, _ = v.Values[0].(*ast.CallExpr)
		}
		return list == nil
	})
	if list == nil || len(file.Imports) == 0 {
		return nil, fmt.Errorf("%s: expected imports, and Collectors made by a call", path)
	}
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	text, err = appended(text, at(list.Lparen), at(list.Rparen), name+".Collectors")
	if err != nil {
		return nil, err
	}
	last := at(file.Imports[len(file.Imports)-1].End())
	return format.Source(slices.Concat(text[:last], []byte("\n\t\"stocktake/extract/"+name+"\""), text[last:]))
}

// appended puts one more item into a list between two brackets, on a line of its own where the others have theirs.
func appended(text []byte, open, end int, item string) ([]byte, error) {
	inside := text[open+1 : end]
	switch trimmed := bytes.TrimSpace(inside); {
	case bytes.HasSuffix(inside, []byte("\n")) || bytes.HasSuffix(bytes.TrimRight(inside, "\t "), []byte("\n")):
		item = "\t" + item + ",\n"
	case len(trimmed) > 0:
		item = ", " + item
	}
	return format.Source(slices.Concat(text[:end], []byte(item), text[end:]))
}

func exists(root, path string) (bool, error) {
	_, err := os.Lstat(filepath.Join(root, filepath.FromSlash(path)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
