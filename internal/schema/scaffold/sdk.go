package scaffold

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const modules = "github.com/aws/aws-sdk-go-v2/service/"

// sdk is a service of the SDK, as its source declares it.
type sdk struct {
	name    string // of the package: ec2
	version string
	dir     string
	structs map[string][]field // of its package types
	global  bool               // one endpoint for the partition
	signing string             // what requests are signed for, which is mostly the prefix of IAM actions
}

type field struct {
	name, typ, doc string
}

// operation is an API call of a service.
type operation struct {
	name   string
	in     []field
	out    []field
	pager  bool
	pageBy string // input field with the size of a page; "" where there is none
}

// readSDK finds the service's module at the version that the go.mod in root requires.
func readSDK(root, service string) (*sdk, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9]*$`).MatchString(service) {
		return nil, fmt.Errorf("-service %q: expected the name of a package of the SDK, such as ec2", service)
	}
	var stderr bytes.Buffer
	list := exec.Command("go", "list", "-m", "-json", modules+service)
	list.Dir, list.Stderr = root, &stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("-service %q: go.mod requires no module %s%s (if this is its name: go get %[2]s%[3]s): %s",
			service, modules, service, strings.TrimSpace(stderr.String()))
	}
	var module struct{ Dir, Version string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, fmt.Errorf("read the answer of go list -m: %w", err)
	}
	if module.Dir == "" {
		return nil, fmt.Errorf("-service %q: %s%s %s is not downloaded: run go mod download", service, modules, service, module.Version)
	}
	s := &sdk{name: service, version: module.Version, dir: module.Dir, structs: map[string][]field{}}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(s.dir, "types", "types.go"), nil, parser.SkipObjectResolution)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("read the types of %s: %w", service, err)
	}
	if err == nil {
		s.structs = structsOf(file)
	}
	if text, err := os.ReadFile(filepath.Join(s.dir, "internal", "endpoints", "endpoints.go")); err == nil {
		s.global = regexp.MustCompile(`IsRegionalized:\s+false,\s+PartitionEndpoint:\s+"aws-global"`).Match(text)
	}
	if text, err := os.ReadFile(filepath.Join(s.dir, "endpoints.go")); err == nil {
		if m := regexp.MustCompile(`signingName = "([^"]+)"`).FindSubmatch(text); m != nil {
			s.signing = string(m[1])
		}
	}
	return s, nil
}

func structsOf(file *ast.File) map[string][]field {
	all := map[string][]field{}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			if s, ok := t.Type.(*ast.StructType); ok {
				all[t.Name.Name] = fieldsOf(s)
			}
		}
	}
	return all
}

func fieldsOf(s *ast.StructType) []field {
	fields := []field{}
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			if name.IsExported() && name.Name != "ResultMetadata" {
				fields = append(fields, field{name.Name, types.ExprString(f.Type), strings.Join(strings.Fields(f.Doc.Text()), " ")})
			}
		}
	}
	return fields
}

// operation reads an API call; flag is what named it.
func (s *sdk) operation(flag, name string) (*operation, error) {
	path := filepath.Join(s.dir, "api_op_"+name+".go")
	text, err := os.ReadFile(path)
	if name == "" || os.IsNotExist(err) {
		return nil, fmt.Errorf("-%s %q: %s %s has no such operation%s", flag, name, s.name, s.version, s.alike(name))
	}
	if err != nil {
		return nil, fmt.Errorf("read the operation %s: %w", name, err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("read the operation %s: %w", name, err)
	}
	all := structsOf(file)
	o := &operation{
		name: name, in: all[name+"Input"], out: all[name+"Output"],
		pager: bytes.Contains(text, []byte("func New"+name+"Paginator(")),
	}
	if o.in == nil || o.out == nil {
		return nil, fmt.Errorf("-%s %q: expected types %[2]sInput and %[2]sOutput in %s", flag, name, path)
	}
	if m := regexp.MustCompile(`params\.(\w+) = (?:&?)limit\b`).FindSubmatch(text); m != nil && o.pager {
		o.pageBy = string(m[1])
	} else if _, ok := find(o.in, "PageSize"); ok && o.pager {
		o.pageBy = "PageSize" // of an operation whose paginator has no limit
	}
	return o, nil
}

// alike proposes operations that read, for a name that none has.
func (s *sdk) alike(name string) string {
	files, _ := filepath.Glob(filepath.Join(s.dir, "api_op_*.go"))
	for part := strings.ToLower(afterVerb(name)); len(part) > 3; part = part[:len(part)-1] {
		var found []string
		for _, f := range files {
			have := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "api_op_"), ".go")
			if reads(have) && strings.HasPrefix(strings.ToLower(afterVerb(have)), part) && len(found) < 5 {
				found = append(found, have)
			}
		}
		if len(found) > 0 {
			return "; expected one such as " + strings.Join(found, ", ")
		}
	}
	return "; expected its name as the API reference writes it, such as DescribeVolumes"
}

func reads(operation string) bool { return afterVerb(operation) != operation }

// afterVerb is what an operation is about.
func afterVerb(operation string) string {
	for _, verb := range []string{"BatchGet", "Describe", "List", "Get"} {
		if rest, ok := strings.CutPrefix(operation, verb); ok {
			return rest
		}
	}
	return operation
}

