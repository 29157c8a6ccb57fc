package config

import "strings"

func alertsShape(a *Alerts) shape {
	return shape{
		name: "alerts",
		keys: []entry{
			{key: "email", value: maybe(&a.Email, emailShape),
				sample: map[string]any{"host": "smtp.example.com", "from": "stocktake@example.com", "to": []any{"cloud@example.com"}},
				doc:    "send alerts by e-mail"},
			{key: "webhook", value: maybe(&a.Webhook, webhookShape), doc: "send alerts as JSON to a URL"},
			{key: "failed_calls", value: percent(&a.FailedCalls), def: 30,
				doc: "the share of a source's calls in a day, in percent, that has to fail for an alert"},
			{key: "stale", value: duration(&a.Stale, "1h", "365d"), def: "36h", doc: "how long a source may be without a complete run"},
		},
	}
}

func emailShape(e *Email) shape {
	return shape{
		name: "email",
		keys: []entry{
			{key: "host", value: text(&e.Host, hostName), required: true, doc: "the name of the mail server"},
			{key: "port", value: integer(&e.Port, 1, 65535), doc: "its port; where left out 587 for starttls, 465 for tls and 25 for none"},
			{key: "tls", value: text(&e.TLS, oneOf("starttls", "tls", "none")), def: "starttls", doc: "how the connection is encrypted"},
			{key: "username", value: text(&e.Username, anyText), doc: "the user to log in as; no login where left out"},
			{key: "password", value: guarded(&e.Password, password), doc: "the user's password, best as ${NAME}; literal only in a file that others cannot read"},
			{key: "from", value: text(&e.From, mailAddress), required: true, doc: "the address of the sender"},
			{key: "to", value: texts(&e.To, ruled(mailAddress)), required: true, doc: "a list of the addresses of who hears of it"},
		},
		needs: []need{{"username", "password"}, {"password", "username"}},
		done: func(r *reader, key string) {
			if e.TLS == "none" && e.Password != "" {
				r.problem(key+".tls", `"none" beside a password`, `"starttls" or "tls"`, "anyone on the way could read the password")
			}
			if e.Port == 0 {
				e.Port = map[string]int{"starttls": 587, "tls": 465, "none": 25}[e.TLS]
			}
		},
	}
}

func webhookShape(w *Webhook) shape {
	return shape{
		name: "webhook",
		keys: []entry{
			{key: "url", value: guarded(&w.URL, webhookURL), required: true, doc: "the URL to post to, best as ${NAME}; literal only in a file that others cannot read"},
			{key: "token", value: guarded(&w.Token, keyMaterial), doc: "the bearer token to send; literal only in a file that others cannot read"},
		},
		done: func(r *reader, key string) {
			if w.Token != "" && strings.HasPrefix(w.URL.Reveal(), "http:") {
				r.problem(key+".url", "an http:// URL beside a token", "an https:// URL", "anyone on the way could read the token")
			}
		},
	}
}

// checkAlerts refuses alerts that nothing would send.
func checkAlerts(r *reader, f *File) {
	if f.Schedule != nil {
		return
	}
	for _, key := range []string{"alerts.email", "alerts.webhook"} {
		if r.given(key) {
			r.problem(key, "alerts without a schedule", "schedule beside alerts", "stocktake schedule sends them")
		}
	}
}
