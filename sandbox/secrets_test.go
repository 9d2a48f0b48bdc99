package sandbox

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// marker is what the guest gets in plain and was never told: a scan that finds it
// would find the secret as well.
const marker = "m4rk3r-51d0c8e6f2"

// forms are the texts by which the secret could be known.
var forms = map[string]string{
	"as it is":  canary,
	"in base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(canary[:len(canary)/3*3])), "="),
	"in hex":    hex.EncodeToString([]byte(canary)),
	"reversed":  reversed(canary),
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// upstream is what a secret is granted for, and where it is redirected to.
type upstream struct {
	*httptest.Server
	elsewhere *httptest.Server
	seen      atomic.Int64 // requests that have the secret
	stray     atomic.Int64 // of these, elsewhere
}

func newUpstream(t *testing.T) *upstream {
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(u.echo))
	t.Cleanup(u.Close)
	u.elsewhere = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if all, err := httputil.DumpRequest(r, true); err != nil || strings.Contains(string(all), canary) {
			u.stray.Add(1)
		}
		fmt.Fprintf(w, "elsewhere %q %q", r.Header.Get("X-Key"), r.Header.Get("Authorization"))
	}))
	t.Cleanup(u.elsewhere.Close)
	return u
}

// echo answers with what it got, in every form.
func (u *upstream) echo(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	all := r.Header.Get("X-Key") + r.Header.Get("Authorization") + string(b)
	if strings.Contains(all, canary) {
		u.seen.Add(1)
	}
	switch r.URL.Path {
	case "/found":
		http.Redirect(w, r, u.elsewhere.URL, http.StatusFound)
	case "/temporary": // the method and the body stay
		http.Redirect(w, r, u.elsewhere.URL, http.StatusTemporaryRedirect)
	default:
		w.Header().Set("X-Echo", all)
		fmt.Fprintf(w, "%s plain=%s base64=%s hex=%s query=%s reversed=%s", marker, all, base64.StdEncoding.EncodeToString([]byte(all)),
			hex.EncodeToString([]byte(all)), url.QueryEscape(all), reversed(all))
	}
}

// scanFor looks for a text in the memory of the instance.
func scanFor(name, text string) attack {
	masked := []byte(text)
	for i := range masked {
		masked[i] = ^masked[i]
	}
	return attack{name: name, tool: "scan", arguments: fmt.Sprintf(`{"masked":%q}`, base64.StdEncoding.EncodeToString(masked))}
}

// TestSecrets has one instance for all attacks, so that what a use of the secret
// left in its memory is still there when that is looked through.
func TestSecrets(t *testing.T) {
	u := newUpstream(t)
	state := t.TempDir()
	p := start(t, attackerConfig(t, "    lifetime: process\n    grants:\n      http: ['"+u.URL+"', '"+u.elsewhere.URL+"']\n"+
		"      secrets: {key: 'env:HOST_CANARY@"+strings.TrimPrefix(u.URL, "http://")+"'}\n"),
		"HOST_CANARY="+canary, "XDG_STATE_HOME="+state, "XDG_DATA_HOME="+state)
	use := func(name, path, place string, want ...string) attack {
		return attack{name: name, tool: "fetch", arguments: fmt.Sprintf(`{"url":%q,"secret":"key","redirects":5,%s}`, u.URL+path, place), want: want}
	}
	const (
		key        = `"headers":[["X-Key","SECRET"]]`
		credential = `"headers":[["Authorization","Bearer SECRET"]]`
		body       = `"body":"{\"k\":\"SECRET\"}"`
	)
	attacks := []attack{
		use("echo of a header", "", key, `"X-Echo","[secret:key]"`, marker, "plain=[secret:key]", "base64=[secret:key]", "hex=[secret:key]",
			"query=[secret:key]", "reversed=[secret:key]"),
		use("echo of a credential", "", credential, `"X-Echo","Bearer [secret:key]"`, "plain=Bearer [secret:key]", "reversed=[secret:key] reraeB"),
		use("echo of a body", "", body, `"X-Echo","{\"k\":\"[secret:key]\"}"`, `plain={"k":"[secret:key]"}`, `reversed=}"[secret:key]":"k"{`),
		use("header behind a redirect", "/found", key, `elsewhere "" ""`),
		use("credential behind a redirect", "/found", credential, `elsewhere "" ""`),
		use("header behind a redirect that keeps the method", "/temporary", key, `elsewhere "" ""`),
		use("body behind a redirect", "/temporary", body, "error"),
		{name: "environment", tool: "environment", want: []string{"env []"}},
	}
	uses := int64(7)
	found := scanFor("the guest's memory, what it got in plain", marker)
	found.want, found.never = []string{"found "}, []string{"found 0 in"}
	attacks = append(attacks, found)
	for _, name := range slices.Sorted(maps.Keys(forms)) {
		a := scanFor("the guest's memory, the secret "+name, forms[name])
		a.want = []string{"found 0 in"}
		attacks = append(attacks, a)
	}
	for i := range attacks {
		for _, form := range forms {
			attacks[i].never = append(attacks[i].never, form)
		}
	}
	runAll(t, "secrets", p, attacks)
	if n := u.seen.Load(); n != uses {
		t.Errorf("the secret arrived %d times where it was granted, want %d", n, uses)
	}
	if n := u.stray.Load(); n != 0 {
		t.Errorf("the secret arrived %d times where it was not granted", n)
	}
	searchFiles(t, state, cacheDir)
}

// searchFiles looks for the secret in every file below folders.
func searchFiles(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return nil // a folder
			}
			for name, form := range forms {
				if strings.Contains(string(b), form) {
					t.Errorf("%s has the secret %s", path, name)
				}
			}
			return nil
		})
	}
}
