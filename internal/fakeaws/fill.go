package fakeaws

import (
	"fmt"
	"hash/fnv"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Values says what leaves hold that a type alone does not tell.
type Values struct {
	// Interfaces holds, for each union, a pointer to each of its members, and
	// for each document type a document.
	Interfaces []any
	// Text returns the text of a leaf that needs a form of its own; "" leaves
	// the plain one. ok false leaves the leaf empty.
	Text func(Leaf) (text string, ok bool)
	// Keys returns the keys of a map of text, where it is known which there are.
	Keys func(Leaf) []string
}

// Leaf is a field that holds text.
type Leaf struct {
	Service, Operation string
	Path               string // from the item, "Tags[0].Key"
	Name               string // the last field in it
	Index              int    // of the item, over all pages
	Plain              string // what it holds otherwise
}

// Item returns a value of type t with every field filled, as the index-th item.
func (v Values) Item(t reflect.Type, index int) (item reflect.Value, problems []string) {
	f := filler{values: v, index: index, items: 2}
	item = reflect.New(t).Elem()
	f.fill(item, at{})
	return item, f.problems
}

var (
	tokenFields = []string{
		"NextToken", "Marker", "NextMarker", "ContinuationToken", "NextContinuationToken", "PaginationToken",
		"StartRecordName", "StartRecordIdentifier", "NextRecordName", "NextRecordIdentifier", "ExclusiveStartTableName", "LastEvaluatedTableName",
	}
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

// tokenOf returns the page token in an input.
func tokenOf(in reflect.Value) string {
	for _, name := range tokenFields {
		if f := in.FieldByName(name); f.IsValid() && f.Type() == reflect.TypeFor[*string]() && !f.IsNil() {
			return f.Elem().String()
		}
	}
	return ""
}

func pageOf(token string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(token, "page-"))
	if err != nil {
		panic(fmt.Sprintf("page token %q: expected one that the fake has given", token))
	}
	return n
}

func hasToken(t reflect.Type) bool {
	return slices.ContainsFunc(tokenFields, func(name string) bool { _, ok := t.FieldByName(name); return ok })
}

// fillOutput fills the answer to a call. Items of equal position are equal in
// every operation that lists them; where the input names a parent they differ
// from those of other parents, and repeat its name.
func fillOutput(o Options, c *Call, out reflect.Value) (more bool, problems []string) {
	in := reflect.ValueOf(c.Input).Elem()
	f := filler{values: o.Values, service: c.Service, operation: c.Operation, items: 2, echo: map[string]string{}, asked: map[string][]string{}, only: map[reflect.Type]string{}}
	if o.Items != nil {
		f.items = o.Items(c)
	}
	var names []string
	f.parents(in, "", &names)
	f.kinds(in, out.Type(), &names)
	if len(names) > 0 {
		f.scope = fmt.Sprintf("-%08x", uint32(hash(strings.Join(names, "\n"))))
	}
	part := pagePart(out.Type())
	f.paginated = hasToken(in.Type()) && (part >= 0 || hasToken(out.Type()))
	if f.paginated {
		f.first = c.Page * 2
	}
	f.fill(out, at{output: true})
	more = f.paginated && c.Page+1 < pages
	if part >= 0 {
		out = out.Field(part).Elem()
	}
	page(out, more, c.Page+1)
	return more, f.problems
}

// pagePart is the field that tells of another page where the output itself does
// not; -1 where there is none.
func pagePart(out reflect.Type) int {
	if hasToken(out) {
		return -1
	}
	return slices.IndexFunc(reflect.VisibleFields(out), func(field reflect.StructField) bool {
		t := field.Type
		if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct || !hasToken(t.Elem()) {
			return false
		}
		_, ok := t.Elem().FieldByName("IsTruncated")
		return ok
	})
}

// parents collects the texts of the input, which name what is asked about.
func (f *filler) parents(in reflect.Value, path string, names *[]string) {
	for i := range in.NumField() {
		name, v := in.Type().Field(i).Name, in.Field(i)
		if v.Type() == reflect.TypeFor[[]string]() && path == "" && v.CanInterface() {
			f.asked[name] = v.Interface().([]string)
		}
		if v.Kind() != reflect.Pointer || v.IsNil() || slices.Contains(tokenFields, name) {
			continue
		}
		switch v.Elem().Kind() {
		case reflect.String:
			*names = append(*names, path+name+"="+v.Elem().String())
			if path == "" {
				f.echo[name] = v.Elem().String()
			}
		case reflect.Struct:
			f.parents(v.Elem(), path+name+".", names)
		}
	}
}

// kinds collects what kind of items the input asks for: values of enums that
// the items have a field of.
func (f *filler) kinds(in reflect.Value, out reflect.Type, names *[]string) {
	for i := range in.NumField() {
		v := in.Field(i)
		if v.Kind() != reflect.String || v.Len() == 0 || v.Type().PkgPath() == "" || !itemsHave(out, v.Type()) {
			continue
		}
		f.only[v.Type()] = v.String()
		*names = append(*names, in.Type().Field(i).Name+"="+v.String())
	}
}

// itemsHave reports whether items of an output have a field of a type.
func itemsHave(out, field reflect.Type) bool {
	for i := range out.NumField() {
		list := out.Field(i).Type
		if list.Kind() != reflect.Slice || elem(list).Kind() != reflect.Struct {
			continue
		}
		for j := range elem(list).NumField() {
			if elem(list).Field(j).Type == field {
				return true
			}
		}
	}
	return false
}

// page sets the fields of an output that say whether there is another page.
func page(out reflect.Value, more bool, next int) {
	for _, name := range tokenFields {
		if v := out.FieldByName(name); v.IsValid() && v.Type() == reflect.TypeFor[*string]() {
			v.SetZero()
			if more {
				token := fmt.Sprintf("page-%d", next)
				v.Set(reflect.ValueOf(&token))
			}
		}
	}
	for _, name := range []string{"IsTruncated", "Truncated"} {
		switch v := out.FieldByName(name); {
		case !v.IsValid():
		case v.Kind() == reflect.Bool:
			v.SetBool(more)
		case v.Type() == reflect.TypeFor[*bool]():
			v.Set(reflect.ValueOf(&more))
		}
	}
}

// filler makes up the values of one output or item.
type filler struct {
	values             Values
	service, operation string
	echo               map[string]string       // names of parents, by field
	asked              map[string][]string     // names of things to describe, by field
	only               map[reflect.Type]string // kind of items, by enum
	scope              string                  // tells values of different parents apart
	paginated          bool
	first              int    // position of the page's first item
	items              int    // length of outermost lists
	index              int    // of the item
	kind               string // of the item, as its type names it
	problems           []string
}

// at is where in an output a value stands.
type at struct {
	path   string // from the item
	name   string // of the field
	depth  int    // structs around it
	inList bool
	output bool // of the output itself
	types  []reflect.Type
}

func (a at) field(name string) at {
	a.output = false
	a.name, a.depth = name, a.depth+1
	if a.path != "" {
		name = a.path + "." + name
	}
	a.path = name
	return a
}

// fill sets v to a value that depends on its place alone.
func (f *filler) fill(v reflect.Value, a at) {
	t := v.Type()
	switch {
	case t == timeType:
		v.Set(reflect.ValueOf(f.time(a)))
		return
	case t == bytesType:
		v.SetBytes([]byte(f.bytes(a)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.String && f.leaf(v, a) {
			return
		}
		if slices.Contains(a.types, t.Elem()) {
			return // a recursion ends where it begins
		}
		v.Set(reflect.New(t.Elem()))
		f.fill(v.Elem(), a)
	case reflect.Struct:
		f.structure(v, a)
	case reflect.Slice:
		f.list(v, a)
	case reflect.Map:
		f.mapping(v, a)
	case reflect.Interface:
		f.dynamic(v, a)
	case reflect.String:
		v.SetString(f.text(t, a))
	case reflect.Bool:
		v.SetBool((f.number(a)+uint64(f.index))%2 == 0)
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(int64(f.number(a) % (1 << 31)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.number(a)%(1<<20)) + 0.5)
	default:
		f.problems = append(f.problems, fmt.Sprintf("%s: a value of Go kind %s is not known", a.path, v.Kind()))
	}
}

// leaf sets optional text, or leaves it out.
func (f *filler) leaf(v reflect.Value, a at) bool {
	if f.values.Text == nil {
		return false
	}
	_, ok := f.values.Text(f.describe(a))
	return !ok
}

func (f *filler) structure(v reflect.Value, a at) {
	t := v.Type()
	if slices.Contains(a.types, t) {
		return
	}
	a.types = append(slices.Clone(a.types), t)
	for i := range t.NumField() {
		field := t.Field(i)
		switch {
		case !field.IsExported() || field.Name == "ResultMetadata":
		case field.Anonymous:
			f.fill(v.Field(i), a)
		default:
			f.fill(v.Field(i), a.field(field.Name))
		}
	}
}

func (f *filler) list(v reflect.Value, a at) {
	n := 2
	outermost := !a.inList && a.depth > 0 && f.operation != "" && (f.paginated || a.depth == 1)
	if outermost {
		n = f.items
	}
	if item := elem(v.Type()); outermost && f.paginated && item.Kind() == reflect.Struct {
		n = f.below(kindOf(item.Name()), n)
	}
	a.inList = true
	if asked, id := f.askedFor(elem(v.Type()), a); len(asked) > 0 {
		f.described(v, a, asked, id)
		return
	}
	s := reflect.MakeSlice(v.Type(), n, n)
	index, kind := f.index, f.kind
	for i := range n {
		e := a
		if outermost && f.paginated {
			f.index = f.first + i
			if item := elem(v.Type()); item.Kind() == reflect.Struct {
				e.path, f.kind = "", kindOf(item.Name())
			}
		} else {
			e.path = fmt.Sprintf("%s[%d]", a.path, i)
		}
		f.fill(s.Index(i), e)
	}
	f.index, f.kind = index, kind
	v.Set(s)
}

// askedFor returns the names that the input asks about, if a list of the output
// has an item for each, and the field of the items that repeats them. The input
// has them in a field called like the list, or in one called like that field,
// with the list's name before it or without.
func (f *filler) askedFor(item reflect.Type, a at) (names []string, id string) {
	if a.depth != 1 || item.Kind() != reflect.Struct {
		return nil, ""
	}
	if names = f.asked[a.name]; len(names) > 0 {
		for _, suffix := range []string{"Arn", "Name", "Id"} {
			id = strings.TrimSuffix(a.name, "s") + suffix
			if field, ok := item.FieldByName(id); ok && field.Type == reflect.TypeFor[*string]() {
				return names, id
			}
		}
		return names, ""
	}
	for _, plural := range slices.Sorted(maps.Keys(f.asked)) {
		if strings.HasPrefix(plural, "Owner") {
			continue // whose they are, and not which
		}
		names, id := f.asked[plural], strings.TrimSuffix(strings.TrimSuffix(plural, "s"), "List")
		for _, id := range []string{id, strings.TrimPrefix(id, strings.TrimSuffix(a.name, "s"))} {
			if field, ok := item.FieldByName(id); ok && field.Type == reflect.TypeFor[*string]() {
				return names, id
			}
		}
	}
	return nil, ""
}

// below ends a tree of things of one kind at its second generation.
func (f *filler) below(kind string, n int) int {
	const leaf = "-leaf"
	for _, parent := range f.echo {
		switch {
		case !strings.HasPrefix(parent, strings.ToLower(plainChars.Replace(kind))):
		case strings.HasSuffix(parent, leaf):
			return 0
		default:
			f.scope += leaf
			return n
		}
	}
	return n
}

// described fills one item for each name.
func (f *filler) described(v reflect.Value, a at, names []string, id string) {
	s := reflect.MakeSlice(v.Type(), len(names), len(names))
	index, kind := f.index, f.kind
	a.path, f.kind = "", kindOf(elem(v.Type()).Name())
	for i, name := range names {
		f.index = int(hash(name) % 1_000_000)
		f.fill(s.Index(i), a)
		if id != "" {
			s.Index(i).FieldByName(id).Set(reflect.ValueOf(&name))
		}
	}
	f.index, f.kind = index, kind
	v.Set(s)
}

// kindOf is equal for types that tell more or less of the same thing, so that
// a user is the same one in a list and in a report.
func kindOf(name string) string {
	for _, suffix := range []string{"Detail", "Summary", "Metadata", "ListEntry"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name + "."
}

func elem(t reflect.Type) reflect.Type {
	if t = t.Elem(); t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func (f *filler) mapping(v reflect.Value, a at) {
	m := reflect.MakeMap(v.Type())
	if f.values.Keys != nil {
		for _, key := range f.values.Keys(f.describe(a)) {
			value := reflect.New(v.Type().Elem()).Elem()
			f.fill(value, a.field(key))
			m.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), value)
		}
		if m.Len() > 0 {
			v.Set(m)
			return
		}
	}
	for i := range 2 {
		e := a
		e.path = fmt.Sprintf("%s[k%d]", a.path, i)
		key := reflect.New(v.Type().Key()).Elem()
		key.SetString(f.plain(e))
		value := reflect.New(v.Type().Elem()).Elem()
		e.path += "[v]"
		f.fill(value, e)
		m.SetMapIndex(key, value)
	}
	v.Set(m)
}

// dynamic takes the members of a union in turn, from item to item.
func (f *filler) dynamic(v reflect.Value, a at) {
	var known []reflect.Value
	for _, p := range f.values.Interfaces {
		if reflect.TypeOf(p).Implements(v.Type()) {
			known = append(known, reflect.ValueOf(p))
		}
	}
	if len(known) == 0 {
		f.problems = append(f.problems, fmt.Sprintf("%s: no value of interface type %s is known", a.path, v.Type()))
		return
	}
	p := known[f.index%len(known)]
	if member, ok := strings.CutPrefix(p.Type().Elem().Name(), v.Type().Name()+"Member"); ok {
		fresh := reflect.New(p.Type().Elem())
		f.fill(fresh.Elem().FieldByName("Value"), a.field(member))
		p = fresh
	}
	v.Set(p)
}

// text returns a value of the enum, or text of the leaf's form.
func (f *filler) text(t reflect.Type, a at) string {
	if only, ok := f.only[t]; ok && a.depth <= 2 {
		return only
	}
	if t.PkgPath() != "" {
		if values := reflect.Zero(t).MethodByName("Values"); values.IsValid() {
			all := values.Call(nil)[0]
			own := f.own(a)
			for i := range all.Len() {
				if all.Index(i).String() == own {
					return own
				}
			}
			return all.Index(int(f.number(a) % uint64(all.Len()))).String()
		}
	}
	if own := f.own(a); own != "" {
		return own
	}
	if parent, ok := f.echo[a.name]; ok && a.depth <= 2 {
		return parent
	}
	if parent, ok := f.echo[strings.TrimSuffix(a.name, "Arn")]; ok && a.depth <= 2 {
		return parent // where inputs take ARNs under the names of things
	}
	if f.service == "STS" && a.path == "Account" {
		return Account
	}
	plain := f.plain(a)
	if a.name == "Arn" || strings.HasSuffix(a.name, "Arn") || strings.HasSuffix(a.name, "ARN") {
		return "arn:aws:" + strings.ToLower(strings.ReplaceAll(f.service, " ", "-")) + ":us-east-1:" + Account + ":" + plain
	}
	return plain
}

// own is the text that a leaf is to have, where it needs one of its own.
func (f *filler) own(a at) string {
	if f.values.Text == nil {
		return ""
	}
	text, ok := f.values.Text(f.describe(a))
	if !ok {
		return ""
	}
	return text
}

// bytes returns the text of a leaf of bytes.
func (f *filler) bytes(a at) string {
	if f.values.Text != nil {
		if text, ok := f.values.Text(f.describe(a)); ok && text != "" {
			return text
		}
	}
	return f.plain(a)
}

func (f *filler) describe(a at) Leaf {
	return Leaf{Service: f.service, Operation: f.operation, Path: a.path, Name: a.name, Index: f.index, Plain: f.plain(a)}
}

var plainChars = strings.NewReplacer(".", "-", "[", "-", "]", "")

// plain is text that says where it stands, and fits names, hosts and paths.
func (f *filler) plain(a at) string {
	return strings.ToLower(plainChars.Replace(f.kind+a.path)) + "-" + strconv.Itoa(f.index) + f.scope
}

func (f *filler) number(a at) uint64 { return 1 + hash(f.kind+a.path+f.scope) + uint64(f.index) }

func (f *filler) time(a at) time.Time {
	n := f.number(a)
	return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n%100_000_000)*time.Second + time.Duration(n%1_000_000)*time.Microsecond)
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s)) // a hash never fails
	return h.Sum64() >> 8
}
