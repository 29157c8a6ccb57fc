// Package deploy holds ready files for those who run stocktake, and the tests
// that they and the guides to them fit the program. It knows no AWS.
package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"stocktake/internal/config"
	"stocktake/internal/httpfstest"
)

const (
	cron       = "cron/stocktake.cron"
	service    = "systemd/stocktake.service"
	scheduler  = "systemd/stocktake-schedule.service"
	cronJob    = "kubernetes/cronjob.yaml"
	task       = "ecs/task-definition.json"
	stack      = "ecs/stack.yaml"
	dockerfile = "../Dockerfile"
	s3Guide    = "../docs/s3.md"
	nightGuide = "../docs/every-night.md"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// objects are the documents of the Kubernetes manifest by their kind.
func objects(t *testing.T) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, text := range strings.Split(read(t, cronJob), "\n---\n") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatalf("%s: %v", cronJob, err)
		}
		all[fmt.Sprint(o["kind"])] = o
	}
	return all
}

// at follows names and indexes into decoded YAML or JSON.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for i, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			if l, _ := v.([]any); p < len(l) {
				v = l[p]
			} else {
				v = nil
			}
		}
		if v == nil {
			t.Fatalf("%v: got nothing at %v", path, path[:i+1])
		}
	}
	return v
}

func words(v any) string {
	var w []string
	for _, word := range v.([]any) {
		w = append(w, fmt.Sprint(word))
	}
	return strings.Join(w, " ")
}

// commands are the command lines of the files, and of the guides' shell blocks,
// without the program's name.
func commands(t *testing.T) map[string][]string {
	all := map[string][]string{}
	add := func(file string, lines ...string) { all[file] = append(all[file], lines...) }
	for file, line := range map[string]*regexp.Regexp{
		cron:       regexp.MustCompile(`(?m)^[0-9* ]+ stocktake  ?stocktake ([^>\n]+) >`),
		service:    regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/stocktake (.+)$`),
		scheduler:  regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/stocktake (.+)$`),
		s3Guide:    regexp.MustCompile(`(?m)^stocktake ([^"#\n]+)`),
		nightGuide: regexp.MustCompile(`(?m)^ *stocktake ((?:run|schedule|clean|query|verify)[^"#\n]*)`),
	} {
		for _, m := range line.FindAllStringSubmatch(read(t, file), -1) {
			add(file, strings.TrimSpace(m[1]))
		}
	}
	pod := at(t, objects(t)["CronJob"], "spec", "jobTemplate", "spec", "template", "spec", "containers", 0)
	if got, want := words(at(t, pod, "command")), "tini -e 3 -- stocktake"; got != want {
		t.Errorf("%s: got command %q, want %q", cronJob, got, want)
	}
	add(cronJob, words(at(t, pod, "args")))
	var definition map[string]any
	if err := json.Unmarshal([]byte(read(t, task)), &definition); err != nil {
		t.Fatalf("%s: %v", task, err)
	}
	add(task, words(at(t, definition, "containerDefinitions", 1, "command")))
	for _, m := range regexp.MustCompile(`(?m)^ +Command: \[([a-z].+)\]$`).FindAllStringSubmatch(read(t, stack), -1) {
		add(stack, strings.ReplaceAll(m[1], ",", ""))
	}
	return all
}

// Every command and flag is declared by the program. Its source is read, since
// linking it for this would take longer than all else here.
func TestCommandsExist(t *testing.T) {
	sources, err := filepath.Glob("../cmd/stocktake/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatalf("glob: got %d files, error %v", len(sources), err)
	}
	var program strings.Builder
	for _, name := range sources {
		program.WriteString(read(t, name))
	}
	declared := func(pattern, word string) bool {
		return regexp.MustCompile(fmt.Sprintf(pattern, regexp.QuoteMeta(word))).MatchString(program.String())
	}
	word := regexp.MustCompile(`^[a-z]+$`)
	all := commands(t)
	for _, file := range []string{cron, service, scheduler, cronJob, task, stack, s3Guide, nightGuide} {
		if len(all[file]) == 0 {
			t.Errorf("%s: got no command of stocktake, want one", file)
		}
		for _, line := range all[file] {
			for i, part := range strings.Fields(line) {
				name, isFlag := strings.CutPrefix(part, "--")
				switch {
				case isFlag && !declared(`Flags\(\)\.[A-Za-z0-9]+\([^)\n]*"%[1]s"|flags\.[A-Za-z0-9]+\([^)\n]*"%[1]s"`, name):
					t.Errorf("%s: %q: no command of stocktake has the flag --%s", file, line, name)
				case i == 0 && !(word.MatchString(part) && declared(`Use:\s+"%s[ "]`, part)):
					t.Errorf("%s: %q: stocktake has no command %s", file, line, part)
				}
			}
		}
	}
}

