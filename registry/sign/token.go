package sign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// TokenAudience is whom identity tokens for Fulcio are made out to.
const TokenAudience = "sigstore"

// maxTokenBytes bounds an identity token.
const maxTokenBytes = 64 << 10

// GitHubToken gets an identity token of the workflow that runs: GitHub Actions gives a
// job with the permission "id-token: write" the URL and the bearer token in
// ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN
// (docs.github.com, "OpenID Connect reference").
func GitHubToken(ctx context.Context, requestURL, bearer string) (string, error) {
	token, err := gitHubToken(ctx, requestURL, bearer)
	if err != nil {
		return "", fmt.Errorf("GitHub Actions: %w", err)
	}
	return token, nil
}

func gitHubToken(ctx context.Context, requestURL, bearer string) (string, error) {
	if err := checkURL(requestURL); err != nil {
		return "", err
	}
	u, err := url.Parse(requestURL)
	if err != nil {
		return "", err
	}
	query := u.Query()
	query.Set("audience", TokenAudience)
	u.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, serviceTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "bearer "+bearer)
	response, err := noRedirects{http.DefaultTransport}.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTokenBytes))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers with status %d", u.Host, response.StatusCode)
	}
	var answer struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Value == "" {
		return "", errors.New("the answer has no token in it")
	}
	return answer.Value, nil
}