func find(fields []field, name string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

// required are the inputs that a call cannot do without, but for the size of a page.
func (o *operation) required() []field {
	return slices.DeleteFunc(slices.Clone(o.in), func(f field) bool {
		return !strings.Contains(f.doc, "This member is required.") || f.name == o.pageBy
	})
}

// list is a field of an answer that holds items, which may be one step down.
type list struct {
	path string // Clusters, or DistributionList.Items
	elem string // name in the package types, or "" for strings
}

func (l list) String() string {
	if l.elem == "" {
		return l.path + " []string"
	}
	return l.path + " []types." + l.elem
}

// failures are lists of what went wrong, next to that of the items.
var failures = regexp.MustCompile(`(?i)fail|error|unprocessed|warning|invalid|notfound`)

// lists are the fields of an answer that may hold its items. Lists of structs come before lists of names, and those of the
// answer itself before those one step down.
func (s *sdk) lists(o *operation) []list {
	direct, nested := s.within(o.out, "", "types."), []list{}
	for _, f := range o.out {
		if inner, ok := strings.CutPrefix(f.typ, "*types."); ok {
			nested = append(nested, s.within(s.structs[inner], f.name+".", "")...)
		}
	}
	for _, found := range [][]list{direct, nested} {
		items := slices.DeleteFunc(slices.Clone(found), func(l list) bool { return l.elem == "" })
		if len(items) > 0 {
			return items
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

func (s *sdk) within(fields []field, path, qualifier string) []list {
	var found []list
	for _, f := range fields {
		if failures.MatchString(f.name) {
			continue
		}
		if f.typ == "[]string" {
			found = append(found, list{path: path + f.name})
		}
		elem, ok := strings.CutPrefix(f.typ, "[]"+qualifier)
		if _, known := s.structs[elem]; ok && known {
			found = append(found, list{path + f.name, elem})
		}
	}
	return found
}

var largest = []*regexp.Regexp{
	regexp.MustCompile(`between [\d,]+ and ([\d,]+)`),
	regexp.MustCompile(`from [\d,]+ (?:to|through) ([\d,]+)`),
	regexp.MustCompile(`maximum(?: allowed)?(?: value| number| page size)?(?: is| of|:|,)?(?: value of| set to)? ([\d,]+)`),
	regexp.MustCompile(`(?:up to|at most|not exceed|not be (?:larger|greater|more) than|no (?:larger|greater|more) than|less than or equal to) (?:a maximum of )?([\d,]+)`),
	regexp.MustCompile(`valid (?:range|values?)(?: is| are)?:? ?[\d,]+ ?(?:-|to) ?([\d,]+)`),
}

// most is the largest page that the SDK's documentation of its size speaks of, 0 where it does not.
func most(doc string) int {
	doc = strings.ToLower(doc)
	for _, pattern := range largest {
		n := 0
		for _, m := range pattern.FindAllStringSubmatch(doc, -1) {
			value, err := strconv.Atoi(strings.ReplaceAll(strings.TrimRight(m[1], ","), ",", ""))
			if err == nil {
				n = max(n, value)
			}
		}
		if n > 0 {
			return n
		}
	}
	return 0
}

// gone is the error code that says that a thing is not there any more, "" where that is not plain, and the codes that it
// was chosen from.
func (s *sdk) gone(noun string) (code string, from []string) {
	text, err := os.ReadFile(filepath.Join(s.dir, "types", "errors.go"))
	if err != nil {
		return "", nil
	}
	var codes []string
	for _, m := range regexp.MustCompile(`ErrorCode\(\) string \{[^"]*return "(\w*(?:NotFound|NoSuch)\w*)"`).FindAllSubmatch(text, -1) {
		codes = append(codes, string(m[1]))
	}
	for _, code := range codes {
		if strings.HasPrefix(code, noun+"NotFound") || strings.HasSuffix(code, "NoSuch"+noun) {
			return code, codes
		}
	}
	switch {
	case slices.Contains(codes, "ResourceNotFoundException"):
		return "ResourceNotFoundException", codes
	case len(codes) == 1:
		return codes[0], codes
	}
	return "", codes
}

// noun is a type's name without what SDKs add to it.
func noun(typ string) string {
	for _, suffix := range []string{"ListEntry", "ListMember", "ListItem", "SummaryListItem", "Summary", "Details", "Detail", "Description", "Metadata", "Information", "Identity", "Info", "Entry", "Item", "Type", "Configuration"} {
		if short, ok := strings.CutSuffix(typ, suffix); ok && short != "" {
			if strings.HasPrefix(suffix, "List") {
				short = strings.TrimSuffix(short, "s")
			}
			return short
		}
	}
	return typ
}

// named finds the field of a thing that holds its ARN, ID or name.
func named(fields []field, noun string, kinds ...string) string {
	is := func(name string) bool {
		f, ok := find(fields, name)
		return ok && f.typ == "*string"
	}
	for _, kind := range kinds {
		if is(noun + kind) {
			return noun + kind
		}
	}
	for _, kind := range kinds {
		for _, f := range fields {
			if prefix, ok := strings.CutSuffix(f.name, kind); ok && prefix != "" && strings.HasSuffix(noun, prefix) && is(f.name) {
				return f.name
			}
		}
	}
	for _, kind := range kinds {
		if is(kind) {
			return kind
		}
	}
	return ""
}
