// Package extract reads AWS: which accounts and regions there are, which units
// of work follow, and the walk of each. It knows the SDK's client stack,
// access, pages, rates and errors; it knows nothing of single services (each
// has its own package below this one), of Parquet, or of the warehouse.
package extract

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"stocktake/internal/schema"
	"stocktake/schemas"
)

// Scope says how often a collector runs.
type Scope string

const (
	Regional       Scope = "regional"        // once per account and region
	Global         Scope = "global"          // once per account, in the partition's home region
	Organization   Scope = "organization"    // once, where the accounts were discovered
	IdentityCenter Scope = "identity_center" // once, in the region of IAM Identity Center
)

// GlobalRegion is the region of rows and units without a region of their own.
const GlobalRegion = "global"

// Collector is one walk of an API: what it calls, which tables it fills.
type Collector struct {
	Name    string // names the unit; the first table's name
	Service ServiceInfo
	Scope   Scope
	Tables  []Table
	Calls   []Call
	Walk    func(context.Context, *Unit) error

	// NotEnabled reports errors of this service that mean that it is switched
	// off there, which only the service's own wording tells.
	NotEnabled func(code, message string) bool
	// Administrator is set for services whose delegated administrator sees
	// the rows of its members.
	Administrator *Administrator
	// AnyRegion marks rows that name their own region within the account.
	AnyRegion bool
	// AnyAccount marks rows about whatever accounts the items name.
	AnyAccount bool
	// OnRequest are tables that no pattern selects, only their name or a stream:
	// because AWS bills for their calls, or allows few of them.
	OnRequest []string
}

// Table is a table that a collector fills, and the Go type of its rows.
type Table struct {
	Name   string
	Parent string // table whose rows lead to these: when it fails, so do these
	Item   reflect.Type
}

// TableOf declares a table with rows of type T.
func TableOf[T any](name string) Table {
	return Table{Name: name, Item: reflect.TypeFor[T]()}
}

// Under declares a table that is reached through the rows of another.
func (t Table) Under(parent string) Table {
	t.Parent = parent
	return t
}

// Call declares an API operation for a table; one that fills several tables is
// declared for each. Everything that is not declared is refused before it is
// sent.
type Call struct {
	Operation string
	Table     string   // whose outcome it decides; the collector's first table when empty
	Columns   []string // what a refusal leaves empty; none when the table needs the call
	Known     []string // in place of Columns: a refusal leaves all columns empty but these
	Per       string   // table of whose rows each costs one call; once per page when empty
	Batch     int      // rows of it that one call is for, where it is more than one
	Page      int      // rows a page holds at most, for estimates
	Instead   string   // operation that it stands in for where that one is refused, and is not sent otherwise
	Hint      bool     // it tells which other calls are worth sending: a refusal leaves nothing empty, and it may not be sent at all
}

// Service ties a service's SDK client type C, with options O, to its names.
type Service[C, O any] struct {
	Info ServiceInfo
	New  func(aws.Config, ...func(*O)) *C
}

// ServiceInfo holds the names of a service.
type ServiceInfo struct {
	Name    string              // in table names and in the configuration: ec2
	ID      string              // the SDK's ServiceID: EC2
	IAM     string              // prefix of its IAM actions, where it is not Name
	Actions map[string][]string // IAM actions of operations that are not called like them
}

// ActionsOf returns the IAM actions that an operation needs (service
// authorization reference).
func (s ServiceInfo) ActionsOf(operation string) []string {
	if a, ok := s.Actions[operation]; ok {
		return a
	}
	prefix := s.IAM
	if prefix == "" {
		prefix = s.Name
	}
	return []string{prefix + ":" + operation}
}

// Client returns the service's client for the unit's account and region.
func (s Service[C, O]) Client(u *Unit) *C { return s.In(u, u.session.region) }

// In returns the service's client for the unit's account and another region.
func (s Service[C, O]) In(u *Unit, region string) *C {
	return u.session.client(s.Info.ID+"/"+region, func() any {
		cfg := u.session.config.Copy()
		cfg.Region = region
		return s.New(cfg)
	}).(*C)
}

// Pager is a paginator of the SDK for pages Out of a service with options O.
type Pager[Out, O any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*O)) (*Out, error)
}

