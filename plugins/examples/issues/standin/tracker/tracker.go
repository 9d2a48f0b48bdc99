// Package tracker is an issue tracker in memory with a REST API behind a token.
package tracker

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Issue is an issue as the API writes it.
type Issue struct {
	Number  int       `json:"number"`
	Title   string    `json:"title"`
	Body    string    `json:"body"`
	State   string    `json:"state"`
	Labels  []string  `json:"labels"`
	Author  string    `json:"author"`
	Created time.Time `json:"created"`
}

// Tracker answers GET /user, GET /issues and POST /issues. Make it with [New].
type Tracker struct {
	mux   *http.ServeMux
	token string

	mu     sync.Mutex
	issues []Issue // the oldest first
}

// login is the one account.
const login = "ada"

// New returns a tracker with two issues that wants the given bearer token.
func New(token string) *Tracker {
	t := &Tracker{mux: http.NewServeMux(), token: token, issues: []Issue{
		{1, "The door squeaks", "Every morning.", "open", []string{"bug"}, login, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)},
		{2, "Paint the wall", "White, please.", "closed", []string{"wish"}, login, time.Date(2026, 1, 6, 9, 0, 0, 0, time.UTC)},
	}}
	t.mux.HandleFunc("GET /user", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"login": login, "name": "Ada"})
	})
	t.mux.HandleFunc("GET /issues", t.list)
	t.mux.HandleFunc("POST /issues", t.create)
	return t
}

// ServeHTTP implements http.Handler.
func (t *Tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+t.token)) != 1 {
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	t.mux.ServeHTTP(w, r)
}

func (t *Tracker) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page, count := number(q.Get("page"), 1), number(q.Get("per_page"), 30)
	found := []Issue{}
	t.mu.Lock()
	for _, i := range slices.Backward(t.issues) {
		state, label := q.Get("state"), q.Get("labels")
		if (state == "" || state == "all" || state == i.State) && (label == "" || slices.Contains(i.Labels, label)) {
			found = append(found, i)
		}
	}
	t.mu.Unlock()
	from := min((page-1)*count, len(found))
	answer(w, http.StatusOK, found[from:min(from+count, len(found))])
}

// number reads a count of 1 to 1000; anything else is the default.
func number(s string, otherwise int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1000 {
		return otherwise
	}
	return n
}

func (t *Tracker) create(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Title  string   `json:"title"`
		Body   string   `json:"body"`
		Labels []string `json:"labels"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil || in.Title == "" {
		refuse(w, http.StatusUnprocessableEntity, "want a JSON object with a title")
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := Issue{len(t.issues) + 1, in.Title, in.Body, "open", in.Labels, login, time.Now().UTC().Truncate(time.Second)}
	t.issues = append(t.issues, i)
	answer(w, http.StatusCreated, i)
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The only error is that the caller is gone.
	_ = json.NewEncoder(w).Encode(v)
}
