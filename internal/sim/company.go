package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// account is an AWS account of the company. It does not change; what can change is in state.
type account struct {
	number int // position in the list of accounts
	id     string
	name   string
	email  string
	kind   kind
	nth    int // among the workloads
	env    string
	prod   product
	unit   *unit
	state  orgtypes.AccountState
	joined time.Time
	tags   []tag
}

type kind int

const (
	kindManagement kind = iota
	kindSecurity
	kindLogs
	kindNetwork
	kindShared
	kindWorkload
	kindSandbox
)

// unit is an organizational unit; the root has no parent.
type unit struct {
	id, name string
	parent   *unit
}

func (u *unit) path() string {
	if u.parent == nil {
		return "/"
	}
	return strings.TrimSuffix(u.parent.path(), "/") + "/" + u.name
}

// product is a thing that the company runs, and who answers for it.
type product struct{ name, team, costCentre string }

var products = []product{
	{"payments", "payments", "4100"}, {"storefront", "web-experience", "4200"}, {"orders", "order-management", "4150"},
	{"catalogue", "merchandising", "4210"}, {"search", "discovery", "4220"}, {"customer-identity", "identity", "4300"},
	{"fulfilment", "logistics", "5100"}, {"warehouse", "logistics", "5110"}, {"delivery-tracking", "logistics", "5120"},
	{"pricing", "merchandising", "4230"}, {"loyalty", "crm", "4310"}, {"notifications", "crm", "4320"},
	{"data-platform", "data-engineering", "6100"}, {"forecasting", "data-science", "6200"}, {"reporting", "analytics", "6210"},
	{"mobile-backend", "mobile", "4240"}, {"returns", "order-management", "4160"}, {"suppliers", "procurement", "5200"},
	{"gift-cards", "payments", "4110"}, {"fraud-detection", "risk", "4120"}, {"contact-centre", "customer-care", "5300"},
	{"content", "web-experience", "4250"}, {"reviews", "web-experience", "4260"}, {"invoicing", "finance-systems", "7100"},
	{"ledger", "finance-systems", "7110"}, {"hr-portal", "people-systems", "7200"}, {"experiments", "growth", "4270"},
	{"recommendations", "data-science", "6220"}, {"media", "content-delivery", "4280"}, {"marketplace", "partners", "5210"},
}

var platform = product{"platform", "cloud-platform", "8000"}

var markets = []string{"", "nordics", "dach", "benelux", "uk", "iberia", "us", "canada", "anz"}

// found lays out the accounts and the units. Small companies get fewer of the central accounts.
func (o *Organization) found() {
	o.orgID = "o-" + o.seed.s("organization").draw().lower(10)
	root := o.addUnit(nil, "Root")
	security, infrastructure := o.addUnit(root, "Security"), o.addUnit(root, "Infrastructure")
	workloads := o.addUnit(root, "Workloads")
	envs := map[string]*unit{
		"prod": o.addUnit(workloads, "Prod"), "staging": o.addUnit(workloads, "Staging"), "dev": o.addUnit(workloads, "Dev"),
	}
	sandbox, closing := o.addUnit(root, "Sandbox"), o.addUnit(root, "Suspended")

	o.byID = map[string]*account{}
	o.management = o.addAccount(account{name: "larkfield-management", kind: kindManagement, prod: platform, env: "prod", unit: root})
	o.security, o.base = o.management, o.management
	if o.opts.Accounts >= 4 {
		o.security = o.addAccount(account{name: "security-tooling", kind: kindSecurity, prod: product{"security", "security-operations", "8100"}, env: "prod", unit: security})
		o.base = o.addAccount(account{name: "shared-services", kind: kindShared, prod: platform, env: "prod", unit: infrastructure})
	}
	if o.opts.Accounts >= 8 {
		o.addAccount(account{name: "log-archive", kind: kindLogs, prod: product{"audit-logs", "security-operations", "8110"}, env: "prod", unit: security})
		o.addAccount(account{name: "network-hub", kind: kindNetwork, prod: product{"network", "network-engineering", "8200"}, env: "prod", unit: infrastructure})
	}
	rest := o.opts.Accounts - len(o.accounts)
	sandboxes := rest / 8
	for n := range rest - sandboxes {
		a := workloadAccount(n)
		a.unit = envs[a.env]
		o.addAccount(a)
	}
	for n := range sandboxes {
		p := o.person(n * 7)
		o.addAccount(account{
			name: fmt.Sprintf("sandbox-%s", strings.ReplaceAll(p.login, ".", "-")), kind: kindSandbox,
			prod: product{"sandbox", "engineering", "9000"}, env: "sandbox", unit: sandbox,
		})
	}
	if o.opts.Accounts >= 10 {
		o.close(o.accounts[len(o.accounts)-1], orgtypes.AccountStateSuspended, closing)
		o.close(o.accounts[len(o.accounts)-2], orgtypes.AccountStatePendingClosure, closing)
	}
	for _, a := range o.accounts {
		a.tags = o.accountTags(a)
		if a.kind == kindWorkload && a.state == orgtypes.AccountStateActive {
			o.workloads = append(o.workloads, a)
		}
	}
}