// List declares the ordinary collector: one table, filled from one paginated
// operation. newPager is the SDK's constructor; in asks for the largest page.
func List[C, O, API, PagerOptions, In, Out, Item any, P Pager[Out, O]](
	s Service[C, O], table string,
	newPager func(API, *In, ...func(*PagerOptions)) P, in *In,
	items func(*Out) []Item,
) Collector {
	return Collector{
		Service: s.Info,
		Tables:  []Table{TableOf[Item](table)},
		Calls:   []Call{{Operation: operation[Out](), Page: pageSize(in)}},
		Walk: func(ctx context.Context, u *Unit) error {
			pager := newPager(any(s.Client(u)).(API), in)
			return EachPage(ctx, pager, func(out *Out) error { return Emit(u, table, items(out)) })
		},
	}
}

// One declares the collector of a table that a single unpaginated call fills.
func One[C, O, In, Out, Item any](
	s Service[C, O], table string,
	call func(*C, context.Context, *In, ...func(*O)) (*Out, error), in *In,
	items func(*Out) []Item,
) Collector {
	return Collector{
		Service: s.Info,
		Tables:  []Table{TableOf[Item](table)},
		Calls:   []Call{{Operation: operation[Out]()}},
		Walk: func(ctx context.Context, u *Unit) error {
			out, err := call(s.Client(u), ctx, in)
			if err != nil {
				return err
			}
			return Emit(u, table, items(out))
		},
	}
}

// operation derives the API's operation from its output type.
func operation[Out any]() string {
	return strings.TrimSuffix(reflect.TypeFor[Out]().Name(), "Output")
}

// pageSize is the number of rows that an input asks for in a page, 0 where it
// does not say.
func pageSize(in any) int {
	v := reflect.ValueOf(in).Elem()
	for _, name := range []string{"MaxResults", "MaxItems", "MaxRecords", "PageSize", "Limit", "ResourcesPerPage"} {
		if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() && f.Elem().CanInt() {
			return int(f.Elem().Int())
		}
	}
	return 0
}

// EachPage calls use for every page, of a probe for the first. An error of the pager
// or of use ends it.
func EachPage[Out, O any](ctx context.Context, pager Pager[Out, O], use func(*Out) error) error {
	for pager.HasMorePages() {
		out, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		if err := use(out); err != nil {
			return err
		}
		if probing(ctx) != nil {
			return nil
		}
	}
	return nil
}

// In returns the collector with another scope than Regional.
func (c Collector) In(scope Scope) Collector {
	c.Scope = scope
	return c
}

// OfAnyAccount marks rows about whatever accounts the items name, such as those
// of an organization.
func (c Collector) OfAnyAccount() Collector {
	c.AnyAccount = true
	return c
}

// Complete fills in what a declaration may leave out.
func (c Collector) Complete() *Collector {
	if c.Name == "" {
		c.Name = c.Tables[0].Name
	}
	if c.Scope == "" {
		c.Scope = Regional
	}
	return &c
}

// Optional reports whether a refusal does not fail the table: it leaves rows
// without some columns at most.
func (c Call) Optional() bool { return c.Hint || len(c.Columns)+len(c.Known) > 0 }

// Leaves returns the columns that a refusal of the call leaves empty.
func (c *Collector) Leaves(call Call) []string {
	if len(call.Known) == 0 {
		return call.Columns
	}
	s, err := schemas.Newest(c.TableOf(call))
	if err != nil {
		return nil // Prepare reports it
	}
	return allBut(s, call.Known)
}

// allBut returns the columns of a table that are not among names: what is
// missing when the call that describes an item is refused.
func allBut(s *schema.Schema, names []string) []string {
	var columns []string
	for _, c := range s.Columns {
		if !slices.Contains(names, c.Name) {
			columns = append(columns, c.Name)
		}
	}
	if s.ARN != "" && !slices.Contains(names, "arn") {
		columns = append(columns, "arn")
	}
	if s.Tags != "" && !slices.Contains(names, "tags") {
		columns = append(columns, "tags")
	}
	return columns
}

// TableOf returns the table whose outcome a call decides.
func (c *Collector) TableOf(call Call) string {
	if call.Table != "" {
		return call.Table
	}
	return c.Tables[0].Name
}

// decides returns the table that an operation is counted for: the first that
// declares it.
func (c *Collector) decides(operation string) string {
	for _, call := range c.Calls {
		if call.Operation == operation {
			return c.TableOf(call)
		}
	}
	return c.Tables[0].Name
}

// AllCalls are the operations of the walk and of the administrator's view.
func (c *Collector) AllCalls() []Call {
	if c.Administrator == nil {
		return c.Calls
	}
	return slices.Concat(c.Calls, c.Administrator.Calls)
}

// Below returns a table of the collector and those that its rows lead to.
func (c *Collector) Below(table string) []string {
	below := []string{table}
	for _, t := range c.Tables {
		if t.Parent == table {
			below = append(below, c.Below(t.Name)...)
		}
	}
	return below
}
