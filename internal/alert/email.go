package alert

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"time"

	"github.com/wneessen/go-mail"

	"stocktake/internal/config"
)

// timeout bounds one delivery, so that a server that hangs holds up nothing.
const timeout = 30 * time.Second

// email delivers by SMTP.
type email struct {
	c     config.Email
	roots *x509.CertPool // nil is those of the system
}

func (e *email) Name() string { return "email" }

func (e *email) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// The library leaves a connection open when it fails before the first mail,
	// and looks at the context while it dials only.
	hangUp := func(conn net.Conn) { context.AfterFunc(ctx, func() { conn.Close() }) }
	client, err := e.client(hangUp)
	if err != nil {
		return fmt.Errorf("set up mail by %s: %w", e.c.Host, err)
	}
	letter, err := e.letter(m)
	if err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	// Once the server has taken the mail, a quarrel about the goodbye would only
	// make it come twice.
	if err := client.DialAndSendWithContext(ctx, letter); err != nil && !letter.IsDelivered() {
		return fmt.Errorf("send mail by %s: %w", e.c.Host, without(err, e.c.Password))
	}
	return nil
}

func (e *email) client(opened func(net.Conn)) (*mail.Client, error) {
	policy, ok := map[string]mail.TLSPolicy{
		"starttls": mail.TLSMandatory,
		"none":     mail.NoTLS,
		"tls":      mail.TLSOpportunistic, // of a connection that is under TLS when it comes from dial
	}[e.c.TLS]
	if !ok {
		return nil, fmt.Errorf("tls %q: expected starttls, tls or none", e.c.TLS)
	}
	options := []mail.Option{
		mail.WithPort(e.c.Port), mail.WithTimeout(timeout), mail.WithTLSConfig(e.tls()), mail.WithTLSPolicy(policy),
		mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := e.dial(ctx, network, address)
			if err == nil {
				opened(conn)
			}
			return conn, err
		}),
	}
	if e.c.Username != "" {
		// It takes the best that the server offers, and without TLS only what
		// does not show the password to the network.
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover),
			mail.WithUsername(e.c.Username), mail.WithPassword(e.c.Password.Reveal()))
	}
	return mail.NewClient(e.c.Host, options...)
}

func (e *email) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if e.c.TLS != "tls" {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return (&tls.Dialer{Config: e.tls()}).DialContext(ctx, network, address)
}

func (e *email) tls() *tls.Config {
	return &tls.Config{ServerName: e.c.Host, MinVersion: tls.VersionTLS12, RootCAs: e.roots}
}

func (e *email) letter(m Message) (*mail.Msg, error) {
	letter := mail.NewMsg()
	if err := letter.From(e.c.From); err != nil {
		return nil, err
	}
	if err := letter.To(e.c.To...); err != nil {
		return nil, err
	}
	letter.Subject("stocktake: " + m.Title)
	letter.SetDate()
	letter.SetBulk() // keeps absent people's mailboxes from answering
	// The ID of a second attempt is the same, for mailboxes that drop repeats.
	id := sha256.Sum256([]byte(m.ID + "\x00" + m.Origin))
	letter.SetMessageIDWithValue(hex.EncodeToString(id[:16]) + "@stocktake")
	letter.SetBodyString(mail.TypeTextPlain, m.Text)
	return letter, nil
}
