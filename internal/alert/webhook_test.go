package alert

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stocktake/internal/config"
)

const webhookToken = "token-5f2a1c"

func TestWebhook(t *testing.T) {
	var got *http.Request
	var body []byte
	elsewhere := false
	mux := http.NewServeMux()
	mux.HandleFunc("/secret-path", func(w http.ResponseWriter, r *http.Request) {
		got = r
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { elsewhere = true })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "your header was "+r.Header.Get("Authorization"), http.StatusInternalServerError)
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err != nil {
			t.Error(err)
		} else {
			conn.Close()
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	gone := httptest.NewServer(nil)
	gone.Close()

	want := message(t)
	for _, c := range []struct{ url, error string }{
		{server.URL + "/secret-path", ""},
		{server.URL + "/moved", "it answered 307 Temporary Redirect, expected 2xx"},
		{server.URL + "/broken", "it answered 500 Internal Server Error, expected 2xx"},
		{server.URL + "/cut", "EOF"},
		{gone.URL + "/secret-path", "connection refused"},
		{"http://[broken/secret-path", "its URL is not valid"},
	} {
		got, body = nil, nil
		err := newWebhook(config.Webhook{URL: config.Secret(c.url), Token: webhookToken}).Send(t.Context(), want)
		if c.error != "" {
			if err == nil || !strings.Contains(err.Error(), c.error) || strings.Contains(err.Error(), webhookToken) || strings.Contains(err.Error(), "secret-path") {
				t.Errorf("%s: got error %v, want one with %q and neither URL nor token", c.url, err, c.error)
			}
			continue
		}
		var m Message
		if err != nil || got == nil || got.Method != http.MethodPost || got.Header.Get("Authorization") != "Bearer "+webhookToken || got.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: got error %v, request %+v, want a POST of JSON with the token", c.url, err, got)
		}
		if err := json.Unmarshal(body, &m); err != nil || m.ID != want.ID || m.Alert != RunFailed || m.State != Begun || m.Text != want.Text || !m.Since.Equal(want.Since) {
			t.Errorf("body: got %s, %v, want %+v", body, err, want)
		}
	}
	if elsewhere {
		t.Error("the alert followed a redirect, want it to go nowhere else")
	}
}

func TestChannels(t *testing.T) {
	for _, c := range []struct {
		in   config.Alerts
		want string
	}{
		{config.Alerts{}, ""},
		{config.Alerts{Webhook: &config.Webhook{}}, "webhook"},
		{config.Alerts{Webhook: &config.Webhook{}, Email: &config.Email{}}, "email webhook"},
	} {
		var names []string
		for _, channel := range Channels(c.in) {
			names = append(names, channel.Name())
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("channels of %v: got %q, want %q", c.in, got, c.want)
		}
	}
}
