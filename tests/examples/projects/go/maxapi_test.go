package studio

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"
)

// Sandbox is the isolated world of one API key in the mock; its clock stands still.
type Sandbox struct {
	BaseURL, APIKey string
	t               *testing.T
}

// NewSandbox opens a sandbox of the mock that `maxapi-mock run` has started, until the test ends.
func NewSandbox(t *testing.T) *Sandbox {
	t.Helper()
	url := os.Getenv("MAXAPI_MOCK_URL")
	if url == "" {
		t.Skip("start the tests by: maxapi-mock run -- go test ./...")
	}
	key := make([]byte, 8)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	sandbox := &Sandbox{BaseURL: url, APIKey: "go-" + hex.EncodeToString(key), t: t}
	sandbox.Control(http.MethodPost, "clock", map[string]any{"freeze": true})
	t.Cleanup(func() { sandbox.Control(http.MethodPost, "reset", nil) })
	return sandbox
}

// Control calls a route of the control plane; it fails the test if the mock rejects the request.
func (s *Sandbox) Control(method, path string, document any) map[string]any {
	s.t.Helper()
	var body bytes.Buffer
	if document != nil {
		if err := json.NewEncoder(&body).Encode(document); err != nil {
			s.t.Fatal(err)
		}
	}
	request, err := http.NewRequest(method, s.BaseURL+"/__mock/"+path, &body)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.APIKey)
	request.Header.Set("X-Mock-Label", s.t.Name())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var found map[string]any
	if err := json.NewDecoder(response.Body).Decode(&found); err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: %v", method, path, found["msg"])
	}
	return found
}

// Match says which requests match: by method, path and model (globs), prompt, user_id, nth.
type Match map[string]any

// Scenario applies scenarios to the next requests that match.
func (s *Sandbox) Scenario(scenario string, times int, match Match) {
	s.t.Helper()
	rule := map[string]any{"scenario": scenario, "times": times, "match": match}
	s.Control(http.MethodPost, "rules", rule)
}

// Advance moves the clock: it is what an app waits by in a test.
func (s *Sandbox) Advance(duration time.Duration) {
	s.t.Helper()
	s.Control(http.MethodPost, "clock", map[string]any{"advance": duration.Seconds()})
}

// WaitUntilIdle moves the clock until all tasks have ended and all webhooks are sent.
func (s *Sandbox) WaitUntilIdle() {
	s.t.Helper()
	s.Control(http.MethodPost, "clock", map[string]any{"advance_until": "idle"})
}
