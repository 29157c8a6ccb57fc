package mototest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python returns the interpreter of the virtual environment that has moto,
// boto3, pyarrow and Polars. It is made once and kept, in $STOCKTAKE_VENV or in
// .venv of the repository; a stamp tells which requirements it has.
func python(t *testing.T) string {
	t.Helper()
	requirements := filepath.Join("testdata", "requirements.txt")
	want, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("STOCKTAKE_VENV")
	if dir == "" {
		dir = filepath.Join("..", "..", ".venv")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		t.Fatal(err)
	}
	stamp, interpreter := filepath.Join(dir, "mototest.txt"), filepath.Join(dir, "bin", "python")
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, want) {
		return interpreter
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", dir},
		{interpreter, "-m", "pip", "install", "--quiet", "--no-input", "--requirement", requirements},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			missing := t.Skipf
			if os.Getenv("CI") != "" {
				missing = t.Fatalf
			}
			missing("the test needs %s, which could not be installed: %s: %v\n%s",
				strings.Join(strings.Fields(string(want)), ", "), strings.Join(command, " "), err, out)
		}
	}
	if err := os.WriteFile(stamp, want, 0o644); err != nil {
		t.Fatal(err)
	}
	return interpreter
}

// isolate keeps the machine's AWS configuration out of the test and of what it
// starts; the credentials are any.
func isolate(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value) // so that the end of the test brings it back
			os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "base", "AWS_SECRET_ACCESS_KEY": "base", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "PYTHONDONTWRITEBYTECODE": "1",
	} {
		t.Setenv(name, value)
	}
}

// server is a moto server, filled.
type server struct {
	python, url string
	facts       facts
	factsFile   string
}

// facts are what the script that fills the server tells of it.
type facts struct {
	Accounts map[string]string // IDs by the names that the script gives them
	Unit     string            // that the organization's accounts with resources are below
	Keys     struct {
		AccessKeyID     string `json:"access_key_id"`
		SecretAccessKey string `json:"secret_access_key"`
	}
}

// start runs a moto server until the end of the test and fills it. The server
// ends with its standard input, so it does not outlive a test that is killed.
func start(t *testing.T) *server {
	t.Helper()
	s := &server{python: python(t), factsFile: filepath.Join(t.TempDir(), "facts.json")}
	command := exec.Command(s.python, filepath.Join("testdata", "serve.py"))
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := command.Wait(); err != nil {
			t.Errorf("moto server: %v\n%s", err, &stderr)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		io.Copy(io.Discard, stdout)
		t.Fatalf("moto server says %q in place of its URL: %v\n%s", line, err, &stderr)
	}
	s.url = strings.TrimSpace(line)
	out := s.script(t, "fill.py", s.url)
	if err := os.WriteFile(s.factsFile, out, 0o600); err != nil {
		t.Fatal(err)
	}
	decode(t, "fill.py", out, &s.facts)
	return s
}

// script runs a script of testdata and returns what it prints.
func (s *server) script(t *testing.T, name string, arguments ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), s.python, append([]string{filepath.Join("testdata", name)}, arguments...)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, &stderr)
	}
	return out
}