func (o *Organization) close(a *account, state orgtypes.AccountState, unit *unit) {
	a.state, a.unit = state, unit
}

// workloadAccount names the nth workload: products first in production, then in the other environments.
func workloadAccount(n int) account {
	envs := []string{"prod", "prod", "staging", "dev"}
	// Four accounts cover two products, so that production outweighs what it is tested in.
	round, slot := n/4, n%4
	p := products[(round*2+slot%2)%len(products)]
	market := markets[(round*2/len(products))%len(markets)]
	name := p.name
	if market != "" {
		name += "-" + market
	}
	if again := round * 2 / len(products) / len(markets); again > 0 {
		name += fmt.Sprintf("-%d", again+1)
	}
	return account{name: name + "-" + envs[slot], kind: kindWorkload, nth: n, env: envs[slot], prod: p}
}

func (o *Organization) addUnit(parent *unit, name string) *unit {
	s := o.seed.s("unit").i(len(o.units)).draw()
	u := &unit{name: name, parent: parent}
	if parent == nil {
		u.id = "r-" + s.lower(4)
	} else {
		u.id = "ou-" + strings.TrimPrefix(o.units[0].id, "r-") + "-" + s.lower(8)
	}
	o.units = append(o.units, u)
	return u
}

func (o *Organization) addAccount(a account) *account {
	a.number = len(o.accounts)
	d := o.seed.s("account").i(a.number).draw()
	for a.id == "" || o.byID[a.id] != nil {
		a.id = pick(d, []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}) + d.digits(11)
		if a.kind == kindWorkload && a.nth == 1 { // account IDs may begin with zeros, which spreadsheets lose
			a.id = "0" + a.id[1:]
		}
	}
	a.email = "aws+" + a.name + "@example.com"
	a.joined = o.anchor.AddDate(-7, 0, 0).Add(time.Duration(a.number*9+d.n(9)) * 97 * time.Hour)
	if limit := o.anchor.AddDate(0, -1, 0); a.joined.After(limit) {
		a.joined = d.before(limit, 300)
	}
	if a.state == "" {
		a.state = orgtypes.AccountStateActive
	}
	p := &a
	o.accounts = append(o.accounts, p)
	o.byID[a.id] = p
	return p
}

// nthWorkload is one of the workload accounts that are alive; where there is none, the management account.
func (o *Organization) nthWorkload(n int) *account {
	if len(o.workloads) == 0 {
		return o.management
	}
	return o.workloads[n%len(o.workloads)]
}

// problem says whether an account is the one that has the nth group of the troubles that every company has.
func (o *Organization) problem(a *account, nth int) bool {
	return len(o.workloads) > 0 && o.nthWorkload(nth) == a
}

func (o *Organization) accountTags(a *account) []tag {
	if a.number%11 == 10 {
		return nil
	}
	return []tag{
		{"owner", "team-" + a.prod.team + "@example.com"}, {"cost-centre", a.prod.costCentre},
		{"environment", a.env}, {"data-classification", pick(o.seed.s("class").s(a.id).draw(), []string{"public", "internal", "confidential", "restricted"})},
	}
}

// members are the accounts that the organization has at the moment.
func (o *Organization) members() []*account {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(o.accounts), func(a *account) bool { return o.state.left[a.id] })
}

func (o *Organization) stateOf(a *account) orgtypes.AccountState {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state.closed[a.id] {
		return orgtypes.AccountStateSuspended
	}
	return a.state
}

// closedLocked says that nobody gets into the account any more. The caller holds the lock.
func (o *Organization) closedLocked(a *account) bool {
	return o.state.closed[a.id] || a.state != orgtypes.AccountStateActive
}

func (o *Organization) isMember(a *account) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.state.left[a.id]
}
