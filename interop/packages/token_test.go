package packages

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	tokenIssuer  = "loopback tokens"
	tokenService = "loopback registry"
)

// tokenServer hands out tokens for a password, as the distribution project has
// it (distribution.github.io/distribution/spec/auth/token).
type tokenServer struct {
	jwks string // the file of its public key
	sign jose.Signer
}

func newTokenServer(jwks string) (*tokenServer, error) {
	key, err := newECDSA()
	if err != nil {
		return nil, err
	}
	private := jose.JSONWebKey{Key: key, KeyID: "loopback", Algorithm: string(jose.ES256), Use: "sig"}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(jwks, set, 0o600); err != nil {
		return nil, err
	}
	s := &tokenServer{jwks: jwks}
	if s.sign, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, (&jose.SignerOptions{}).WithType("JWT")); err != nil {
		return nil, err
	}
	return s, nil
}

// access is what a token allows: the claim that distribution looks at.
type access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// ServeHTTP answers GET with basic authentication, and POST as OAuth 2 has it.
// Whoever gives no password, or a wrong one, gets no token.
func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, ok := r.BasicAuth()
	if r.Method == http.MethodPost && r.FormValue("grant_type") == "password" {
		user, password, ok = r.FormValue("username"), r.FormValue("password"), true
	}
	if !ok || user != someUser || password != somePassword || r.FormValue("service") != tokenService {
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
		return
	}
	var allowed []access
	for _, scope := range r.Form["scope"] {
		for one := range strings.FieldsSeq(scope) {
			if p := strings.SplitN(one, ":", 3); len(p) == 3 {
				allowed = append(allowed, access{p[0], p[1], strings.Split(p[2], ",")})
			}
		}
	}
	now := time.Now()
	token, err := jwt.Signed(s.sign).Claims(jwt.Claims{
		Issuer: tokenIssuer, Subject: user, Audience: jwt.Audience{tokenService},
		NotBefore: jwt.NewNumericDate(now.Add(-time.Minute)), IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(5 * time.Minute)),
	}).Claims(map[string]any{"access": allowed}).Serialize()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "access_token": token, "expires_in": 300}) // the client's loss
}
