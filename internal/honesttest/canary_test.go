package honesttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"

	"stocktake/extract/all"
	"stocktake/internal/schema"
	"stocktake/internal/sim"
	"stocktake/schemas"
)

// canary is how every planted text begins; what follows says where it is from.
const canary = "canary-4c1f9e."

var canaries = regexp.MustCompile(regexp.QuoteMeta(canary) + `[\w.]+`)

// planter puts canaries into what AWS answers, wherever a schema says that a
// secret may be, and where no column is for it.
type planter struct {
	secrets map[string][]secretPath // by service ID

	mu      sync.Mutex
	planted map[string]int // by canary, without how it begins
}

// secretPath leads to a secret below some struct of an answer.
type secretPath struct {
	name  string
	steps []string // fields, in lower case
}

// secretPaths are those of all schemas, by the service that tells them.
func secretPaths(t *testing.T) map[string][]secretPath {
	t.Helper()
	by := map[string][]secretPath{}
	for _, c := range all.Collectors {
		for _, table := range c.Tables {
			s, err := schemas.Newest(table.Name)
			if err != nil {
				t.Fatal(err)
			}
			var visit func(columns []schema.Column, above []string)
			visit = func(columns []schema.Column, above []string) {
				for _, col := range columns {
					steps := append(slices.Clone(above), strings.ReplaceAll(col.Name, "_", ""))
					add := func(more ...string) {
						steps := append(slices.Clone(steps), more...)
						by[c.Service.ID] = append(by[c.Service.ID], secretPath{table.Name + "." + strings.Join(steps, "."), steps})
					}
					if col.Redact == schema.Secret {
						add()
					}
					for _, below := range col.Secrets {
						add(strings.Split(strings.ToLower(below), ".")...)
					}
					visit(col.Fields, steps)
				}
			}
			visit(s.Columns, nil)
		}
	}
	return by
}

func (p *planter) tap(cfg *aws.Config) {
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Planter", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleInitialize(ctx, in)
			if out.Result != nil && err == nil {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.walk(reflect.ValueOf(out.Result), p.secrets[awsmiddleware.GetServiceID(ctx)])
				p.aside(out.Result)
			}
			return out, meta, err
		}), middleware.After) // where every client's service is known
	})
}

func (p *planter) text(name string) string {
	p.planted[name]++
	return canary + name
}

// walk plants at each struct that has the way to a secret.
func (p *planter) walk(v reflect.Value, paths []secretPath) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			p.walk(v.Elem(), paths)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		p.tag(v)
		for i := range v.Len() {
			p.walk(v.Index(i), paths)
		}
	case reflect.Struct:
		if !v.CanSet() || v.Type() == reflect.TypeFor[middleware.Metadata]() {
			return
		}
		for _, path := range paths {
			if leads(v.Type(), path.steps) {
				p.plant(v, path.steps, path.name)
			}
		}
		for i := range v.NumField() {
			f := v.Field(i)
			if !v.Type().Field(i).IsExported() {
				continue
			}
			if m, ok := f.Interface().(map[string]string); ok && strings.HasSuffix(v.Type().Field(i).Name, "Tags") {
				with := maps.Clone(m)
				if with == nil {
					with = map[string]string{}
				}
				with["db-password"], with["aboutCanaries"] = p.text("tag"), ordinary
				f.Set(reflect.ValueOf(with))
			}
			p.walk(f, paths)
		}
	}
}

// ordinary is the value of a tag that is no secret: it has to be found.
const ordinary = "ordinary-5d20"

// tag adds tags to a list of them.
func (p *planter) tag(list reflect.Value) {
	of := list.Type().Elem()
	if of.Kind() != reflect.Struct || !list.CanSet() || !strings.HasPrefix(of.Name(), "Tag") {
		return
	}
	for _, one := range [][2]string{{"db-password", p.text("tag")}, {"aboutCanaries", ordinary}} {
		added := reflect.New(of).Elem()
		for i, name := range []string{"Key", "Value"} {
			f := added.FieldByName(name)
			if !f.IsValid() || f.Type() != reflect.TypeFor[*string]() {
				return
			}
			f.Set(reflect.ValueOf(&one[i]))
		}
		list.Set(reflect.Append(copied(list), added))
	}
}

// copied is a list of its own: what the simulation answers may be shared.
func copied(list reflect.Value) reflect.Value {
	return reflect.AppendSlice(reflect.MakeSlice(list.Type(), 0, list.Len()+1), list)
}

// leads reports whether a type has a path.
func leads(t reflect.Type, steps []string) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if len(steps) == 0 {
		return t.Kind() == reflect.String || t == reflect.TypeFor[map[string]string]()
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	f, ok := member(t, steps[0])
	return ok && leads(f.Type, steps[1:])
}

func member(t reflect.Type, step string) (reflect.StructField, bool) {
	return t.FieldByNameFunc(func(name string) bool { return strings.ToLower(name) == step })
}

// plant makes what is missing on the way, and sets the text at its end.
func (p *planter) plant(v reflect.Value, steps []string, name string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		if len(steps) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
		}
		p.plant(v.Elem(), steps, name)
	case reflect.Slice:
		list := copied(v)
		if list.Len() == 0 {
			list = reflect.Append(list, reflect.Zero(v.Type().Elem()))
		}
		v.Set(list)
		for i := range v.Len() {
			p.plant(v.Index(i), steps, name)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"canary": p.text(name)}))
	case reflect.String:
		v.SetString(p.text(name))
	case reflect.Struct:
		f, _ := member(v.Type(), steps[0])
		p.plant(v.FieldByIndex(f.Index), steps[1:], name)
	}
}

