package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "s3cr3t-value"
	secret := Secret(text)
	type nested struct {
		Plain  Secret
		Deep   *Keys
		List   []Secret
		ByName map[string]Secret
		Any    any
	}
	file := File{Output: Output{Credentials: &Keys{SessionToken: secret}, Hops: []Hop{{ExternalID: secret}}}, Alerts: Alerts{Email: &Email{Password: secret}, Webhook: &Webhook{URL: secret, Token: secret}}, Sources: []Source{{
		ExternalID: secret, Credentials: &Keys{AccessKeyID: secret}, Role: &Role{Hops: []Hop{{ExternalID: secret}}}, Roles: []Role{{Hops: []Hop{{ExternalID: secret}}}},
		Organization: &Organization{ExternalID: secret, Discovery: &Discovery{Hops: []Hop{{ExternalID: secret}}, Credentials: &Keys{SessionToken: secret}}},
	}}}
	source := file.Sources[0]
	holders := map[string]any{
		"behind pointers": struct {
			F *File
			S *Source
			K *Keys
			R *Role
			H *Hop
			O *Organization
			D *Discovery
			U *Output
			A *Alerts
			E *Email
			W *Webhook
		}{&file, &source, source.Credentials, source.Role, &source.Role.Hops[0], source.Organization, source.Organization.Discovery, &file.Output, &file.Alerts, file.Alerts.Email, file.Alerts.Webhook},
		"value":   secret,
		"pointer": &secret,
		"file":    file,
		"empty":   File{Sources: []Source{{}}},
		"nested":  nested{secret, &Keys{SessionToken: secret}, []Secret{secret}, map[string]Secret{"a": secret}, secret},
	}
	printers := map[string]func(any) string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%T"} {
		printers[verb] = func(v any) string { return fmt.Sprintf(verb, v) }
	}
	printers["error"] = func(v any) string { return errors.Join(fmt.Errorf("wrapped %v", v)).Error() }
	printers["json"] = encoder(json.Marshal)
	printers["yaml"] = encoder(yaml.Marshal)
	printers["slog text"] = logger(func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) })
	printers["slog json"] = logger(func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) })
	for holder, v := range holders {
		for printer, print := range printers {
			got := print(v)
			if got == "" || strings.Contains(got, text) || strings.Contains(strings.ToLower(got), fmt.Sprintf("%x", text)) {
				t.Errorf("%s through %s: got %q, want the secret hidden", holder, printer, got)
			}
			if holder == "value" && printer != "%T" && !strings.Contains(got, hidden) {
				t.Errorf("%s through %s: got %q, want %q in it", holder, printer, got, hidden)
			}
		}
	}
	if got := secret.Reveal(); got != text {
		t.Errorf("reveal: got %q, want %q", got, text)
	}
}

func encoder(marshal func(any) ([]byte, error)) func(any) string {
	return func(v any) string {
		out, err := marshal(v)
		if err != nil {
			return ""
		}
		return string(out)
	}
}

func logger(handler func(*bytes.Buffer) slog.Handler) func(any) string {
	return func(v any) string {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("message", "key", v)
		return b.String()
	}
}