var reference = regexp.MustCompile(`\$\{([A-Z_]+)\}`)

// Every configuration that is shown can be read.
func TestConfigurationsLoad(t *testing.T) {
	shown := map[string][]string{cronJob: {fmt.Sprint(at(t, objects(t)["ConfigMap"], "data", "stocktake.yaml"))}}
	for _, guide := range []string{s3Guide, nightGuide} {
		shown[guide] = blocks(t, guide, "yaml")
	}
	for file, texts := range shown {
		for i, text := range texts {
			for _, m := range reference.FindAllStringSubmatch(text, -1) {
				t.Setenv(m[1], "AKIAIOSFODNN7EXAMPLE")
				if strings.HasSuffix(m[1], "_URL") {
					t.Setenv(m[1], "https://hooks.example.com")
				}
			}
			name := filepath.Join(t.TempDir(), "stocktake.yaml")
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(name, nil); err != nil {
				t.Errorf("%s: configuration %d: %v\n%s", file, i+1, err, text)
			}
		}
	}
}

// blocks are the code blocks of a guide.
func blocks(t *testing.T, guide, language string) []string {
	t.Helper()
	var all []string
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```").FindAllStringSubmatch(read(t, guide), -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("%s has no block of %s", guide, language)
	}
	return all
}

// The stack's task has the rights that the guide names for a whole warehouse.
func TestStackHasTheRightsOfTheGuide(t *testing.T) {
	right := regexp.MustCompile(`\b(?:s3|kms):[A-Z][A-Za-z]+`)
	var guide []string
	for i, text := range blocks(t, s3Guide, "json") {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Errorf("%s: JSON %d: %v\n%s", s3Guide, i+1, err, text)
		}
		guide = append(guide, right.FindAllString(text, -1)...)
	}
	got := right.FindAllString(read(t, stack), -1)
	for _, list := range []*[]string{&guide, &got} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if !slices.Equal(got, guide) {
		t.Errorf("%s: got rights %v, want those of %s: %v", stack, got, s3Guide, guide)
	}
}

// The guide lists the metrics that there are, all of them.
func TestMetricsOfTheGuide(t *testing.T) {
	var got, want []string
	for row := range strings.Lines(read(t, nightGuide)) {
		if strings.HasPrefix(row, "| `stocktake_") {
			got = append(got, regexp.MustCompile("stocktake_[a-z_]+").FindAllString(row, -1)...)
		}
	}
	for _, m := range regexp.MustCompile(`describe\("([a-z_]+)"`).FindAllStringSubmatch(read(t, "../internal/metrics/metrics.go"), -1) {
		want = append(want, "stocktake_"+m[1])
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got metrics %v, want those of internal/metrics: %v", nightGuide, got, want)
	}
}

func TestFilesSay(t *testing.T) {
	for _, c := range []struct{ file, text string }{
		{service, "\nSuccessExitStatus=3\n"},
		{scheduler, "\nRestartPreventExitStatus=2\n"},
		{cronJob, "\n  concurrencyPolicy: Forbid\n"},
		{dockerfile, "go build -tags grpcnotrace "},
		{"../Makefile", "\nTAGS := grpcnotrace\n"},
		{dockerfile, "duckdb-extension-httpfs==" + httpfstest.Version + " "},
		{s3Guide, "duckdb-extension-httpfs==" + httpfstest.Version + " "},
	} {
		if !strings.Contains(read(t, c.file), c.text) {
			t.Errorf("%s: got no %q in it, want it", c.file, c.text)
		}
	}
}

func TestStackIsCloudFormation(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), linter(t), "--format", "parseable", stack).CombinedOutput()
	if err != nil {
		t.Errorf("cfn-lint %s: %v\n%s", stack, err, out)
	}
}

// linter returns the path of cfn-lint, in a virtual environment that is made once.
func linter(t *testing.T) string {
	t.Helper()
	const requirement = "cfn-lint==1.58.0"
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "stocktake-tests", requirement)
	path := filepath.Join(dir, "bin", "cfn-lint")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", dir},
		{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--no-input", requirement},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			missing := t.Skipf
			if os.Getenv("CI") != "" {
				missing = t.Fatalf
			}
			missing("the test needs %s, which could not be installed: %s: %v\n%s", requirement, strings.Join(command, " "), err, out)
		}
	}
	return path
}
