package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"stocktake/internal/config"
)

// webhook delivers by an HTTP request. Its URL may be all that protects the
// receiver, so no error tells it.
type webhook struct {
	c      config.Webhook
	client *http.Client
}

func newWebhook(c config.Webhook) *webhook {
	return &webhook{c, &http.Client{
		Timeout: timeout,
		// What is sent is for the one receiver that is configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (w *webhook) Name() string { return "webhook" }

func (w *webhook) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.c.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		return errors.New("call webhook: its URL is not valid")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "stocktake")
	if token := w.c.Token.Reveal(); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := w.client.Do(request)
	if err != nil {
		var about *url.Error // its text begins with the URL
		if errors.As(err, &about) {
			err = about.Err
		}
		return fmt.Errorf("call webhook: %w", without(err, w.c.URL, w.c.Token))
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("call webhook: %w", without(err, w.c.URL, w.c.Token))
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("call webhook: it answered %d %s, expected 2xx", response.StatusCode, http.StatusText(response.StatusCode))
	}
	return nil
}

// Channels returns the ways that are configured.
func Channels(c config.Alerts) []Channel {
	var channels []Channel
	if c.Email != nil {
		channels = append(channels, &email{c: *c.Email})
	}
	if c.Webhook != nil {
		channels = append(channels, newWebhook(*c.Webhook))
	}
	return channels
}

// without hides secrets that a server or a library repeated in an error.
func without(err error, secrets ...config.Secret) error {
	text := err.Error()
	clean := text
	for _, s := range secrets {
		if s.Reveal() != "" {
			clean = strings.ReplaceAll(clean, s.Reveal(), s.String())
		}
	}
	if clean == text {
		return err
	}
	return errors.New(clean)
}