// aside plants where collectors take a part, and leave the rest alone.
func (p *planter) aside(out any) {
	switch o := out.(type) {
	case *cloudtrail.LookupEventsOutput:
		for i := range o.Events {
			o.Events[i].CloudTrailEvent = aws.String(with(aws.ToString(o.Events[i].CloudTrailEvent), map[string]any{
				"requestParameters":   map[string]any{"masterUserPassword": p.text("aside.request")},
				"responseElements":    map[string]any{"credentials": map[string]any{"sessionToken": p.text("aside.response")}},
				"additionalEventData": map[string]any{"x": p.text("aside.more")},
			}))
			o.Events[i].AccessKeyId = aws.String(p.text("aside.accesskey") + "WXYZ")
		}
	case *cognitoidentityprovider.ListUsersOutput:
		for i := range o.Users {
			o.Users[i].Attributes = append(slices.Clone(o.Users[i].Attributes), cognito.AttributeType{Name: aws.String("custom:pin"), Value: aws.String(p.text("aws_cognito_users.customattributes"))})
		}
	case *configservice.SelectResourceConfigOutput:
		p.configurations(o.Results)
	case *configservice.SelectAggregateResourceConfigOutput:
		p.configurations(o.Results)
	case *iam.GetSAMLProviderOutput:
		o.SAMLMetadataDocument = aws.String("<xml>" + p.text("aside.saml") + "</xml>")
	}
}

// configurations adds what nobody has asked for.
func (p *planter) configurations(documents []string) {
	for i := range documents {
		documents[i] = with(documents[i], map[string]any{
			"configuration": map[string]any{"userData": p.text("aside.configuration")}, "supplementaryConfiguration": p.text("aside.supplement"),
		})
	}
}

// with returns a JSON document of the simulation with other members.
func with(document string, members map[string]any) string {
	all := map[string]any{}
	if err := json.Unmarshal([]byte(document), &all); err != nil {
		panic(err)
	}
	maps.Copy(all, members)
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// look finds canaries in a text.
func look(text []byte) []string {
	found := map[string]bool{}
	for _, c := range canaries.FindAll(text, -1) {
		found[strings.TrimPrefix(string(c), canary)] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// lookBelow finds canaries in the files below a directory, and in their names.
func lookBelow(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		found = append(append(found, look([]byte(name))...), look(text)...)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return found
}

// TestCanaries: with a canary in each field that a schema says is secret, in the
// values of tags whose keys say so, and in what has no column, no file, no row,
// no progress and no error of a run over all tables has one.
func TestCanaries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), size{accounts: 10, regions: []string{east, west}})
	w.source("acme").Collect = []string{"*", events, metricData}
	p := &planter{secrets: secretPaths(t), planted: map[string]int{}}
	w.stack = append(w.stack, p.tap)
	w.org.Deny(sim.Rule{Account: w.members[0], Service: "rds", Operation: "DescribeDBInstances"}) // so that there are errors too
	interrupt(t, w, -1, "publishing")
	for _, dir := range spools(t, w) {
		for what, found := range map[string][]string{"files": lookBelow(t, dir), "rows": look(spooled(t, dir))} {
			if len(found) > 0 {
				t.Errorf("%s of the spool have %v", what, found)
			}
		}
	}
	progress := bytes.Clone(w.seen.log)
	result := w.run(t, resume)
	progress = append(progress, w.seen.log...)
	for row := range result.Coverage {
		progress = fmt.Appendf(progress, "%+v\n", row)
	}
	if result.Exit != 3 || !bytes.Contains(progress, []byte("rds:DescribeDBInstances")) {
		t.Errorf("exit %d, want 3, and progress that names what is denied", result.Exit)
	}
	rows := everything(read(t, w.open(t)))
	for what, found := range map[string][]string{"progress": look(progress), "files of the warehouse": lookBelow(t, w.warehouse()), "rows of the warehouse": look(rows)} {
		if len(found) > 0 {
			t.Errorf("%s: have %v", what, found)
		}
	}
	if !bytes.Contains(rows, []byte(ordinary)) {
		t.Error("no row has the tag that is no secret")
	}
	var missing []string
	for _, paths := range p.secrets {
		for _, path := range paths {
			if p.planted[path.name] == 0 && !slices.Contains(missing, path.name) {
				missing = append(missing, path.name)
			}
		}
	}
	for _, name := range []string{"tag", "aside.request", "aside.response", "aside.more", "aside.accesskey", "aside.configuration", "aside.supplement", "aside.saml"} {
		if p.planted[name] == 0 {
			missing = append(missing, name)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		t.Errorf("AWS never answers what these are for, so that nothing was planted: %v", missing)
	}
}

// TestCanariesAreFound keeps the search from finding none because it looks in
// the wrong place: a canary in a field that is no secret is in all of them.
func TestCanariesAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), tiny)
	w.only(volumes)
	p := &planter{secrets: map[string][]secretPath{"EC2": {{"plain", []string{"snapshotid"}}}}, planted: map[string]int{}}
	w.stack = append(w.stack, p.tap)
	interrupt(t, w, -1, "publishing")
	for _, dir := range spools(t, w) {
		if got := look(spooled(t, dir)); !slices.Equal(got, []string{"plain"}) {
			t.Errorf("the spool has %v, want the one", got)
		}
	}
	w.run(t, resume)
	if got := look(everything(read(t, w.open(t)))); !slices.Equal(got, []string{"plain"}) {
		t.Errorf("the warehouse has %v, want the one", got)
	}
	name := filepath.Join(w.warehouse(), "note.json")
	if err := os.WriteFile(name, []byte(canary+"file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := lookBelow(t, w.warehouse()); !slices.Contains(got, "file") {
		t.Errorf("the files have %v, want the one that is written here", got)
	}
}
