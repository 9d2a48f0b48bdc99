package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/catalog"
)

// Bounds of what is fetched by a URL.
const (
	fetchTimeout = time.Minute // of a page
	maxPages     = 500         // of an MCP Registry's answer
	maxRedirects = 5
)

// fetchCatalog gets a catalog by a URL, without credentials. Of an MCP Registry's
// answer it gets all pages.
func fetchCatalog(ctx context.Context, u *url.URL, plainHTTP []string) (*catalogPull, error) {
	if err := checkFetched(u, plainHTTP); err != nil {
		return nil, usage("", "catalog pull: %w", err)
	}
	client := &http.Client{Timeout: fetchTimeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return checkFetched(r.URL, plainHTTP)
	}}
	all, err := fetchPage(ctx, client, u)
	if err != nil {
		return nil, err
	}
	for pages := 1; all.Next != ""; pages++ {
		if pages == maxPages {
			return nil, &failure{ExitInput, fmt.Errorf("catalog %s: more than %d pages: narrow what is asked for", u.Redacted(), maxPages), ""}
		}
		next, query := *u, u.Query()
		query.Set("cursor", all.Next)
		next.RawQuery = query.Encode()
		page, err := fetchPage(ctx, client, &next)
		if err != nil {
			return nil, err
		}
		if page.Next == all.Next {
			return nil, &failure{ExitInput, fmt.Errorf("catalog %s: its pages do not end: the cursor %.100q leads to itself", u.Redacted(), all.Next), ""}
		}
		if err := all.Merge(page); err != nil {
			return nil, &failure{ExitInput, err, ""}
		}
	}
	return readPull(all, u.Redacted(), u.Hostname())
}

// checkFetched refuses what could be read or changed on its way. Credentials in a
// URL would be kept with the catalog.
func checkFetched(u *url.URL, plainHTTP []string) error {
	addr, err := netip.ParseAddr(u.Hostname())
	loopback := err == nil && addr.IsLoopback() || u.Hostname() == "localhost"
	switch {
	case u.Host == "":
		return fmt.Errorf("%s: the URL has no host", u.Redacted())
	case u.User != nil:
		return fmt.Errorf("%s: a URL with a user or password is not fetched", u.Redacted())
	case u.Scheme == "https" || u.Scheme == "http" && (loopback || slices.Contains(plainHTTP, u.Host)):
		return nil
	}
	return fmt.Errorf("%s: want https, or --plain-http %s", u.Redacted(), u.Host)
}

func fetchPage(ctx context.Context, client *http.Client, u *url.URL) (*catalog.Reading, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json, application/yaml, text/plain;q=0.9, */*;q=0.5")
	request.Header.Set("User-Agent", "mcpwasm/"+version())
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get the catalog: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if response.StatusCode != http.StatusOK {
		return nil, &failure{ExitInput, fmt.Errorf("get the catalog %s: the answer is %s", u.Redacted(), response.Status), ""}
	}
	// One byte too many is left for Read to refuse.
	data, err := io.ReadAll(io.LimitReader(response.Body, catalog.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("get the catalog: %w", err)
	}
	r, err := catalog.Read(data)
	if err != nil {
		return nil, &failure{ExitInput, fmt.Errorf("%s: %w", u.Redacted(), err), ""}
	}
	if r.Next != "" && r.Format != catalog.FormatRegistry {
		return nil, errors.New("only an MCP Registry's answer has pages")
	}
	return r, nil
}
